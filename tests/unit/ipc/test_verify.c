/* SPDX-License-Identifier: Apache-2.0 */
/* Batches made up part by part against the rules of verify.h. */
#include "harness/test.h"

#include "base/buf.h"
#include "ipc/verify.h"

static const struct ipc_limits limits = {.depth_max = 64,
                                         .fields_max = 1000,
                                         .header_bytes_max = 1 << 20,
                                         .decompressed_bytes_max = 1000};

/* A stream in the making: a verifier, and the last message with its header. */
struct stream {
    struct ipc_verifier *verifier;
    struct ipc_message message;
    struct buf header;
    struct fkv_error error;
};

static enum fkv_status send_header(struct stream *s)
{
    return ipc_verifier_header(s->verifier, buf_slice(&s->header), &s->message, &s->error);
}

static void begin(struct stream *s)
{
    *s = (struct stream){.verifier = ipc_verifier_new(alloc_system(), &limits)};
    assert_non_null(s->verifier);
    buf_init(&s->header, alloc_system(), 1 << 20);
}

static void end(struct stream *s)
{
    ipc_verifier_free(s->verifier);
    buf_done(&s->header);
}

static enum fkv_status send_schema(struct stream *s, const struct ipc_field *fields, uint32_t count,
                                   uint32_t columns, enum ipc_version version)
{
    const struct ipc_schema schema = {.version = version,
                                      .fields = (struct ipc_field *)fields,
                                      .field_count = count,
                                      .column_count = columns};
    buf_clear(&s->header);
    assert_int_equal(ipc_schema_encode(&schema, &s->header, &s->error), FKV_OK);
    enum fkv_status status = send_header(s);
    return status == FKV_OK
               ? ipc_verifier_body(s->verifier, &s->message, slice_of(NULL, 0), &s->error)
               : status;
}

static enum fkv_status send_parts(struct stream *s, const struct ipc_message_parts *parts,
                                  const uint8_t *body)
{
    buf_clear(&s->header);
    assert_int_equal(ipc_message_encode(parts, &s->header, &s->error), FKV_OK);
    enum fkv_status status = send_header(s);
    if (status != FKV_OK)
        return status;
    return ipc_verifier_body(s->verifier, &s->message, slice_of(body, (size_t)parts->body_length),
                             &s->error);
}

/* --- one column, one batch --- */

struct trial {
    const char *why; /* NULL: accepted */
    struct ipc_field fields[3];
    enum ipc_version version; /* 0: V5 */
    int64_t body_length, rows;
    uint32_t node_count, buffer_count, variadic_count;
    struct ipc_node nodes[3];
    struct ipc_buffer buffers[6];
    int64_t counts[2];
};

#define INT32 .type = IPC_TYPE_INT, .bit_width = 32, .is_signed = true, .subtree = 1
#define ONE_INT32 .fields = {{INT32}}
#define PARENT(kind) .type = kind, .child_count = 1, .subtree = 2
#define NODES(...) \
    .node_count = sizeof((struct ipc_node[]){__VA_ARGS__}) / 16, .nodes = {__VA_ARGS__}
#define BUFFERS(...) \
    .buffer_count = sizeof((struct ipc_buffer[]){__VA_ARGS__}) / 16, .buffers = {__VA_ARGS__}
#define COUNTS(...) .variadic_count = sizeof((int64_t[]){__VA_ARGS__}) / 8, .counts = {__VA_ARGS__}

static const int32_t from_0[] = {0, 1};

