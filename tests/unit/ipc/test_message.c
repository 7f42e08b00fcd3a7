/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/buf.h"
#include "ipc/flatbuf.h"
#include "ipc/message.h"

/* Numbers of fields in Message.fbs, for messages that the encoder wouldn't write. */
enum { VERSION, HEADER_TYPE, HEADER, BODY_LENGTH, METADATA };
enum { LENGTH, NODES, BUFFERS, COMPRESSION };

static const struct ipc_node nodes[] = {{5, 1}, {INT64_MAX, 0}};
static const struct ipc_buffer buffers[] = {{0, 8}, {8, 100}, {1 << 20, 0}};
static const int64_t counts[] = {0, 7};

static const struct ipc_message_parts full = {
    .kind = IPC_KIND_DICTIONARY,
    .version = IPC_V4,
    .body_length = 4096,
    .rows = 5,
    .codec = IPC_CODEC_ZSTD,
    .nodes = nodes,
    .node_count = 2,
    .buffers = buffers,
    .buffer_count = 3,
    .variadic_counts = counts,
    .variadic_count = 2,
    .dictionary_id = -9,
    .is_delta = true,
};

static void encode(const struct ipc_message_parts *parts, struct buf *ret)
{
    struct fkv_error error;
    buf_init(ret, alloc_system(), 1 << 20);
    assert_ok(ipc_message_encode(parts, ret, &error));
    assert_int_equal(ret->size % 8, 0);
}

static enum fkv_status decode(struct slice header, struct ipc_message *ret, struct fkv_error *error)
{
    return ipc_message_decode(header, &IPC_LIMITS_DEFAULT, ret, error);
}

static void assert_same(const struct ipc_message *message, const struct ipc_message_parts *parts)
{
    assert_int_equal(message->kind, parts->kind);
    assert_int_equal(message->version, parts->version);
    assert_int_equal(message->body_length, parts->body_length);
    assert_int_equal(message->rows, parts->rows);
    assert_int_equal(message->codec, parts->codec);
    assert_int_equal(message->node_count, parts->node_count);
    for (uint32_t i = 0; i < parts->node_count; i++) {
        struct ipc_node node = ipc_message_node(message, i);
        assert_memory_equal(&node, &parts->nodes[i], sizeof node);
    }
    assert_int_equal(message->buffer_count, parts->buffer_count);
    for (uint32_t i = 0; i < parts->buffer_count; i++) {
        struct ipc_buffer buffer = ipc_message_buffer(message, i);
        assert_memory_equal(&buffer, &parts->buffers[i], sizeof buffer);
    }
    assert_int_equal(message->variadic_count, parts->variadic_count);
    for (uint32_t i = 0; i < parts->variadic_count; i++)
        assert_int_equal(ipc_message_variadic(message, i), parts->variadic_counts[i]);
    assert_int_equal(message->dictionary_id, parts->dictionary_id);
    assert_int_equal(message->is_delta, parts->is_delta);
}

static void both_kinds_come_back(void **state)
{
    (void)state;
    struct fkv_error error;
    struct buf header;
    struct ipc_message message;
    encode(&full, &header);
    assert_ok(decode(buf_slice(&header), &message, &error));
    assert_same(&message, &full);
    assert_ptr_equal(message.header.data, header.data);
    buf_done(&header);

    const struct ipc_message_parts bare = {
        .kind = IPC_KIND_BATCH, .version = IPC_V5, .codec = IPC_CODEC_NONE};
    encode(&bare, &header);
    assert_ok(decode(buf_slice(&header), &message, &error));
    assert_same(&message, &bare);
    buf_done(&header);
}

static void comes_back_from_any_place(void **state)
{
    (void)state;
    struct fkv_error error;
    struct buf header;
    struct ipc_message message;
    uint8_t shifted[4096];
    encode(&full, &header);
    for (size_t shift = 1; shift < 8; shift++) {
        memcpy(shifted + shift, header.data, header.size);
        assert_ok(decode(slice_of(shifted + shift, header.size), &message, &error));
        assert_same(&message, &full);
    }
    buf_done(&header);
}

/* --- what is refused --- */

struct odd {
    int64_t version, kind, body_length, rows, codec, method;
    bool has_header, has_compression;
    const char *metadata_key;
};

static void build_batch(struct ipc_fb_builder *builder, size_t at, const struct odd *odd)
{
    struct ipc_fb_slot slots[] = {
        [LENGTH] = ipc_fb_scalar(8, odd->rows, 0),
        [NODES] = {0},
        [BUFFERS] = {0},
        [COMPRESSION] = {.width = odd->has_compression ? 4 : 0},
    };
    ipc_fb_add_table(builder, at, slots, 4);
    struct ipc_fb_slot compression[] = {ipc_fb_scalar(1, odd->codec, 0),
                                        ipc_fb_scalar(1, odd->method, 0)};
    if (odd->has_compression)
        ipc_fb_add_table(builder, slots[COMPRESSION].at, compression, 2);
}

static void build_metadata(struct ipc_fb_builder *builder, size_t at, const char *key)
{
    size_t element = ipc_fb_add_vector(builder, at, 1, 4);
    struct ipc_fb_slot pair[] = {ipc_fb_offset(), ipc_fb_offset()};
    ipc_fb_add_table(builder, element, pair, 2);
    ipc_fb_add_string(builder, pair[0].at, slice_text(key));
    ipc_fb_add_string(builder, pair[1].at, slice_text("lz4"));
}

