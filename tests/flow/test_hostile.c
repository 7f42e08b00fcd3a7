/* SPDX-License-Identifier: Apache-2.0 */
/* Streams as they are, and with every offset, length, count and enum of their metadata changed in
 * turn, put by a client that sends bytes as they are. Each is refused with a clear error and leaves
 * nothing, or comes back exactly; and a preview of what came back follows every value, under the
 * sanitizers. */
#include <stdlib.h>

#include "flow/streams.h"
#include "harness/arrow_text.h"
#include "ipc/reader.h"

struct hostile {
    struct flow flow;
    struct fkv_client *client;
    struct cut_stream *cut;
    size_t accepted;
    size_t refused;
    size_t previewed;
};

/* ---- preview: what a reader makes of the messages ---- */

static enum fkv_status preview_one(struct ipc_reader *reader, const struct raw_message *message,
                                   struct buf *text)
{
    struct block *body = block_new(alloc_system(), message->body.size);
    assert_non_null(body);
    if (message->body.size > 0)
        memcpy(body->data, message->body.data, message->body.size);
    bool is_batch = false;
    struct ArrowArray array;
    enum fkv_status status =
        ipc_reader_message(reader, message->header, body, &is_batch, &array, NULL);
    block_unref(body);
    if (status != FKV_OK || !is_batch)
        return status;
    struct ArrowSchema schema;
    assert_int_equal(ipc_reader_schema(reader, &schema, NULL), FKV_OK);
    buf_clear(text);
    arrow_array_text(text, &schema, &array, 1000);
    schema.release(&schema);
    array.release(&array);
    return FKV_OK;
}

static void preview(struct hostile *hostile)
{
    const struct ipc_limits limits = {.depth_max = 64,
                                      .fields_max = 100000,
                                      .header_bytes_max = 1 << 26,
                                      .decompressed_bytes_max = 1 << 24};
    struct ipc_reader *reader = ipc_reader_new(alloc_system(), &limits, IPC_READER_CHECK_VALUES);
    struct buf text;
    buf_init(&text, alloc_system(), 1 << 20);
    enum fkv_status status = FKV_OK;
    for (size_t i = 0; i < hostile->cut->count && status == FKV_OK; i++)
        status = preview_one(reader, &hostile->cut->messages[i], &text);
    hostile->previewed += status == FKV_OK;
    buf_done(&text);
    ipc_reader_free(reader);
}

/* ---- put and get ---- */

static void assert_same_back(struct hostile *hostile, const char *what)
{
    struct buf sent, back;
    struct fkv_error error;
    buf_init(&sent, alloc_system(), SIZE_MAX);
    buf_init(&back, alloc_system(), SIZE_MAX);
    raw_encode(hostile->cut->messages, hostile->cut->count, &sent);
    assert_ok(raw_get(hostile->client, "k", &back, &error));
    if (!slice_equal(buf_slice(&sent), buf_slice(&back)))
        fail_msg("%s did not come back as it was put", what);
    buf_done(&sent);
    buf_done(&back);
}

static bool put_stream(struct hostile *hostile, const char *what, struct slice stream)
{
    struct fkv_error error = {0};
    stream_cut(stream, hostile->cut);
    enum fkv_status status =
        raw_put(hostile->client, "k", hostile->cut->messages, hostile->cut->count, &error);
    if (status == FKV_OK) {
        hostile->accepted++;
        assert_same_back(hostile, what);
        preview(hostile);
        assert_int_equal(fkv_delete(hostile->client, "k", 1, &error), FKV_OK);
        return true;
    }
    hostile->refused++;
    if (status != FKV_INVALID_ARGUMENT && status != FKV_RESOURCE_EXHAUSTED &&
        status != FKV_UNIMPLEMENTED)
        fail_msg("%s: refused as %s: %s", what, fkv_status_text(status), error.message);
    if (strlen(error.message) < 20)
        fail_msg("%s: refused without saying why: '%s'", what, error.message);
    struct store_stats stats = flow_stats(&hostile->flow);
    if (stats.keys + stats.tables + stats.puts_open + stats.memory.used_bytes != 0)
        fail_msg("%s left something", what);
    return false;
}

static void hostile_init(struct hostile *hostile)
{
    *hostile = (struct hostile){.cut = NULL};
    const char *const settings[] = {"memory", "64MiB", "decompressed-bytes", "16MiB", NULL};
    flow_init(&hostile->flow, alloc_system(), settings);
    hostile->client = flow_client(&hostile->flow);
    hostile->cut = alloc_zero(alloc_system(), sizeof *hostile->cut);
}

static void hostile_done(struct hostile *hostile)
{
    flow_done(&hostile->flow);
    alloc_free(alloc_system(), hostile->cut);
}

/* ---- streams as they are ---- */

static bool is_hostile(const char *path)
{
    return strstr(path, "/hostile/") != NULL || strstr(path, "/fuzz-stream/") != NULL;
}

static void put_as_it_is(void *context, const char *path, struct slice stream)
{
    struct hostile *hostile = context;
    bool is_accepted = put_stream(hostile, path, stream);
    if (!is_accepted && !is_hostile(path))
        fail_msg("%s is valid and was refused", path);
}

