/* SPDX-License-Identifier: Apache-2.0 */
/* How many columns of a terminal text takes: East Asian wide characters two, combining ones none.
 * The process's LC_CTYPE must be a UTF-8 one. */
#ifndef CLI_WIDTH_H
#define CLI_WIDTH_H

#include "base/buf.h"
#include "base/slice.h"

size_t width_of(struct slice text);

/* The size in bytes of the longest beginning that takes at most `width`; whole characters with
 * what combines with them. */
size_t width_cut(struct slice text, size_t width, size_t *ret_width);

/* Appends text from a table so that a terminal shows it and obeys none of it: controls, characters
 * that turn the direction of writing and malformed UTF-8 become \n, \t, \xFF or \u{202E}. `quote`
 * is escaped by a backslash, too, and so is the backslash itself; 0: neither. */
void width_escape(struct buf *out, struct slice text, char quote);

#endif
