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

#endif