static enum fkv_status decode_odd(const struct odd *odd, struct fkv_error *error)
{
    struct buf header;
    struct ipc_fb_builder builder;
    buf_init(&header, alloc_system(), 4096);
    size_t root = ipc_fb_build(&builder, &header);
    struct ipc_fb_slot slots[] = {
        [VERSION] = ipc_fb_scalar(2, odd->version, 0),
        [HEADER_TYPE] = ipc_fb_scalar(1, odd->kind, 0),
        [HEADER] = {.width = odd->has_header ? 4 : 0},
        [BODY_LENGTH] = ipc_fb_scalar(8, odd->body_length, 0),
        [METADATA] = {.width = odd->metadata_key != NULL ? 4 : 0},
    };
    ipc_fb_add_table(&builder, root, slots, 5);
    if (odd->has_header)
        build_batch(&builder, slots[HEADER].at, odd);
    if (odd->metadata_key != NULL)
        build_metadata(&builder, slots[METADATA].at, odd->metadata_key);
    assert_int_equal(ipc_fb_end(&builder, error), FKV_OK);
    struct ipc_message message;
    enum fkv_status status = decode(buf_slice(&header), &message, error);
    buf_done(&header);
    return status;
}

static void refuses_what_no_one_writes(void **state)
{
    (void)state;
    static const struct {
        const char *why; /* NULL: accepted */
        struct odd odd;
    } cases[] = {
        {NULL, {.version = IPC_V5, .kind = 3, .has_header = true}},
        {NULL, {.version = IPC_V4, .kind = 3, .has_header = true, .metadata_key = "k"}},
        {"V1", {.version = 0, .kind = 3, .has_header = true}},
        {"V3", {.version = 2, .kind = 3, .has_header = true}},
        {"V6", {.version = 5, .kind = 3, .has_header = true}},
        {"kind 0", {.version = IPC_V5, .kind = 0, .has_header = true}},
        {"kind 4", {.version = IPC_V5, .kind = 4, .has_header = true}},
        {"kind 255", {.version = IPC_V5, .kind = -1, .has_header = true}},
        {"no header", {.version = IPC_V5, .kind = 1}},
        {"no record batch", {.version = IPC_V5, .kind = 3}},
        {"no record batch", {.version = IPC_V5, .kind = 2, .has_header = true}},
        {"bodyLength of -8", {.version = IPC_V5, .kind = 3, .has_header = true, .body_length = -8}},
        {"bodyLength of 12", {.version = IPC_V5, .kind = 3, .has_header = true, .body_length = 12}},
        {"expected 0", {.version = IPC_V5, .kind = 1, .has_header = true, .body_length = 8}},
        {"-1 rows", {.version = IPC_V5, .kind = 3, .has_header = true, .rows = -1}},
        {NULL,
         {.version = IPC_V5, .kind = 3, .has_header = true, .has_compression = true, .codec = 1}},
        {"codec 2",
         {.version = IPC_V5, .kind = 3, .has_header = true, .has_compression = true, .codec = 2}},
        {"codec -1",
         {.version = IPC_V5, .kind = 3, .has_header = true, .has_compression = true, .codec = -1}},
        {"method 1",
         {.version = IPC_V5, .kind = 3, .has_header = true, .has_compression = true, .method = 1}},
        {"Arrow 0.17",
         {.version = IPC_V4,
          .kind = 3,
          .has_header = true,
          .metadata_key = "ARROW:experimental_compression"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fkv_error error = {0};
        enum fkv_status status = decode_odd(&cases[i].odd, &error);
        if (cases[i].why == NULL
                ? status != FKV_OK
                : status != FKV_INVALID_ARGUMENT || strstr(error.message, cases[i].why) == NULL)
            fail_msg("case %zu (%s): %s", i, cases[i].why, error.message);
    }
}

static void nothing_is_no_message(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct ipc_message message = {.rows = 77};
    assert_int_equal(decode(slice_of(NULL, 0), &message, &error), FKV_INVALID_ARGUMENT);
    assert_int_equal(message.rows, 77);
    static const uint8_t zeros[64];
    assert_int_equal(decode(slice_of(zeros, sizeof zeros), &message, &error), FKV_INVALID_ARGUMENT);
}

static void size_is_limited(void **state)
{
    (void)state;
    struct fkv_error error;
    struct buf header;
    struct ipc_message message;
    struct ipc_limits limits = IPC_LIMITS_DEFAULT;
    encode(&full, &header);
    limits.header_bytes_max = header.size;
    assert_ok(ipc_message_decode(buf_slice(&header), &limits, &message, &error));
    limits.header_bytes_max = header.size - 1;
    assert_int_equal(ipc_message_decode(buf_slice(&header), &limits, &message, &error),
                     FKV_RESOURCE_EXHAUSTED);
    buf_done(&header);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(both_kinds_come_back), cmocka_unit_test(comes_back_from_any_place),
              cmocka_unit_test(refuses_what_no_one_writes), cmocka_unit_test(nothing_is_no_message),
              cmocka_unit_test(size_is_limited));
}
