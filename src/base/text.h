/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people and for the wire: sizes, durations, UTF-8, percent-escapes. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum { text_figure_size = 32 }; /* room for one figure, NUL included */

/* "2.0 GiB", "17 B": binary units, one decimal from KiB on. Gives `ret`. */
const char *text_size(char ret[text_figure_size], uint64_t bytes);

/* "2.0GB", "17B": the same figures under their everyday names. */
const char *text_size_short(char ret[text_figure_size], uint64_t bytes);

/* "1.83 s", "12.4 ms", "870 us", "2 m 05 s". */
const char *text_duration(char ret[text_figure_size], uint64_t ns);

/* "4,194,304" */
const char *text_count(char ret[text_figure_size], uint64_t count);

/* "2GiB", "512 MiB", "1.5g", "4096": a plain number is bytes; K M G T, with or without "iB", are
 * binary; "kB", "MB", "GB", "TB" are decimal. False when it isn't a size or doesn't fit. */
bool text_parse_size(const char *text, uint64_t *ret_bytes);

/* "60s", "500ms", "5m", "2h", "10" (seconds), "1.5s". */
bool text_parse_duration(const char *text, uint64_t *ret_ns);

/* Well-formed UTF-8 (Unicode table 3-7: no overlong forms, no surrogates). */
bool text_is_utf8(struct slice bytes);

/* The length of the well-formed UTF-8 sequence at the start of `bytes` and its code point; 0 when
 * there is none. */
size_t text_utf8_length(struct slice bytes, uint32_t *ret_code);

/* A key as shown to people: printable UTF-8 as it is; every other byte, and '%', as %XX. */
bool text_escape(struct buf *buf, struct slice bytes);
/* The way back; false on a '%' that isn't followed by two hex digits. */
bool text_unescape(struct buf *buf, struct slice text);

/* grpc-message: bytes outside 0x20..0x7e, and '%', as %XX (gRPC over HTTP/2). */
bool text_percent(struct buf *buf, struct slice bytes);

/* Base64, RFC 4648 section 4. Decoding takes it padded and unpadded. */
bool text_base64(struct buf *buf, struct slice bytes, bool padded);
bool text_unbase64(struct buf *buf, struct slice text);

/* The candidate nearest to `word` by edit distance, NULL when none is near enough to suggest. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

#endif