static const struct trial trials[] = {
    /* lengths and nulls */
    {NULL, ONE_INT32, .rows = 2, .body_length = 8, NODES({2, 0}), BUFFERS({0, 0}, {0, 8})},
    {"length 3 in a batch of 2 rows", ONE_INT32, .rows = 2, .body_length = 16, NODES({3, 0}),
     BUFFERS({0, 0}, {0, 12})},
    {"length -1", ONE_INT32, .rows = 0, NODES({-1, 0}), BUFFERS({0, 0}, {0, 0})},
    {"-1 nulls", ONE_INT32, .rows = 2, .body_length = 8, NODES({2, -1}), BUFFERS({0, 0}, {0, 8})},
    {"3 nulls", ONE_INT32, .rows = 2, .body_length = 16, NODES({2, 3}), BUFFERS({0, 1}, {8, 8})},
    {NULL, ONE_INT32, .rows = 2, .body_length = 16, NODES({2, 2}), BUFFERS({0, 1}, {8, 8})},
    {"2 nodes, expected 1", ONE_INT32, .rows = 0, NODES({0, 0}, {0, 0}), BUFFERS({0, 0}, {0, 0})},
    {"0 nodes, expected 1", ONE_INT32, .rows = 0, BUFFERS({0, 0}, {0, 0})},

    /* where buffers lie */
    {NULL, ONE_INT32, .rows = 2, .body_length = 64, NODES({2, 0}), BUFFERS({0, 8}, {8, 56})},
    {NULL, ONE_INT32, .rows = 2, .body_length = 8, NODES({2, 0}), BUFFERS({-5, 0}, {0, 8})},
    {NULL, ONE_INT32, .rows = 0, NODES({0, 0}), BUFFERS({INT64_MAX, 0}, {1, 0})},
    {"isn't inside", ONE_INT32, .rows = 2, .body_length = 8, NODES({2, 0}),
     BUFFERS({0, 0}, {8, 8})},
    {"isn't inside", ONE_INT32, .rows = 2, .body_length = 8, NODES({2, 0}),
     BUFFERS({0, 0}, {-8, 8})},
    {"isn't inside", ONE_INT32, .rows = 2, .body_length = 8, NODES({2, 0}),
     BUFFERS({0, 0}, {0, -8})},
    {"isn't inside", ONE_INT32, .rows = 2, .body_length = 8, NODES({2, 0}),
     BUFFERS({0, 0}, {8, INT64_MAX})},
    {"isn't inside", ONE_INT32, .rows = 2, .body_length = 8, NODES({2, 0}),
     BUFFERS({0, 0}, {INT64_MAX - 7, 8})},
    {"multiple of 8", ONE_INT32, .rows = 2, .body_length = 16, NODES({2, 0}),
     BUFFERS({0, 0}, {4, 8})},
    {"the one before ends at 9", ONE_INT32, .rows = 2, .body_length = 16, NODES({2, 0}),
     BUFFERS({0, 9}, {8, 8})},
    {"the one before ends at 9", ONE_INT32, .rows = 2, .body_length = 16, NODES({2, 0}),
     BUFFERS({8, 1}, {0, 8})},
    {"list of 1 buffers ends", ONE_INT32, .rows = 0, NODES({0, 0}), BUFFERS({0, 0})},
    {"3 buffers, expected 2", ONE_INT32, .rows = 0, NODES({0, 0}), BUFFERS({0, 0}, {0, 0}, {0, 0})},
    {"1 variadicBufferCounts, expected 0", ONE_INT32, .rows = 0, NODES({0, 0}),
     BUFFERS({0, 0}, {0, 0}), COUNTS(0)},

    /* how long they must be */
    {"7 bytes, 8 needed", ONE_INT32, .rows = 2, .body_length = 8, NODES({2, 0}),
     BUFFERS({0, 0}, {0, 7})},
    {"0 bytes, 1 needed", ONE_INT32, .rows = 2, .body_length = 8, NODES({2, 1}),
     BUFFERS({0, 0}, {0, 8})},
    {"1 bytes, 2 needed", ONE_INT32, .rows = 9, .body_length = 48, NODES({9, 0}),
     BUFFERS({0, 1}, {8, 36})},
    {"18446744073709551615 needed", ONE_INT32, .rows = INT64_MAX, .body_length = 8,
     NODES({INT64_MAX, 0}), BUFFERS({0, 0}, {0, 8})},
    {NULL, .fields = {{.type = IPC_TYPE_BOOL, .subtree = 1}}, .rows = 9, .body_length = 8,
     NODES({9, 0}), BUFFERS({0, 0}, {0, 2})},
    {"1 bytes, 2 needed", .fields = {{.type = IPC_TYPE_BOOL, .subtree = 1}}, .rows = 9,
     .body_length = 8, NODES({9, 0}), BUFFERS({0, 0}, {0, 1})},
    {NULL, .fields = {{.type = IPC_TYPE_UTF8, .subtree = 1}}, .rows = 0, NODES({0, 0}),
     BUFFERS({0, 0}, {0, 0}, {0, 0})},
    {NULL, .fields = {{.type = IPC_TYPE_UTF8, .subtree = 1}}, .rows = 0, .body_length = 8,
     NODES({0, 0}), BUFFERS({0, 0}, {0, 4}, {0, 0})},
    {"4 bytes, 8 needed", .fields = {{.type = IPC_TYPE_UTF8, .subtree = 1}}, .rows = 1,
     .body_length = 8, NODES({1, 0}), BUFFERS({0, 0}, {0, 4}, {0, 0})},
    {"8 bytes, 16 needed", .fields = {{.type = IPC_TYPE_LARGE_BINARY, .subtree = 1}}, .rows = 1,
     .body_length = 8, NODES({1, 0}), BUFFERS({0, 0}, {0, 8}, {0, 0})},
    {NULL, .fields = {{.type = IPC_TYPE_NULL, .subtree = 1}}, .rows = INT64_MAX,
     NODES({INT64_MAX, INT64_MAX})},
    {NULL, .fields = {{.type = IPC_TYPE_FIXED_SIZE_BINARY, .subtree = 1}}, .rows = INT64_MAX,
     NODES({INT64_MAX, 0}), BUFFERS({0, 0}, {0, 0})},

    /* views */
    {NULL, .fields = {{.type = IPC_TYPE_UTF8_VIEW, .subtree = 1}}, .rows = 1, .body_length = 32,
     NODES({1, 0}), BUFFERS({0, 0}, {0, 16}, {16, 1}, {24, 8}), COUNTS(2)},
    {"no variadicBufferCounts", .fields = {{.type = IPC_TYPE_UTF8_VIEW, .subtree = 1}}, .rows = 0,
     NODES({0, 0}), BUFFERS({0, 0}, {0, 0})},
    {"-1 variadic buffers", .fields = {{.type = IPC_TYPE_UTF8_VIEW, .subtree = 1}}, .rows = 0,
     NODES({0, 0}), BUFFERS({0, 0}, {0, 0}), COUNTS(-1)},
    {"1 variadic buffers", .fields = {{.type = IPC_TYPE_UTF8_VIEW, .subtree = 1}}, .rows = 0,
     NODES({0, 0}), BUFFERS({0, 0}, {0, 0}), COUNTS(1)},
    {"variadic buffers", .fields = {{.type = IPC_TYPE_BINARY_VIEW, .subtree = 1}}, .rows = 0,
     NODES({0, 0}), BUFFERS({0, 0}, {0, 0}), COUNTS(INT64_MAX)},

    /* children */
    {NULL, .fields = {{PARENT(IPC_TYPE_STRUCT)}, {INT32}}, .rows = 2, .body_length = 16,
     NODES({2, 0}, {3, 0}), BUFFERS({0, 0}, {0, 0}, {0, 12})},
    {"length 1, its parent needs 2", .fields = {{PARENT(IPC_TYPE_STRUCT)}, {INT32}}, .rows = 2,
     .body_length = 8, NODES({2, 0}, {1, 0}), BUFFERS({0, 0}, {0, 0}, {0, 4})},
    {NULL, .fields = {{PARENT(IPC_TYPE_LIST)}, {INT32}}, .rows = 2, .body_length = 16,
     NODES({2, 0}, {0, 0}), BUFFERS({0, 0}, {0, 12}, {0, 0}, {0, 0})},
    {NULL, .fields = {{PARENT(IPC_TYPE_LARGE_LIST_VIEW)}, {INT32}}, .rows = 1, .body_length = 16,
     NODES({1, 0}, {0, 0}), BUFFERS({0, 0}, {0, 8}, {8, 8}, {0, 0}, {0, 0})},
    {NULL, .fields = {{PARENT(IPC_TYPE_FIXED_SIZE_LIST), .list_size = 2}, {INT32}}, .rows = 2,
     .body_length = 16, NODES({2, 0}, {4, 0}), BUFFERS({0, 0}, {0, 0}, {0, 16})},
    {"length 3, its parent needs 4",
     .fields = {{PARENT(IPC_TYPE_FIXED_SIZE_LIST), .list_size = 2}, {INT32}}, .rows = 2,
     .body_length = 16, NODES({2, 0}, {3, 0}), BUFFERS({0, 0}, {0, 0}, {0, 12})},
    {"its parent needs 18446744073709551615",
     .fields = {{PARENT(IPC_TYPE_FIXED_SIZE_LIST), .list_size = INT32_MAX}, {INT32}},
     .rows = INT64_MAX, NODES({INT64_MAX, 0}, {0, 0}), BUFFERS({0, 0}, {0, 0}, {0, 0})},

    /* unions and run ends */
    {NULL,
     .fields = {{PARENT(IPC_TYPE_UNION), .union_mode = IPC_SPARSE, .type_ids = from_0}, {INT32}},
     .rows = 2, .body_length = 16, NODES({2, 0}, {2, 0}), BUFFERS({0, 2}, {0, 0}, {8, 8})},
    {"1, its parent needs 2",
     .fields = {{PARENT(IPC_TYPE_UNION), .union_mode = IPC_SPARSE, .type_ids = from_0}, {INT32}},
     .rows = 2, .body_length = 16, NODES({2, 0}, {1, 0}), BUFFERS({0, 2}, {0, 0}, {8, 8})},
    {NULL,
     .fields = {{PARENT(IPC_TYPE_UNION), .union_mode = IPC_DENSE, .type_ids = from_0}, {INT32}},
     .rows = 2, .body_length = 24, NODES({2, 0}, {1, 0}), BUFFERS({0, 2}, {8, 8}, {0, 0}, {16, 4})},
    {NULL,
     .fields = {{PARENT(IPC_TYPE_UNION), .union_mode = IPC_DENSE, .type_ids = from_0}, {INT32}},
     .version = IPC_V4, .rows = 2, .body_length = 32, NODES({2, 1}, {1, 0}),
     BUFFERS({0, 1}, {8, 2}, {16, 8}, {0, 0}, {24, 4})},
    {NULL,
     .fields = {{.type = IPC_TYPE_RUN_END_ENCODED, .child_count = 2, .subtree = 3},
                {INT32},
                {INT32}},
     .rows = 100, .body_length = 16, NODES({100, 0}, {1, 0}, {2, 0}),
     BUFFERS({0, 0}, {0, 4}, {0, 0}, {8, 8})},
    {"length 0, its parent needs 1",
     .fields = {{.type = IPC_TYPE_RUN_END_ENCODED, .child_count = 2, .subtree = 3},
                {INT32},
                {INT32}},
     .rows = 100, NODES({100, 0}, {0, 0}, {0, 0}), BUFFERS({0, 0}, {0, 0}, {0, 0}, {0, 0})},
    {"1 run ends are null",
     .fields = {{.type = IPC_TYPE_RUN_END_ENCODED, .child_count = 2, .subtree = 3},
                {INT32},
                {INT32}},
     .rows = 1, .body_length = 16, NODES({1, 0}, {1, 1}, {0, 0}),
     BUFFERS({0, 1}, {8, 4}, {0, 0}, {0, 0})},
    {"length 1, its parent needs 2",
     .fields = {{.type = IPC_TYPE_RUN_END_ENCODED, .child_count = 2, .subtree = 3},
                {INT32},
                {INT32}},
     .rows = 100, .body_length = 16, NODES({100, 0}, {2, 0}, {1, 0}),
     BUFFERS({0, 0}, {0, 8}, {0, 0}, {8, 4})},
};

