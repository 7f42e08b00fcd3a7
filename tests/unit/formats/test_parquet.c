/* SPDX-License-Identifier: Apache-2.0 */
/* Tables through Parquet files and back, and files that aren't Parquet. Where the module or Arrow
 * C++ is missing, only the errors are tested. */
#include "harness/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "formats/formats.h"

/* A stream of batches with one int64 column "n": 0, 1, 2, ... over all batches; every tenth is
 * null. `fail_at` makes that batch (from 1) fail. */
enum { batch_rows = 1000 };

struct numbers {
    int batches;
    int given;
    int fail_at;
    int *live; /* arrays and streams that aren't released */
};

struct batch {
    struct ArrowArray column;
    struct ArrowArray *children[1];
    const void *no_buffers[1];
    const void *buffers[2];
    uint8_t validity[(batch_rows + 7) / 8];
    int64_t values[batch_rows];
    int *live;
};

static void release_column(struct ArrowArray *array)
{
    array->release = NULL;
}

static void release_batch(struct ArrowArray *array)
{
    struct batch *batch = array->private_data;
    if (batch->column.release != NULL)
        batch->column.release(&batch->column);
    --*batch->live;
    free(batch);
    array->release = NULL;
}

static int next_batch(struct ArrowArrayStream *stream, struct ArrowArray *ret)
{
    struct numbers *numbers = stream->private_data;
    memset(ret, 0, sizeof *ret);
    if (numbers->given == numbers->batches)
        return 0;
    if (numbers->given + 1 == numbers->fail_at)
        return 5;
    struct batch *batch = calloc(1, sizeof *batch);
    assert_non_null(batch);
    batch->live = numbers->live;
    ++*batch->live;
    for (int i = 0; i < batch_rows; i++) {
        batch->values[i] = (int64_t)numbers->given * batch_rows + i;
        if (batch->values[i] % 10 != 0)
            batch->validity[i / 8] |= (uint8_t)(1 << i % 8);
    }
    numbers->given++;
    batch->buffers[0] = batch->validity;
    batch->buffers[1] = batch->values;
    batch->column = (struct ArrowArray){.length = batch_rows,
                                        .null_count = -1,
                                        .n_buffers = 2,
                                        .buffers = batch->buffers,
                                        .release = release_column};
    batch->children[0] = &batch->column;
    *ret = (struct ArrowArray){.length = batch_rows,
                               .n_buffers = 1,
                               .buffers = batch->no_buffers,
                               .n_children = 1,
                               .children = batch->children,
                               .release = release_batch,
                               .private_data = batch};
    return 0;
}

static void release_schema(struct ArrowSchema *schema)
{
    if (schema->n_children > 0) {
        free(schema->children[0]);
        free(schema->children);
    }
    schema->release = NULL;
}

static int numbers_schema(struct ArrowArrayStream *stream, struct ArrowSchema *ret)
{
    (void)stream;
    struct ArrowSchema *column = calloc(1, sizeof *column);
    struct ArrowSchema **children = calloc(1, sizeof *children);
    assert_non_null(column);
    assert_non_null(children);
    *column = (struct ArrowSchema){
        .format = "l", .name = "n", .flags = ARROW_FLAG_NULLABLE, .release = release_schema};
    children[0] = column;
    *ret = (struct ArrowSchema){.format = "+s",
                                .name = "",
                                .n_children = 1,
                                .children = children,
                                .release = release_schema};
    return 0;
}

static const char *numbers_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return "the source broke";
}

static void numbers_release(struct ArrowArrayStream *stream)
{
    struct numbers *numbers = stream->private_data;
    --*numbers->live;
    free(numbers);
    stream->release = NULL;
}

static struct ArrowArrayStream numbers_stream(int batches, int fail_at, int *live)
{
    struct numbers *numbers = calloc(1, sizeof *numbers);
    assert_non_null(numbers);
    *numbers = (struct numbers){.batches = batches, .fail_at = fail_at, .live = live};
    ++*live;
    return (struct ArrowArrayStream){numbers_schema, next_batch, numbers_error, numbers_release,
                                     numbers};
}

static struct formats *load_or_skip(void)
{
    struct fkv_error error;
    struct formats *formats;
    enum fkv_status status = formats_load(&formats, &error);
    if (status == FKV_UNIMPLEMENTED) {
        print_message("%s\n", error.message);
        skip();
    }
    assert_int_equal(status, FKV_OK);
    return formats;
}

