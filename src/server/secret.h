/* SPDX-License-Identifier: Apache-2.0 */
/* Random text that can't be guessed. */
#ifndef SERVER_SECRET_H
#define SERVER_SECRET_H

#include <stddef.h>

#include "flightkv/status.h"

enum { secret_digits_max = 64 };

/* As many hex digits, 4 random bits each, with a NUL behind them; an even number of them. */
enum fkv_status secret_make(char *ret, size_t digits, struct fkv_error *error);

#endif