static enum fkv_status attempt(const struct trial *trial, struct stream *s)
{
    enum ipc_version version = trial->version == 0 ? IPC_V5 : trial->version;
    const struct ipc_message_parts parts = {
        .kind = IPC_KIND_BATCH,
        .version = version,
        .body_length = trial->body_length,
        .rows = trial->rows,
        .codec = IPC_CODEC_NONE,
        .nodes = trial->nodes,
        .node_count = trial->node_count,
        .buffers = trial->buffers,
        .buffer_count = trial->buffer_count,
        .variadic_counts = trial->counts,
        .variadic_count = trial->variadic_count,
    };
    static const uint8_t body[64];
    assert_int_equal(send_schema(s, trial->fields, trial->fields[0].subtree, 1, version), FKV_OK);
    return send_parts(s, &parts, body);
}

static void batches_fit_the_schema(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof trials / sizeof trials[0]; i++) {
        const struct trial *trial = &trials[i];
        struct stream s;
        begin(&s);
        enum fkv_status status = attempt(trial, &s);
        if (trial->why == NULL
                ? status != FKV_OK
                : status != FKV_INVALID_ARGUMENT || strstr(s.error.message, trial->why) == NULL)
            fail_msg("trial %zu (%s): %s", i, trial->why, s.error.message);
        end(&s);
    }
}

