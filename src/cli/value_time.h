/* SPDX-License-Identifier: Apache-2.0 */
/* Dates, times, timestamps, durations and intervals as text (value.h says how they look). */
#ifndef CLI_VALUE_TIME_H
#define CLI_VALUE_TIME_H

#include "base/buf.h"

/* `unit` is the letter of the C Data interface: s, m, u, n. */
void value_date(struct buf *out, int64_t days);
void value_date_ms(struct buf *out, int64_t ms);
void value_time(struct buf *out, int64_t ticks, char unit);
void value_timestamp(struct buf *out, int64_t ticks, char unit, const char *zone);
void value_duration(struct buf *out, int64_t ticks, char unit);
void value_months(struct buf *out, int32_t months);
void value_day_time(struct buf *out, int32_t days, int32_t ms);
void value_month_day_nano(struct buf *out, int32_t months, int32_t days, int64_t ns);

/* Whether a time lies within a day. */
bool value_is_time(int64_t ticks, char unit);

/* "2024-01-31T12:00:00.500Z", with `between` for the T; the Z where it is an instant. */
void value_timestamp_utc(struct buf *out, int64_t ticks, char unit, char between, bool is_instant);

/* ISO 8601: "P2M3DT-4.500000000S"; "P0D" when all are 0. */
void value_interval_iso(struct buf *out, int32_t months, int32_t days, int64_t ns);

#endif
