/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that a call gives its user, each with all that hangs on it in one piece that
 * fkv_flight_free gives back. */
#ifndef CLIENT_OWNED_H
#define CLIENT_OWNED_H

#include "exchange/convert.h"

/* A message of `size` zeroed bytes; NULL when out of memory. */
void *client_owned_new(const struct alloc *alloc, size_t size);

/* What it consists of may lie here. */
struct flight_memory *client_owned_memory(void *message);

/* A copy of bytes that lives as long; data NULL when out of memory. */
struct slice client_owned_copy(void *message, struct slice bytes);

/* The info inside it whose schema goes with it. */
void client_owned_has(void *message, struct exchange_info *info);

#endif
