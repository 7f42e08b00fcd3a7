/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/ipc_stream.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { prefix_bytes = 8, path_size = 4096, file_bytes_max = 1 << 26 };

#define CONTINUATION UINT32_MAX

bool ipc_stream_next(struct slice *rest, struct slice *ret_header)
{
    struct slice s = *rest;
    if (s.size >= prefix_bytes && load_le32(s.data) == CONTINUATION)
        slice_take(&s, sizeof CONTINUATION);
    if (s.size < sizeof(uint32_t))
        return false;
    uint32_t size = load_le32(slice_take(&s, sizeof size).data);
    if (size == 0 || size > s.size)
        return false;
    *ret_header = slice_take(&s, size);
    *rest = s;
    return true;
}

void ipc_stream_put(struct buf *stream, struct slice header)
{
    static const uint8_t zeros[8];
    size_t padding = (8 - header.size % 8) % 8;
    uint8_t *prefix = buf_extend(stream, prefix_bytes);
    if (prefix == NULL)
        return;
    store_le32(prefix, CONTINUATION);
    store_le32(prefix + 4, (uint32_t)(header.size + padding));
    buf_append(stream, header.data, header.size);
    buf_append(stream, zeros, padding);
}

bool ipc_stream_load(const char *path, struct buf *ret)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    buf_init(ret, alloc_system(), file_bytes_max);
    uint8_t chunk[4096];
    size_t size;
    while ((size = fread(chunk, 1, sizeof chunk, file)) > 0)
        buf_append(ret, chunk, size);
    bool is_read = !ferror(file) && !ret->failed;
    fclose(file);
    if (!is_read)
        buf_done(ret);
    return is_read;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t size = strlen(name), end = strlen(suffix);
    return name[0] != '.' && size >= end && strcmp(name + size - end, suffix) == 0;
}

size_t ipc_stream_each(const char *folder, const char *suffix, ipc_stream_visit *visit,
                       void *context)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    size_t visited = 0;
    for (int i = 0; i < count; i++) {
        char path[path_size];
        struct buf bytes;
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (ends_with(entries[i]->d_name, suffix) && ipc_stream_load(path, &bytes)) {
            visit(context, path, buf_slice(&bytes));
            buf_done(&bytes);
            visited++;
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return visited;
}

const char *ipc_stream_golden(void)
{
    static const char beside[] = "../shared/golden";
    const char *named = getenv("FKV_GOLDEN");
    if (named != NULL)
        return named;
    return access(beside, R_OK) == 0 ? beside : NULL;
}
