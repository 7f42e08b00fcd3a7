/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>

#include "tables.h"

enum { rows_max = 200 };

static void text_init(struct buf *text)
{
    buf_init(text, alloc_system(), (size_t)64 << 20);
}

static void assert_same_text(const char *path, struct buf *a, struct buf *b)
{
    if (!slice_equal(buf_slice(a), buf_slice(b)))
        fail_msg("%s: read back, it is another table", path);
}

/* Copies what `fd` gives (closed) and compares the copy's text. The file format may refuse. */
static void check_copy(const char *path, int fd, enum ipc_file_format format,
                       const struct ipc_writer_options *options, struct buf *text)
{
    struct fkv_error error = {0};
    int copy;
    enum fkv_status status = table_copy(alloc_system(), fd, format, options, &copy, &error);
    if (status == FKV_UNIMPLEMENTED && format == IPC_FILE_FILE)
        return;
    if (status != FKV_OK)
        fail_msg("%s: %s", path, error.message);
    struct buf again;
    text_init(&again);
    assert_ok(table_read(alloc_system(), copy, rows_max, &again, &error));
    assert_same_text(path, text, &again);
    buf_done(&again);
}

static void round_trip(const char *path)
{
    static const struct ipc_writer_options options[] = {
        {.codec = IPC_CODEC_NONE},
        {.codec = IPC_CODEC_NONE, .alignment = 8, .dictionary_deltas = true},
        {.codec = IPC_CODEC_LZ4},
        {.codec = IPC_CODEC_ZSTD, .dictionary_deltas = true},
    };
    struct fkv_error error = {0};
    struct buf text;
    text_init(&text);
    struct slice bytes = table_load(path);
    enum fkv_status status = table_read(alloc_system(), table_fd(bytes), rows_max, &text, &error);
    bool is_foreign = status == FKV_UNIMPLEMENTED && strstr(error.message, "big-endian") != NULL;
    if (status != FKV_OK && !is_foreign)
        fail_msg("%s: %s", path, error.message);
    assert_false(text.failed);
    for (size_t i = 0; i < sizeof options / sizeof options[0] && !is_foreign; i++) {
        check_copy(path, table_fd(bytes), IPC_FILE_STREAM, &options[i], &text);
        check_copy(path, table_fd(bytes), IPC_FILE_FILE, &options[i], &text);
    }
    free((void *)(uintptr_t)bytes.data);
    buf_done(&text);
}

static void tables_come_back(void **state)
{
    (void)state;
    assert_true(table_each("tests/golden/ipc", ".stream", round_trip) > 0);
    table_each("tests/golden/valid", ".stream", round_trip);
    table_each(table_golden(), ".stream", round_trip);
    table_each(table_golden(), ".arrow_file", round_trip);
}

static void compare_with_sealed(const char *path)
{
    struct fkv_error error = {0};
    struct buf plain, sealed;
    text_init(&plain);
    text_init(&sealed);
    struct slice bytes = table_load(path);
    enum fkv_status status = table_read(alloc_system(), table_fd(bytes), rows_max, &plain, &error);
    assert_int_equal(table_read(alloc_system(), table_sealed_fd(bytes), rows_max, &sealed, &error),
                     status);
    assert_same_text(path, &plain, &sealed);
    free((void *)(uintptr_t)bytes.data);
    buf_done(&plain);
    buf_done(&sealed);
}

static void sealed_memory_is_mapped(void **state)
{
    (void)state;
    assert_true(table_each("tests/golden/ipc", ".stream", compare_with_sealed) > 0);
    table_each(table_golden(), ".stream", compare_with_sealed);
    table_each(table_golden(), ".arrow_file", compare_with_sealed);

    struct fkv_error error;
    struct ArrowArrayStream stream;
    struct ArrowArray batch = {0};
    struct slice bytes = table_load(TABLES_EVERY_TYPE);
    assert_ok(ipc_file_read(alloc_system(), table_sealed_fd(bytes), &IPC_LIMITS_DEFAULT, &stream,
                            &error));
    while (batch.length == 0)
        assert_int_equal(stream.get_next(&stream, &batch), 0);
    stream.release(&stream);
    batch.release(&batch); /* the map outlives the stream */
    free((void *)(uintptr_t)bytes.data);
}

/* The text behind the schema's: Arrow's own pair of maps names their children otherwise. */
static const char *rows_of(struct buf *text)
{
    const char *rows = strstr(buf_c_text(text), "batch of");
    return rows == NULL ? "" : rows;
}

