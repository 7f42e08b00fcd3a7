/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table_format.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* The part behind the name's last dot, "" without one. */
static const char *ending_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash != NULL ? slash + 1 : path, '.');
    return dot != NULL ? dot + 1 : "";
}

/* The first of each format is its name. */
static const struct {
    const char *ending;
    enum table_format format;
} endings[] = {
    {"arrow", TABLE_IPC_FILE},   {"arrows", TABLE_IPC_STREAM}, {"parquet", TABLE_PARQUET},
    {"csv", TABLE_CSV},          {"json", TABLE_JSON},         {"ndjson", TABLE_NDJSON},
    {"feather", TABLE_IPC_FILE}, {"ipc", TABLE_IPC_FILE},      {"pq", TABLE_PARQUET},
    {"jsonl", TABLE_NDJSON},
};
enum { format_count = 6, ending_count = sizeof endings / sizeof endings[0] };

enum table_format table_format_of(const char *path)
{
    for (size_t i = 0; i < ending_count; i++) {
        if (strcasecmp(ending_of(path), endings[i].ending) == 0)
            return endings[i].format;
    }
    return TABLE_UNKNOWN;
}

enum table_format table_format_named(const char *name)
{
    for (size_t i = 0; i < format_count; i++) {
        if (strcmp(name, endings[i].ending) == 0)
            return endings[i].format;
    }
    return TABLE_UNKNOWN;
}