/* A new file; the test unlinks it. */
static int scratch_file(char path[32])
{
    snprintf(path, 32, "/tmp/fkv-parquet-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    return fd;
}

static int64_t check_numbers(struct ArrowArrayStream *stream, int64_t most_rows)
{
    int64_t seen = 0;
    for (;;) {
        struct ArrowArray batch;
        assert_int_equal(stream->get_next(stream, &batch), 0);
        if (batch.release == NULL)
            return seen;
        assert_true(batch.length <= most_rows);
        assert_int_equal(batch.n_children, 1);
        const struct ArrowArray *column = batch.children[0];
        const uint8_t *validity = column->buffers[0];
        const int64_t *values = column->buffers[1];
        for (int64_t i = 0; i < batch.length; i++, seen++) {
            int64_t at = column->offset + i;
            bool is_valid = validity[at / 8] >> at % 8 & 1;
            assert_int_equal(is_valid, seen % 10 != 0);
            if (is_valid)
                assert_int_equal(values[at], seen);
        }
        batch.release(&batch);
    }
}

static void write_and_read(const char *compression, bool plain)
{
    struct fkv_error error;
    struct formats *formats = load_or_skip();
    char path[32];
    int fd = scratch_file(path), live = 0;
    struct ArrowArrayStream stream = numbers_stream(5, 0, &live);
    struct formats_parquet_options options = {
        .compression = compression, .plain = plain, .row_group_rows = 1500};
    struct fkv_progress result;
    int64_t rows = 0;
    assert_ok(formats_parquet_write(formats, &stream, fd, &options, &result, &error));
    assert_int_equal(live, 0);
    assert_int_equal(result.rows, 5 * batch_rows);
    assert_int_equal(result.batches, 5);
    assert_true(result.bytes >= 5 * batch_rows * sizeof(int64_t));
    assert_true(fcntl(fd, F_GETFD) >= 0);

    assert_ok(formats_parquet_read(formats, path, 700, &stream, &rows, &error));
    assert_int_equal(rows, 5 * batch_rows);
    assert_int_equal(check_numbers(&stream, 700), 5 * batch_rows);
    stream.release(&stream);
    unlink(path);
    close(fd);
    formats_unload(formats);
}

static void goes_there_and_back(void **state)
{
    (void)state;
    static const char *const compressions[] = {NULL,  "snappy", "zstd", "gzip",
                                               "lz4", "brotli", "none"};
    for (size_t i = 0; i < sizeof compressions / sizeof compressions[0]; i++)
        write_and_read(compressions[i], i % 2 == 0);
}

static void says_why_writing_failed(void **state)
{
    (void)state;
    struct fkv_error error;
    struct formats *formats = load_or_skip();
    int live = 0, full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);

    struct ArrowArrayStream stream = numbers_stream(3, 0, &live);
    assert_int_equal(formats_parquet_write(formats, &stream, full, NULL, NULL, &error),
                     FKV_RESOURCE_EXHAUSTED);
    assert_string_equal(error.message, "cannot write: No space left on device");

    stream = numbers_stream(3, 2, &live);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_int_not_equal(formats_parquet_write(formats, &stream, null, NULL, NULL, &error), FKV_OK);
    assert_non_null(strstr(error.message, "the source broke"));

    stream = numbers_stream(1, 0, &live);
    struct formats_parquet_options options = {.compression = "lzma"};
    assert_int_equal(formats_parquet_write(formats, &stream, null, &options, NULL, &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "unknown compression 'lzma'"));
    assert_int_equal(live, 0);
    close(null);
    close(full);
    formats_unload(formats);
}

static bool stop_at_once(void *context, const struct fkv_progress *progress)
{
    *(uint64_t *)context = progress->rows;
    return false;
}

static void stops_when_told(void **state)
{
    (void)state;
    struct fkv_error error;
    struct formats *formats = load_or_skip();
    int live = 0, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    uint64_t rows = 0;
    struct ArrowArrayStream stream = numbers_stream(3, 0, &live);
    struct formats_parquet_options options = {.progress = stop_at_once, .progress_context = &rows};
    assert_int_equal(formats_parquet_write(formats, &stream, null, &options, NULL, &error),
                     FKV_CANCELLED);
    assert_int_equal(rows, batch_rows);
    assert_int_equal(live, 0);
    close(null);
    formats_unload(formats);
}

static void expect_refused(struct formats *formats, const char *bytes, size_t size, const char *why)
{
    struct fkv_error error;
    struct ArrowArrayStream stream;
    char path[32];
    int fd = scratch_file(path);
    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(formats_parquet_read(formats, path, 0, &stream, NULL, &error),
                     FKV_INVALID_ARGUMENT);
    if (strstr(error.message, why) == NULL)
        fail_msg("expected '%s' in: %s", why, error.message);
    unlink(path);
    close(fd);
}

static void refuses_what_is_not_parquet(void **state)
{
    (void)state;
    struct fkv_error error;
    struct ArrowArrayStream stream;
    struct formats *formats = load_or_skip();
    expect_refused(formats, "", 0, "isn't a Parquet file: it is empty");
    expect_refused(formats, "a,b\n1,2\n", 8, "doesn't begin with PAR1");
    expect_refused(formats, "PAR1 and then nothing", 21, "isn't a whole Parquet file");
    expect_refused(formats, "PAR1\0\0\0\0\xff\xff\xff\x7fPAR1", 16,
                   "isn't a Parquet file that can be read");
    expect_refused(formats, "PAR1\x15\x04\x15\x04\x08\0\0\0PAR1", 16,
                   "isn't a Parquet file that can be read");
    assert_int_equal(formats_parquet_read(formats, "/nowhere/at/all", 0, &stream, NULL, &error),
                     FKV_NOT_FOUND);
    assert_string_equal(error.message, "no such file '/nowhere/at/all'");
    assert_int_equal(formats_parquet_read(formats, "/tmp", 0, &stream, NULL, &error),
                     FKV_INVALID_ARGUMENT);
    assert_string_equal(error.message, "'/tmp' is a folder, not a Parquet file");
    formats_unload(formats);
}

static void says_what_is_missing(void **state)
{
    (void)state;
    struct fkv_error error;
    struct formats *formats = NULL;
    setenv("FLIGHTKV_FORMATS", "/nowhere/flightkv_formats.so", 1);
    assert_int_equal(formats_load(&formats, &error), FKV_UNIMPLEMENTED);
    assert_non_null(strstr(error.message, "FLIGHTKV_FORMATS names '/nowhere/flightkv_formats.so'"));
    unsetenv("FLIGHTKV_FORMATS");
    assert_null(formats);
    formats_unload(formats);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(goes_there_and_back), cmocka_unit_test(says_why_writing_failed),
              cmocka_unit_test(stops_when_told), cmocka_unit_test(refuses_what_is_not_parquet),
              cmocka_unit_test(says_what_is_missing));
}