/* A file holds the same rows as the stream of its name. */
static void compare_with_file(const char *path)
{
    char file[1100];
    snprintf(file, sizeof file, "%.*s.arrow_file", (int)(strlen(path) - strlen(".stream")), path);
    if (access(file, R_OK) != 0)
        return;
    struct fkv_error error = {0};
    struct buf stream_text, file_text;
    text_init(&stream_text);
    text_init(&file_text);
    assert_ok(table_read(alloc_system(), open(path, O_RDONLY), rows_max, &stream_text, &error));
    assert_ok(table_read(alloc_system(), open(file, O_RDONLY), rows_max, &file_text, &error));
    if (strcmp(rows_of(&stream_text), rows_of(&file_text)) != 0)
        fail_msg("%s: the file holds other rows", path);
    buf_done(&stream_text);
    buf_done(&file_text);
}

static void files_equal_streams(void **state)
{
    (void)state;
    if (table_each(table_golden(), ".stream", compare_with_file) == 0)
        skip();
}

/* --- pipes --- */

struct feed {
    int fd;
    struct slice bytes;
};

static void *feed_run(void *context)
{
    struct feed *feed = context;
    while (feed->bytes.size > 0) {
        ssize_t size = write(feed->fd, feed->bytes.data, feed->bytes.size < 37 ? 1 : 37);
        if (size <= 0)
            break;
        slice_take(&feed->bytes, (size_t)size);
    }
    close(feed->fd);
    return NULL;
}

static void reads_pipes(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct slice stream = table_load(TABLES_EVERY_TYPE);
    struct ipc_writer_options plain = {.codec = IPC_CODEC_NONE, .dictionary_deltas = true};
    struct buf expected, found;
    text_init(&expected);
    text_init(&found);
    assert_ok(table_read(alloc_system(), table_fd(stream), rows_max, &expected, &error));
    for (int is_file = 0; is_file < 2; is_file++) {
        int copy;
        assert_ok(table_copy(alloc_system(), table_fd(stream),
                             is_file ? IPC_FILE_FILE : IPC_FILE_STREAM, &plain, &copy, &error));
        struct slice bytes = table_load_fd(copy);
        int ends[2];
        pthread_t thread;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        struct feed feed = {.fd = ends[1], .bytes = bytes};
        assert_int_equal(pthread_create(&thread, NULL, feed_run, &feed), 0);
        buf_clear(&found);
        assert_ok(table_read(alloc_system(), ends[0], rows_max, &found, &error));
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(feed.bytes.size, 0);
        assert_same_text("pipe", &expected, &found);
        close(copy);
        free((void *)(uintptr_t)bytes.data);
    }
    buf_done(&expected);
    buf_done(&found);
    free((void *)(uintptr_t)stream.data);
}

struct drain {
    int fd;
    struct buf bytes;
};

static void *drain_run(void *context)
{
    struct drain *drain = context;
    uint8_t bytes[113];
    for (ssize_t size; (size = read(drain->fd, bytes, sizeof bytes)) > 0;)
        buf_append(&drain->bytes, bytes, (size_t)size);
    return NULL;
}

/* A descriptor that takes only a part at a time, or nothing for now. */
static void writes_to_full_pipes(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct slice stream = table_load(TABLES_EVERY_TYPE);
    struct ipc_writer_options plain = {.codec = IPC_CODEC_NONE};
    int ends[2], copy;
    assert_ok(table_copy(alloc_system(), table_fd(stream), IPC_FILE_STREAM, &plain, &copy, &error));
    struct slice expected = table_load_fd(copy);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    struct drain drain = {.fd = ends[0]};
    text_init(&drain.bytes);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, drain_run, &drain), 0);
    struct ArrowArrayStream source;
    struct ipc_write_result result;
    assert_ok(ipc_file_read(alloc_system(), copy, &IPC_LIMITS_DEFAULT, &source, &error));
    assert_ok(ipc_file_write(alloc_system(), &source, ends[1], IPC_FILE_STREAM, &plain, NULL, NULL,
                             &result, &error));
    close(ends[1]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(slice_equal(buf_slice(&drain.bytes), expected));
    assert_int_equal(result.bytes, expected.size);
    close(ends[0]);
    buf_done(&drain.bytes);
    free((void *)(uintptr_t)stream.data);
    free((void *)(uintptr_t)expected.data);
}

static enum fkv_status copy_to(int fd, bool (*progress)(void *, const struct ipc_write_result *),
                               struct fkv_error *ret_error)
{
    struct fkv_error error = {0};
    struct ArrowArrayStream source;
    struct ipc_write_result result;
    struct ipc_writer_options plain = {.codec = IPC_CODEC_NONE};
    assert_ok(ipc_file_read(alloc_system(), open(TABLES_EVERY_TYPE, O_RDONLY | O_CLOEXEC),
                            &IPC_LIMITS_DEFAULT, &source, &error));
    return ipc_file_write(alloc_system(), &source, fd, IPC_FILE_STREAM, &plain, progress, NULL,
                          &result, ret_error);
}

