/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzz target defines: libFuzzer calls it with inputs that it makes up, regression.c
 * with those of a corpus. The bytes are on loan until it returns, which is always with 0; what must
 * not be, aborts. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