/* --- compressed bodies --- */

/* A batch of one int32 column whose values are one compressed buffer that claims to become `claim`
 * bytes, 16 bytes in all. */
static enum fkv_status send_claim(struct stream *s, int64_t rows, int64_t claim, int64_t length)
{
    const struct ipc_node node = {rows, 0};
    const struct ipc_buffer buffers[] = {{0, 0}, {0, length}};
    const struct ipc_message_parts parts = {.kind = IPC_KIND_BATCH,
                                            .version = IPC_V5,
                                            .body_length = 16,
                                            .rows = rows,
                                            .codec = IPC_CODEC_ZSTD,
                                            .nodes = &node,
                                            .node_count = 1,
                                            .buffers = buffers,
                                            .buffer_count = 2};
    uint8_t body[16] = {0};
    store_le64(body, (uint64_t)claim);
    return send_parts(s, &parts, body);
}

static void claims_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        enum fkv_status status;
        int64_t rows, claim, length;
    } cases[] = {
        {NULL, FKV_OK, 2, 8, 16},
        {NULL, FKV_OK, 2, 1000, 16},
        {NULL, FKV_OK, 2, -1, 16}, /* 8 bytes as they are */
        {NULL, FKV_OK, 0, 0, 8},   /* how Java writes an empty buffer */
        {NULL, FKV_OK, 0, 0, 0},
        {"0 bytes, 8 needed", FKV_INVALID_ARGUMENT, 2, 8, 0},
        {"7 bytes, 8 needed", FKV_INVALID_ARGUMENT, 2, 7, 16},
        {"7 bytes, 8 needed", FKV_INVALID_ARGUMENT, 2, -1, 15},
        {"claims to become -2", FKV_INVALID_ARGUMENT, 2, -2, 16},
        {"claims to become -9", FKV_INVALID_ARGUMENT, 2, INT64_MIN, 16},
        {"8 needed for its size", FKV_INVALID_ARGUMENT, 0, 0, 7},
        {"more than the 1000 bytes", FKV_RESOURCE_EXHAUSTED, 2, 1001, 16},
        {"more than the 1000 bytes", FKV_RESOURCE_EXHAUSTED, 2, INT64_MAX, 16},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const struct ipc_field field = {INT32};
        struct stream s;
        begin(&s);
        assert_int_equal(send_schema(&s, &field, 1, 1, IPC_V5), FKV_OK);
        enum fkv_status status = send_claim(&s, cases[i].rows, cases[i].claim, cases[i].length);
        if (status != cases[i].status ||
            (cases[i].why != NULL && strstr(s.error.message, cases[i].why) == NULL))
            fail_msg("case %zu (%s): %s", i, cases[i].why, s.error.message);
        end(&s);
    }
}

