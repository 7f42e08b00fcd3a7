/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* POSIX keeps writes of up to PIPE_BUF (4,096) bytes in one piece. */
enum { line_size = 4096 };

struct line {
    char text[line_size];
    size_t size;
};

static void put_bytes(struct line *line, const char *text, size_t size)
{
    size_t room = line_size - 1 - line->size; /* one is kept for the newline */
    if (size > room)
        size = room;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void put_text(struct line *line, const char *text)
{
    put_bytes(line, text, strlen(text));
}

static void put_value(struct line *line, const char *value)
{
    bool plain = *value != '\0';
    for (const char *c = value; *c != '\0'; c++)
        plain =
            plain && (unsigned char)*c > ' ' && *c != '"' && *c != '=' && *c != '\\' && *c != 127;
    if (plain) {
        put_text(line, value);
        return;
    }
    put_text(line, "\"");
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            put_bytes(line, "\\", 1);
            put_bytes(line, c, 1);
        } else if ((unsigned char)*c < ' ' || *c == 127) {
            char escape[8];
            snprintf(escape, sizeof escape, "\\x%02x", (unsigned char)*c);
            put_text(line, escape);
        } else {
            put_bytes(line, c, 1);
        }
    }
    put_text(line, "\"");
}

static void put_time(struct line *line)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char text[64];
    size_t size = strftime(text, sizeof text, "time=%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + size, sizeof text - size, ".%03ldZ", now.tv_nsec / 1000000);
    put_text(line, text);
}

void log_event(const struct log *log, enum log_level level, const char *event, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (log == NULL || level < log->least)
        return;
    struct line line = {.size = 0};
    put_time(&line);
    put_text(&line, " level=");
    put_text(&line, names[level]);
    put_text(&line, " event=");
    put_value(&line, event);
    va_list fields;
    va_start(fields, event);
    for (const char *name; (name = va_arg(fields, const char *)) != NULL;) {
        const char *value = va_arg(fields, const char *);
        put_text(&line, " ");
        put_text(&line, name);
        put_text(&line, "=");
        put_value(&line, value == NULL ? "" : value);
    }
    va_end(fields);
    line.text[line.size++] = '\n';
    ssize_t written = write(log->fd, line.text, line.size);
    (void)written; /* there is nowhere to complain to */
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_ns, uint64_t *ret_kept_back)
{
    uint64_t next = atomic_load(&limit->next_ns);
    if (now_ns < next ||
        !atomic_compare_exchange_strong(&limit->next_ns, &next, now_ns + NS_PER_S)) {
        atomic_fetch_add(&limit->kept_back, 1);
        return false;
    }
    *ret_kept_back = atomic_exchange(&limit->kept_back, 0);
    return true;
}