static void streams_come_back_or_are_refused(void **state)
{
    (void)state;
    struct hostile hostile;
    hostile_init(&hostile);
    assert_true(streams_each(streams_own, put_as_it_is, &hostile) > 20);
    size_t further = streams_each(streams_further(), put_as_it_is, &hostile);
    print_message("%zu streams of others; %zu came back, %zu were refused\n", further,
                  hostile.accepted, hostile.refused);
    hostile_done(&hostile);
}

/* ---- streams with one thing changed ---- */

/* The verdicts on all changes stand in tests/golden/verdicts.txt: a line for a stream, a letter for
 * a change (r refused, a accepted), so that a change of what is accepted shows in a diff. With
 * FKV_REWRITE set the test writes the file instead. */
static const char verdicts_path[] = "tests/golden/verdicts.txt";

enum { stream_bytes_max = 24 << 10, metadata_words_max = 700 };

static const uint32_t words[] = {0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff};

struct verdicts {
    struct hostile hostile;
    struct buf text;
};

static void put_changed(struct verdicts *verdicts, const char *path, uint8_t *bytes, size_t size,
                        size_t at)
{
    char what[512];
    uint32_t before = load_le32(bytes + at);
    for (size_t i = 0; i < sizeof words / sizeof words[0] + 2; i++) {
        uint32_t word = i < sizeof words / sizeof words[0] ? words[i]
                        : i % 2 == 0                       ? before + 1
                                                           : before - 1;
        if (word == before)
            continue;
        store_le32(bytes + at, word);
        snprintf(what, sizeof what, "%s with %08x at byte %zu", path, word, at);
        bool is_accepted = put_stream(&verdicts->hostile, what, slice_of(bytes, size));
        buf_byte(&verdicts->text, is_accepted ? 'a' : 'r');
    }
    store_le32(bytes + at, before);
}

/* Marks what isn't framing or flatbuffer. */
static void mark_bodies(struct cut_stream *cut, struct slice stream, bool *is_body)
{
    stream_cut(stream, cut);
    for (size_t i = 0; i < cut->count; i++) {
        struct slice body = cut->messages[i].body;
        if (body.size > 0)
            memset(is_body + (body.data - stream.data), true, body.size);
    }
}

static void put_all_changes(void *context, const char *path, struct slice stream)
{
    struct verdicts *verdicts = context;
    if (is_hostile(path) || stream.size > stream_bytes_max)
        return;
    uint8_t *bytes = alloc_get(alloc_system(), stream.size);
    bool *is_body = alloc_zero(alloc_system(), stream.size);
    memcpy(bytes, stream.data, stream.size);
    mark_bodies(verdicts->hostile.cut, stream, is_body);
    buf_printf(&verdicts->text, "%s ", path);
    size_t changed = 0;
    for (size_t at = 0; at + 4 <= stream.size && changed < metadata_words_max; at += 4) {
        if (is_body[at])
            continue;
        put_changed(verdicts, path, bytes, stream.size, at);
        changed++;
    }
    buf_byte(&verdicts->text, '\n');
    alloc_free(alloc_system(), bytes);
    alloc_free(alloc_system(), is_body);
}

static void write_verdicts(const struct buf *text)
{
    FILE *file = fopen(verdicts_path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text->data, 1, text->size, file), text->size);
    assert_int_equal(fclose(file), 0);
}

static void changed_streams_come_back_or_are_refused(void **state)
{
    (void)state;
    struct verdicts verdicts;
    struct hostile *hostile = &verdicts.hostile;
    hostile_init(hostile);
    buf_init(&verdicts.text, alloc_system(), SIZE_MAX);
    assert_true(streams_each(streams_own, put_all_changes, &verdicts) > 20);
    print_message("%zu came back, of them %zu could be previewed; %zu were refused\n",
                  hostile->accepted, hostile->previewed, hostile->refused);
    assert_false(verdicts.text.failed);
    if (getenv("FKV_REWRITE") != NULL)
        write_verdicts(&verdicts.text);
    struct buf expected;
    buf_init(&expected, alloc_system(), SIZE_MAX);
    file_read(verdicts_path, &expected);
    if (!slice_equal(buf_slice(&expected), buf_slice(&verdicts.text)))
        fail_msg("%s differs: FKV_REWRITE=1 writes it anew, git diff shows what changed",
                 verdicts_path);
    buf_done(&expected);
    buf_done(&verdicts.text);
    hostile_done(hostile);
}

/* ---- protocol, not Arrow ---- */

static void a_put_must_begin_with_a_schema(void **state)
{
    (void)state;
    struct hostile hostile;
    hostile_init(&hostile);
    struct fkv_error error;
    assert_int_equal(raw_put(hostile.client, "k", NULL, 0, &error), FKV_INVALID_ARGUMENT);
    const struct raw_message bare = {.app_metadata = slice_text("m"), .has_app_metadata = true};
    assert_int_equal(raw_put(hostile.client, "k", &bare, 1, &error), FKV_INVALID_ARGUMENT);
    const struct raw_message nothing = {.has_app_metadata = false};
    assert_int_equal(raw_put(hostile.client, "k", &nothing, 1, &error), FKV_INVALID_ARGUMENT);
    const struct raw_message body = {.body = slice_text("12345678")};
    assert_int_equal(raw_put(hostile.client, "k", &body, 1, &error), FKV_INVALID_ARGUMENT);
    hostile_done(&hostile);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(streams_come_back_or_are_refused),
              cmocka_unit_test(changed_streams_come_back_or_are_refused),
              cmocka_unit_test(a_put_must_begin_with_a_schema));
}
