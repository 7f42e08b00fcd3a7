/* SPDX-License-Identifier: Apache-2.0 */
/* One line on a terminal that says how far something is, how fast it goes and how long it will
 * take; nothing where standard error isn't a terminal. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/cli.h"

struct progress {
    FILE *out; /* NULL: silent */
    const char *verb;
    uint64_t started_ns;
    uint64_t drawn_ns; /* 0 = never */
};

/* `verb` as in "Putting"; must outlive the progress. */
void progress_begin(struct progress *progress, const struct cli *cli, const char *verb);

/* `fraction` of the whole is done, negative when that isn't known; `bytes` so far. */
void progress_update(struct progress *progress, double fraction, uint64_t bytes);

/* The line is `text`, now. */
void progress_say(struct progress *progress, const char *text);

/* Takes the line away. */
void progress_end(struct progress *progress);

/* The time since the beginning. */
uint64_t progress_elapsed_ns(const struct progress *progress);

/* The width of the terminal that `out` is; `fallback` where it isn't one. */
size_t terminal_width(FILE *out, size_t fallback);
size_t terminal_height(FILE *out, size_t fallback);

#endif
