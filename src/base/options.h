/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the options structs of the public header, whose first member, a size_t, says how large
 * the struct is for the caller, who may have been built with another version. */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include <stddef.h>

#include "flightkv/status.h"

/* No options struct is near this; a size beyond it was never set. */
enum { options_bytes_max = 4096 };

/* Copies what the caller gave (NULL: nothing) to *ret, of `size` bytes: members that it lacks are
 * 0. INVALID_ARGUMENT, naming the struct, when its size can't be one, or when a member behind those
 * known here isn't 0. */
enum fkv_status options_read(const void *given, const char *name, void *ret, size_t size,
                             struct fkv_error *error);

#endif