/* A body must be as long as was said, compressed or not. */
static void body_has_its_length(void **state)
{
    (void)state;
    static const struct ipc_field field = {INT32};
    static const uint8_t body[16];
    struct stream s;
    begin(&s);
    assert_int_equal(send_schema(&s, &field, 1, 1, IPC_V5), FKV_OK);
    assert_int_equal(send_claim(&s, 0, 0, 8), FKV_OK);
    assert_int_equal(ipc_verifier_body(s.verifier, &s.message, slice_of(body, 16), &s.error),
                     FKV_OK);
    assert_int_equal(ipc_verifier_body(s.verifier, &s.message, slice_of(body, 8), &s.error),
                     FKV_INVALID_ARGUMENT);
    assert_int_equal(ipc_verifier_body(s.verifier, &s.message, slice_of(NULL, 0), &s.error),
                     FKV_INVALID_ARGUMENT);
    end(&s);
}

/* --- the order of messages --- */

/* Dictionary 1 of int32, whose use in column "a" is by int8; dictionary 2 is a list of it. */
static const struct ipc_field with_dictionaries[] = {
    {INT32, .is_dictionary = true, .dictionary = {1, 8, true, false}},
    {PARENT(IPC_TYPE_LIST), .is_dictionary = true, .dictionary = {2, 16, true, false}},
    {INT32, .is_dictionary = true, .dictionary = {1, 8, true, false}},
};

