/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines in logfmt (https://brandur.org/logfmt):
 *
 *     time=2025-01-31T12:00:00.123Z level=info event=listening uri=grpc+tcp://localhost:6666
 *
 * One call is one write(2), so that lines of several threads don't mix. Values that hold a blank, a
 * quote, '=' or a control byte are quoted and escaped. A NULL log swallows everything. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "flightkv/status.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log {
    int fd;
    enum log_level least;
};

/* Fields are pairs of name and value (both const char *), ended by NULL. */
void log_event(const struct log *log, enum log_level level, const char *event, ...)
    __attribute__((sentinel));

/* Lets one event a second through where peers can cause any number. All zero at first; any thread.
 */
struct log_limit {
    atomic_uint_fast64_t next_ns;
    atomic_uint_fast64_t kept_back;
};

/* Whether the event may be logged; then also how many were kept back since the last one. */
bool log_limit_pass(struct log_limit *limit, uint64_t now_ns, uint64_t *ret_kept_back);

#endif
