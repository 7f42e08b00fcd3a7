/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as text, exactly: the shortest decimal that reads back as the same value, decimals digit
 * by digit. */
#ifndef CLI_VALUE_NUMBER_H
#define CLI_VALUE_NUMBER_H

#include "base/buf.h"

void value_half(struct buf *out, uint16_t bits);

/* A two's complement integer of `size` bytes (4, 8, 16 or 32), in the machine's byte order, times
 * 10 to the -scale. */
void value_decimal(struct buf *out, const void *bytes, size_t size, long scale);

void value_integer(struct buf *out, int64_t value);
void value_unsigned(struct buf *out, uint64_t value);
void value_padded(struct buf *out, uint64_t value, int width); /* at most 20, with zeros before */

#endif
