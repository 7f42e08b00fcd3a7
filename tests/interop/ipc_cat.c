/* SPDX-License-Identifier: Apache-2.0 */
/* ipc_cat [--file] [--compress lz4|zstd] [--deltas] [--align N] [--slice A:B] <in >out
 *
 * Reads an IPC stream or file from stdin through the reader and writes it to stdout through the
 * writer. --slice makes every batch its rows [A, B) by offset and length alone. For
 * test_ipc_roundtrip.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/file.h"

struct options {
    enum ipc_file_format format;
    struct ipc_writer_options writer;
    int64_t from, to;
};

/* A stream that cuts the batches of another one. */
struct cutter {
    struct ArrowArrayStream source;
    const struct options *options;
};

static int cutter_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct cutter *cutter = stream->private_data;
    return cutter->source.get_schema(&cutter->source, out);
}

static int64_t at_most(int64_t value, int64_t limit)
{
    return value < limit ? value : limit;
}

static int cutter_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct cutter *cutter = stream->private_data;
    int code = cutter->source.get_next(&cutter->source, out);
    if (code != 0 || out->release == NULL)
        return code;
    int64_t from = at_most(cutter->options->from, out->length);
    out->length = at_most(cutter->options->to, out->length) - from;
    out->offset += from;
    return 0;
}

static const char *cutter_error(struct ArrowArrayStream *stream)
{
    struct cutter *cutter = stream->private_data;
    return cutter->source.get_last_error(&cutter->source);
}

static void cutter_release(struct ArrowArrayStream *stream)
{
    struct cutter *cutter = stream->private_data;
    cutter->source.release(&cutter->source);
    stream->release = NULL;
}

static bool read_option(struct options *options, const char *name, const char *value, int *ret_used)
{
    *ret_used = 2;
    if (strcmp(name, "--compress") == 0 && value != NULL) {
        options->writer.codec = strcmp(value, "lz4") == 0 ? IPC_CODEC_LZ4 : IPC_CODEC_ZSTD;
        return true;
    }
    if (strcmp(name, "--align") == 0 && value != NULL) {
        options->writer.alignment = (uint32_t)strtol(value, NULL, 10);
        return true;
    }
    if (strcmp(name, "--slice") == 0 && value != NULL) {
        char *colon;
        options->from = strtol(value, &colon, 10);
        options->to = strtol(colon + 1, NULL, 10);
        return true;
    }
    *ret_used = 1;
    if (strcmp(name, "--file") == 0)
        options->format = IPC_FILE_FILE;
    else if (strcmp(name, "--deltas") == 0)
        options->writer.dictionary_deltas = true;
    else
        return false;
    return true;
}

static bool read_options(struct options *options, int argc, char **argv)
{
    for (int i = 1, used; i < argc; i += used)
        if (!read_option(options, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used))
            return false;
    return true;
}

static enum fkv_status copy(const struct options *options, struct fkv_error *error)
{
    struct cutter cutter = {.options = options};
    const struct alloc *alloc = alloc_system();
    enum fkv_status status =
        ipc_file_read(alloc, dup(STDIN_FILENO), &IPC_LIMITS_DEFAULT, &cutter.source, error);
    if (status != FKV_OK)
        return status;
    struct ArrowArrayStream stream = {.get_schema = cutter_schema,
                                      .get_next = cutter_next,
                                      .get_last_error = cutter_error,
                                      .release = cutter_release,
                                      .private_data = &cutter};
    struct ipc_write_result result;
    bool is_whole = options->from == 0 && options->to == INT64_MAX;
    return ipc_file_write(alloc, is_whole ? &cutter.source : &stream, STDOUT_FILENO,
                          options->format, &options->writer, NULL, NULL, &result, error);
}

int main(int argc, char **argv)
{
    struct options options = {.writer = {.codec = IPC_CODEC_NONE}, .to = INT64_MAX};
    struct fkv_error error = {0};
    if (!read_options(&options, argc, argv)) {
        fprintf(stderr, "usage: ipc_cat [--file] [--compress lz4|zstd] [--deltas] [--align N] "
                        "[--slice A:B]\n");
        return 2;
    }
    if (copy(&options, &error) == FKV_OK)
        return 0;
    fprintf(stderr, "%s: %s\n", fkv_status_text(error.status), error.message);
    return 1;
}