/* Empty values for dictionary `id`: for 2, a list and its child's indices. */
static enum fkv_status send_dictionary(struct stream *s, int64_t id, bool is_delta)
{
    static const struct ipc_node nodes[2] = {{0, 0}, {0, 0}};
    static const struct ipc_buffer buffers[4] = {{0, 0}, {0, 0}, {0, 0}, {0, 0}};
    const struct ipc_message_parts parts = {.kind = IPC_KIND_DICTIONARY,
                                            .version = IPC_V5,
                                            .codec = IPC_CODEC_NONE,
                                            .nodes = nodes,
                                            .node_count = id == 2 ? 2 : 1,
                                            .buffers = buffers,
                                            .buffer_count = id == 2 ? 4 : 2,
                                            .dictionary_id = id,
                                            .is_delta = is_delta};
    return send_parts(s, &parts, NULL);
}

static enum fkv_status send_empty_batch(struct stream *s, enum ipc_version version)
{
    static const struct ipc_node nodes[2] = {{0, 0}, {0, 0}};
    static const struct ipc_buffer buffers[4] = {{0, 0}, {0, 0}, {0, 0}, {0, 0}};
    const struct ipc_message_parts parts = {.kind = IPC_KIND_BATCH,
                                            .version = version,
                                            .codec = IPC_CODEC_NONE,
                                            .nodes = nodes,
                                            .node_count = 2,
                                            .buffers = buffers,
                                            .buffer_count = 4};
    return send_parts(s, &parts, NULL);
}

static void begin_with_dictionaries(struct stream *s)
{
    begin(s);
    assert_int_equal(send_schema(s, with_dictionaries, 3, 2, IPC_V5), FKV_OK);
}

static void assert_refused(struct stream *s, enum fkv_status status, const char *why)
{
    assert_int_equal(status, FKV_INVALID_ARGUMENT);
    if (strstr(s->error.message, why) == NULL)
        fail_msg("expected '%s' in '%s'", why, s->error.message);
    end(s);
}