static void says_when_the_device_is_full(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        skip();
    enum fkv_status status = copy_to(fd, NULL, &error);
    assert_int_equal(status, FKV_RESOURCE_EXHAUSTED);
    assert_string_equal(error.message, "can't write after 0 bytes: No space left on device");
    close(fd);
}

static bool says_no(void *context, const struct ipc_write_result *so_far)
{
    (void)context;
    assert_int_equal(so_far->batches, 1);
    assert_true(so_far->rows > 0 && so_far->bytes > 0);
    return false;
}

static void can_be_cancelled(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    int fd = table_fd(slice_of("", 0));
    assert_int_equal(copy_to(fd, says_no, &error), FKV_CANCELLED);
    close(fd);
}

/* --- hostile bytes --- */

static void errors_are_whole_sentences(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct slice bytes = table_load(TABLES_EVERY_TYPE);
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    assert_ok(ipc_file_read(alloc_system(), table_fd(slice_part(bytes, 0, bytes.size - 100)),
                            &IPC_LIMITS_DEFAULT, &stream, &error));
    assert_int_equal(ipc_stream_error(&stream)->status, FKV_OK);
    assert_null(stream.get_last_error(&stream));
    int code;
    while ((code = stream.get_next(&stream, &array)) == 0 && array.release != NULL)
        array.release(&array);
    assert_int_equal(code, EINVAL);
    assert_int_equal(ipc_stream_error(&stream)->status, FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(stream.get_last_error(&stream), "ends at byte"));
    assert_int_equal(stream.get_next(&stream, &array), EINVAL);
    stream.release(&stream);
    assert_null(stream.release);
    assert_null(ipc_stream_error(&stream));
    free((void *)(uintptr_t)bytes.data);
}

static void parquet_is_known_for_what_it_is(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct ArrowArrayStream stream;
    assert_int_equal(ipc_file_read(alloc_system(), table_fd(slice_text("PAR1 and so on")),
                                   &IPC_LIMITS_DEFAULT, &stream, &error),
                     FKV_INVALID_ARGUMENT);
    assert_string_equal(error.message, "this is a Parquet file, expected Arrow IPC");
}

