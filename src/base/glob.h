/* SPDX-License-Identifier: Apache-2.0 */
/* Matching a glob as in redis: '*', '?', '[a-z]', '[^a]', '\' escapes. Works on bytes and never
 * recurses. An unclosed '[', and every one behind it, stands for itself.
 *
 * Worst patterns take pattern x text steps, so a match can be made in parts: whoever serves others
 * meanwhile gives it a number of steps at a time. A step is a byte of the pattern looked at. */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include "base/slice.h"

struct glob {
    struct slice pattern;
    struct slice text;
    size_t p; /* both are matched up to here */
    size_t t;
    size_t star; /* behind the last '*'; SIZE_MAX: none yet */
    size_t star_text;
    size_t literal_from; /* of the pattern; there '[' stands for itself */
};

enum glob_answer { GLOB_NO, GLOB_YES, GLOB_MORE };

/* Both slices stay the caller's, and must be there until the last run. */
void glob_init(struct glob *glob, struct slice pattern, struct slice text);

/* Goes on for *steps steps, and at most a pattern's length more, and takes those made off it (not
 * below 0). GLOB_MORE: it wasn't enough. A match takes (pattern + 1) x (text + 2) steps in all at
 * worst. */
enum glob_answer glob_run(struct glob *glob, size_t *steps);

#endif
