/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/streams.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ipc/message.h"

const char *const streams_own = "tests/golden";

const char *streams_further(void)
{
    const char *folder = getenv("FKV_GOLDEN");
    return folder != NULL ? folder : "../shared/golden";
}

/* ---- cutting ---- */

/* The next message's framing: continuation marker and length, or the length alone. */
static bool take_length(struct slice *stream, uint32_t *ret_length)
{
    if (stream->size >= 4 && load_le32(stream->data) == UINT32_MAX)
        slice_take(stream, 4);
    if (stream->size < 4)
        return false;
    *ret_length = load_le32(slice_take(stream, 4).data);
    return true;
}

static bool take_message(struct slice *stream, struct raw_message *ret, bool *ret_end)
{
    struct slice rest = *stream;
    uint32_t length;
    if (!take_length(&rest, &length))
        return false;
    *ret_end = length == 0;
    if (*ret_end)
        return true;
    if (length > rest.size)
        return false;
    const struct ipc_limits limits = IPC_LIMITS_DEFAULT;
    struct ipc_message message;
    *ret = (struct raw_message){.header = slice_take(&rest, length)};
    if (ipc_message_decode(ret->header, &limits, &message, NULL) != FKV_OK ||
        (uint64_t)message.body_length > rest.size)
        return false;
    ret->body = slice_take(&rest, (size_t)message.body_length);
    *stream = rest;
    return true;
}

void stream_cut(struct slice stream, struct cut_stream *ret)
{
    ret->count = 0;
    ret->has_rest = false;
    bool is_end = false;
    while (stream.size > 0 && ret->count < stream_messages_max) {
        struct raw_message *message = &ret->messages[ret->count];
        if (!take_message(&stream, message, &is_end)) {
            *message = (struct raw_message){.header = stream};
            ret->has_rest = true;
            ret->count++;
            break;
        }
        if (is_end)
            break;
        ret->count++;
    }
}

/* ---- files ---- */

struct file_names {
    char *names[4096];
    size_t count;
};

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static void collect(const char *folder, struct file_names *files)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[4096];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || stat(path, &info) != 0)
            continue;
        bool is_stream = ends_with(path, ".stream") || strstr(path, "fuzz-stream/") != NULL;
        if (S_ISDIR(info.st_mode))
            collect(path, files);
        else if (is_stream && files->count < sizeof files->names / sizeof files->names[0])
            files->names[files->count++] = strdup(path);
    }
    closedir(dir);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void file_read(const char *path, struct buf *ret)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t part[4096];
    for (size_t size; (size = fread(part, 1, sizeof part, file)) > 0;)
        assert_true(buf_append(ret, part, size));
    fclose(file);
}

size_t streams_each(const char *folder,
                    void (*use)(void *context, const char *path, struct slice stream),
                    void *context)
{
    static struct file_names files;
    files.count = 0;
    collect(folder, &files);
    qsort(files.names, files.count, sizeof files.names[0], by_name);
    for (size_t i = 0; i < files.count; i++) {
        struct buf stream;
        buf_init(&stream, alloc_system(), SIZE_MAX);
        file_read(files.names[i], &stream);
        use(context, files.names[i], buf_slice(&stream));
        buf_done(&stream);
        free(files.names[i]);
    }
    return files.count;
}