static void dictionaries_in_order(void **state)
{
    (void)state;
    struct stream s;
    for (int64_t first = 1; first <= 2; first++) { /* inner first, outer first */
        begin_with_dictionaries(&s);
        assert_int_equal(send_dictionary(&s, first, false), FKV_OK);
        assert_int_equal(send_dictionary(&s, 3 - first, false), FKV_OK);
        assert_int_equal(send_empty_batch(&s, IPC_V5), FKV_OK);
        assert_int_equal(send_dictionary(&s, 1, true), FKV_OK);
        assert_int_equal(send_dictionary(&s, 2, false), FKV_OK);
        assert_int_equal(send_empty_batch(&s, IPC_V5), FKV_OK);
        assert_int_equal(ipc_verifier_end(s.verifier, &s.error), FKV_OK);
        end(&s);
    }
    begin_with_dictionaries(&s);
    assert_int_equal(ipc_verifier_end(s.verifier, &s.error), FKV_OK);
    end(&s);
}

static void dictionaries_out_of_order(void **state)
{
    (void)state;
    struct stream s;
    begin_with_dictionaries(&s);
    assert_refused(&s, send_dictionary(&s, 1, true), "begins with a delta");
    begin_with_dictionaries(&s);
    assert_refused(&s, send_dictionary(&s, 3, false), "id 3, which the schema doesn't have");
    begin_with_dictionaries(&s);
    assert_refused(&s, send_empty_batch(&s, IPC_V5), "before dictionary 1");
    begin_with_dictionaries(&s);
    assert_int_equal(send_dictionary(&s, 1, false), FKV_OK);
    assert_refused(&s, send_empty_batch(&s, IPC_V5), "before dictionary 2");
    begin_with_dictionaries(&s);
    assert_int_equal(send_dictionary(&s, 2, false), FKV_OK);
    assert_refused(&s, ipc_verifier_end(s.verifier, &s.error), "1 of its 2 dictionaries");
}

static void one_schema_first(void **state)
{
    (void)state;
    struct stream s;
    begin(&s);
    assert_null(ipc_verifier_schema(s.verifier));
    assert_refused(&s, ipc_verifier_end(s.verifier, &s.error), "before its schema");
    begin(&s);
    assert_refused(&s, send_empty_batch(&s, IPC_V5), "before the schema");
    begin_with_dictionaries(&s);
    assert_int_equal(ipc_verifier_schema(s.verifier)->field_count, 3);
    assert_refused(&s, send_schema(&s, with_dictionaries, 3, 2, IPC_V5), "second schema");
    begin_with_dictionaries(&s);
    assert_refused(&s, send_empty_batch(&s, IPC_V4), "V4, but the schema V5");
}

static void no_columns_but_rows(void **state)
{
    (void)state;
    struct stream s;
    const struct ipc_message_parts parts = {
        .kind = IPC_KIND_BATCH, .version = IPC_V5, .codec = IPC_CODEC_NONE, .rows = 7};
    begin(&s);
    assert_int_equal(send_schema(&s, NULL, 0, 0, IPC_V5), FKV_OK);
    assert_int_equal(send_parts(&s, &parts, NULL), FKV_OK);
    assert_int_equal(s.message.rows, 7);
    end(&s);
}

static void memory_short(void **state)
{
    (void)state;
    struct stream s; /* whose last header is the schema's */
    begin_with_dictionaries(&s);
    for (size_t n = 1;; n++) {
        struct test_alloc t;
        test_alloc_init(&t, n);
        struct ipc_verifier *verifier = ipc_verifier_new(&t.alloc, &limits);
        enum fkv_status status = FKV_RESOURCE_EXHAUSTED;
        if (verifier != NULL)
            status = ipc_verifier_header(verifier, buf_slice(&s.header), &s.message, &s.error);
        assert_int_equal(status, t.requests < n ? FKV_OK : FKV_RESOURCE_EXHAUSTED);
        ipc_verifier_free(verifier);
        assert_int_equal(t.live, 0);
        if (t.requests < n)
            break;
    }
    end(&s);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(batches_fit_the_schema), cmocka_unit_test(claims_are_checked),
              cmocka_unit_test(body_has_its_length), cmocka_unit_test(dictionaries_in_order),
              cmocka_unit_test(dictionaries_out_of_order), cmocka_unit_test(one_schema_first),
              cmocka_unit_test(no_columns_but_rows), cmocka_unit_test(memory_short));
}