/* Whatever is cut off: an error, or fewer batches; read from a file and from a pipe. */
static void survives_cuts(void **state)
{
    (void)state;
    struct slice bytes = table_load(TABLES_EVERY_TYPE);
    struct buf text;
    text_init(&text);
    for (size_t size = 0; size < bytes.size; size += size < 20000 ? 7 : 331) {
        buf_clear(&text);
        enum fkv_status status =
            table_read(alloc_system(), table_fd(slice_part(bytes, 0, size)), rows_max, &text, NULL);
        assert_true(status == FKV_OK || status == FKV_INVALID_ARGUMENT);
    }
    buf_done(&text);
    free((void *)(uintptr_t)bytes.data);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Changes a few bytes somewhere; half of the time to a number that is likely to hurt. */
static void mutate(struct slice bytes, uint64_t *random)
{
    static const uint8_t nasty[] = {0, 1, 0x7f, 0x80, 0xff, 0xfe};
    uint8_t *target = (uint8_t *)(uintptr_t)bytes.data;
    for (uint64_t i = next_random(random) % 4 + 1; i > 0; i--) {
        uint64_t at = next_random(random) % bytes.size, value = next_random(random);
        target[at] = value & 256 ? (uint8_t)value : nasty[value % sizeof nasty];
    }
}

/* Reads what mutations make of a table, and follows every value of what is accepted. */
static void hammer(struct slice original, int rounds, uint64_t seed)
{
    struct buf text;
    text_init(&text);
    text.limit_bytes = 1 << 20; /* hostile nesting multiplies */
    uint8_t *copy = malloc(original.size);
    for (int i = 0; i < rounds; i++) {
        memcpy(copy, original.data, original.size);
        mutate(slice_of(copy, original.size), &seed);
        buf_clear(&text);
        struct slice bytes = slice_of(copy, original.size);
        int fd = i % 2 == 0 ? table_fd(bytes) : table_sealed_fd(bytes);
        table_read(alloc_system(), fd, rows_max, &text, NULL);
    }
    free(copy);
    buf_done(&text);
}

static void survives_mutations(void **state)
{
    (void)state;
    static const struct ipc_writer_options options[] = {
        {.codec = IPC_CODEC_NONE, .alignment = 8, .dictionary_deltas = true},
        {.codec = IPC_CODEC_LZ4, .alignment = 8},
        {.codec = IPC_CODEC_ZSTD, .alignment = 8},
    };
    struct fkv_error error = {0};
    struct slice bytes = table_load(TABLES_EVERY_TYPE);
    const char *rounds = getenv("FKV_MUTATIONS");
    int count = rounds != NULL ? (int)strtol(rounds, NULL, 10) : 300;
    for (size_t i = 0; i < 2 * sizeof options / sizeof options[0]; i++) {
        int fd;
        enum ipc_file_format format = i % 2 == 0 ? IPC_FILE_STREAM : IPC_FILE_FILE;
        struct ipc_writer_options option = options[i / 2];
        option.dictionary_deltas |= format == IPC_FILE_FILE;
        assert_ok(table_copy(alloc_system(), table_fd(bytes), format, &option, &fd, &error));
        struct slice packed = table_load_fd(fd);
        hammer(packed, count, 88172645463325252u + i);
        close(fd);
        free((void *)(uintptr_t)packed.data);
    }
    free((void *)(uintptr_t)bytes.data);
}

static void hammer_file(const char *path)
{
    struct slice bytes = table_load(path);
    hammer(bytes, 20, bytes.size * 7919 + 1);
    free((void *)(uintptr_t)bytes.data);
}

static void survives_mutated_golden_files(void **state)
{
    (void)state;
    if (table_each(table_golden(), ".stream", hammer_file) == 0)
        skip();
    table_each(table_golden(), ".arrow_file", hammer_file);
}

static void read_fuzzed(const char *path)
{
    struct buf text;
    text_init(&text);
    text.limit_bytes = 1 << 20;
    table_read(alloc_system(), open(path, O_RDONLY | O_CLOEXEC), rows_max, &text, NULL);
    buf_done(&text);
}

static void survives_what_crashed_others(void **state)
{
    (void)state;
    char folder[1024];
    snprintf(folder, sizeof folder, "%s/fuzz-stream", table_golden());
    if (table_each(folder, "", read_fuzzed) == 0)
        skip();
}

/* --- memory --- */

static bool copy_with(const struct alloc *alloc, struct slice bytes, enum ipc_file_format format,
                      enum ipc_codec codec)
{
    struct fkv_error error = {0};
    struct ipc_writer_options options = {.codec = codec, .dictionary_deltas = true};
    int fd;
    enum fkv_status status = table_copy(alloc, table_fd(bytes), format, &options, &fd, &error);
    if (status != FKV_OK && status != FKV_RESOURCE_EXHAUSTED)
        fail_msg("%s", error.message);
    if (status == FKV_OK)
        close(fd);
    return status == FKV_OK;
}

/* Fails every `stride`-th request of a copy. */
static void sweep(const char *path, enum ipc_file_format format, enum ipc_codec codec,
                  size_t stride)
{
    struct slice bytes = table_load(path);
    for (size_t n = 1;; n += stride) {
        struct test_alloc t;
        test_alloc_init(&t, n);
        bool done = copy_with(&t.alloc, bytes, format, codec);
        assert_int_equal(t.live, 0);
        if (t.requests < n) {
            assert_true(done);
            break;
        }
    }
    free((void *)(uintptr_t)bytes.data);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    sweep("tests/golden/ipc/replaced.stream", IPC_FILE_STREAM, IPC_CODEC_NONE, 1);
    sweep(TABLES_EVERY_TYPE, IPC_FILE_FILE, IPC_CODEC_NONE, 7);
    sweep(TABLES_EVERY_TYPE, IPC_FILE_STREAM, IPC_CODEC_LZ4, 31);
    sweep(TABLES_EVERY_TYPE, IPC_FILE_STREAM, IPC_CODEC_ZSTD, 37);
}

int main(void)
{
    RUN_TESTS(
        cmocka_unit_test(tables_come_back), cmocka_unit_test(sealed_memory_is_mapped),
        cmocka_unit_test(files_equal_streams), cmocka_unit_test(reads_pipes),
        cmocka_unit_test(writes_to_full_pipes), cmocka_unit_test(says_when_the_device_is_full),
        cmocka_unit_test(can_be_cancelled), cmocka_unit_test(errors_are_whole_sentences),
        cmocka_unit_test(parquet_is_known_for_what_it_is), cmocka_unit_test(survives_cuts),
        cmocka_unit_test(survives_mutations), cmocka_unit_test(survives_mutated_golden_files),
        cmocka_unit_test(survives_what_crashed_others), cmocka_unit_test(survives_lack_of_memory));
}
