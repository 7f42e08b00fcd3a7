/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of every type cut into parts: as the whole has them, within limits, and whatever nonsense
 * their values are. */
#include "ipc/cutter.h"

#include "ipc/reader.h"
#include "tables.h"

static struct fkv_error error;

#define NO_LIMIT UINT64_MAX

/* A stored table, and what a client that asks for a part of it gets: through a reader that checks
 * every value. */
struct part_of {
    const struct alloc *alloc;
    struct table_messages *stored;
    struct ipc_cutter *cutter;
    struct ipc_reader *reader;
};

static enum fkv_status part_open(struct part_of *p, const struct alloc *alloc,
                                 struct table_messages *stored, const char *paths)
{
    struct slice text = slice_text(paths != NULL ? paths : "");
    bool is_batch;
    *p = (struct part_of){.alloc = alloc, .stored = stored};
    enum fkv_status status = ipc_cutter_new(alloc, &IPC_LIMITS_DEFAULT, stored->headers[0],
                                            paths != NULL ? &text : NULL, &p->cutter, &error);
    if (status != FKV_OK)
        return status;
    p->reader = ipc_reader_new(alloc_system(), &IPC_LIMITS_DEFAULT, IPC_READER_CHECK_VALUES);
    return ipc_reader_message(p->reader, ipc_cutter_schema(p->cutter), NULL, &is_batch, NULL,
                              &error);
}

static void part_close(struct part_of *p)
{
    ipc_cutter_free(p->cutter);
    ipc_reader_free(p->reader);
}

static struct block *join(const struct ipc_part *part)
{
    struct block *body = block_new(alloc_system(), (size_t)part->body_length);
    size_t at = 0;
    for (size_t i = 0; i < part->piece_count; i++) {
        memcpy(body->data + at, part->pieces[i].bytes.data, part->pieces[i].bytes.size);
        at += part->pieces[i].bytes.size;
    }
    assert_int_equal(at, part->body_length);
    return body;
}

/* Writes the rows' text, each array by itself, and counts the parts. */
static enum fkv_status cut_batch(struct part_of *p, size_t message, int64_t start, int64_t stop,
                                 uint64_t bytes_max, struct buf *out, size_t *ret_parts)
{
    struct block *body = p->stored->bodies[message];
    struct ArrowSchema schema;
    struct ipc_part part;
    int64_t rows = 0;
    size_t parts = 0;
    enum fkv_status status = ipc_cutter_begin(p->cutter, p->stored->headers[message],
                                              block_slice(body), body, start, stop, &error);
    assert_ok(ipc_reader_schema(p->reader, &schema, &error));
    enum ipc_cut cut = IPC_CUT_MORE;
    while (status == FKV_OK && cut != IPC_CUT_END) {
        cut = ipc_cutter_next(p->cutter, bytes_max, &part, &error);
        if (cut == IPC_CUT_FAIL)
            status = error.status;
        if (cut != IPC_CUT_PART)
            continue;
        struct ArrowArray array;
        bool is_batch;
        assert_true(part.header.size + part.body_length <= bytes_max);
        assert_true(part.is_first == (parts++ == 0));
        rows += part.rows;
        struct block *joined = join(&part);
        status = ipc_reader_message(p->reader, part.header, joined, &is_batch, &array, &error);
        block_unref(joined);
        if (status != FKV_OK)
            break;
        if (out != NULL)
            arrow_array_text(out, &schema, &array, INT64_MAX);
        array.release(&array);
    }
    if (status == FKV_OK)
        assert_int_equal(rows, stop - start);
    schema.release(&schema);
    if (ret_parts != NULL)
        *ret_parts = parts;
    return status;
}

/* The same rows of the batch as a whole. */
static void whole_text(struct part_of *p, size_t message, int64_t start, int64_t stop,
                       struct buf *out)
{
    struct ArrowArray array;
    struct ArrowSchema schema;
    bool is_batch;
    assert_ok(ipc_reader_message(p->reader, p->stored->headers[message], p->stored->bodies[message],
                                 &is_batch, &array, &error));
    assert_ok(ipc_reader_schema(p->reader, &schema, &error));
    array.offset = start;
    array.length = stop - start;
    arrow_array_text(out, &schema, &array, INT64_MAX);
    array.release(&array);
    schema.release(&schema);
}

static struct ipc_message message_of(const struct table_messages *m, size_t i)
{
    struct ipc_message message;
    assert_ok(ipc_message_decode(m->headers[i], &IPC_LIMITS_DEFAULT, &message, &error));
    return message;
}

static void give_dictionary(struct part_of *p, size_t i)
{
    bool is_batch;
    assert_ok(ipc_reader_message(p->reader, p->stored->headers[i], p->stored->bodies[i], &is_batch,
                                 NULL, &error));
}

static bool open_or_skip(struct part_of *p, const char *path, struct table_messages *stored)
{
    table_messages_init(stored, table_load(path));
    enum fkv_status status = part_open(p, alloc_system(), stored, NULL);
    if (status == FKV_OK)
        return true;
    assert_int_equal(status, FKV_UNIMPLEMENTED); /* big-endian */
    part_close(p);
    table_messages_done(stored);
    return false;
}

static void every_range_of(const char *path)
{
    struct table_messages stored;
    struct part_of p;
    struct buf got, expected;
    if (!open_or_skip(&p, path, &stored))
        return;
    buf_init(&got, alloc_system(), 1 << 26);
    buf_init(&expected, alloc_system(), 1 << 26);
    for (size_t i = 1; i < stored.count; i++) {
        struct ipc_message message = message_of(&stored, i);
        if (message.kind == IPC_KIND_DICTIONARY)
            give_dictionary(&p, i);
        int64_t rows = message.kind == IPC_KIND_BATCH ? message.rows : 0;
        for (int64_t start = 0; start < rows; start += 1 + rows / 8) {
            for (int64_t stop = rows; stop > start; stop -= 1 + rows / 8) {
                buf_clear(&got);
                buf_clear(&expected);
                assert_ok(cut_batch(&p, i, start, stop, NO_LIMIT, &got, NULL));
                whole_text(&p, i, start, stop, &expected);
                assert_string_equal(buf_c_text(&got), buf_c_text(&expected));
            }
        }
    }
    buf_done(&got);
    buf_done(&expected);
    part_close(&p);
    table_messages_done(&stored);
}

static void parts_are_the_same_rows(void **state)
{
    (void)state;
    assert_true(table_each("tests/golden/valid", ".stream", every_range_of) > 10);
    every_range_of(TABLES_EVERY_TYPE);
}

/* Words that lead somewhere else, put in place of each one of a body. */
static void nonsense_in(const char *path)
{
    static const uint32_t words[] = {0x7fffffff, 0xffffffff, 0x80000000, 1, 0x00010001};
    struct table_messages stored;
    struct part_of p;
    if (!open_or_skip(&p, path, &stored))
        return;
    for (size_t i = 1; i < stored.count; i++) {
        struct ipc_message message = message_of(&stored, i);
        struct block *body = stored.bodies[i];
        if (message.kind != IPC_KIND_BATCH || message.rows < 2 || body->size > 16 << 10 ||
            message.codec != IPC_CODEC_NONE)
            continue;
        for (size_t at = 0; at + 4 <= body->size; at += 4) {
            uint32_t was = load_le32(body->data + at);
            for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
                struct ipc_part part;
                int64_t start = (int64_t)(at / 4 + w) % message.rows;
                store_le32(body->data + at, words[w]);
                uint64_t bytes_max = w % 2 == 0 ? NO_LIMIT : 1 << 14;
                assert_ok(ipc_cutter_begin(p.cutter, stored.headers[i], block_slice(body), body,
                                           start, message.rows, &error));
                enum ipc_cut cut = IPC_CUT_MORE;
                while (cut == IPC_CUT_MORE || cut == IPC_CUT_PART) {
                    error.status = FKV_OK;
                    cut = ipc_cutter_next(p.cutter, bytes_max, &part, &error);
                    if (cut == IPC_CUT_PART)
                        block_unref(join(&part));
                }
                if (cut == IPC_CUT_FAIL)
                    assert_true(error.status == FKV_INVALID_ARGUMENT ||
                                error.status == FKV_RESOURCE_EXHAUSTED);
            }
            store_le32(body->data + at, was);
        }
    }
    part_close(&p);
    table_messages_done(&stored);
}

static void nonsense_is_refused_or_harmless(void **state)
{
    (void)state;
    assert_true(table_each("tests/golden/valid", ".stream", nonsense_in) > 10);
}

/* ---- hostile values, one by one ---- */

/* A column's fields, and where the nodes and buffers of a batch of it lie. */
struct shape {
    struct ipc_field fields[3];
    uint32_t field_count;
    struct ipc_node nodes[3];
    uint32_t node_count;
    struct ipc_buffer buffers[6];
    uint32_t buffer_count;
    int64_t variadic; /* 0: none */
};

#define LIST_FIELDS(kind)                                                                    \
    {                                                                                        \
        {.name = {(const uint8_t *)"l", 1}, .type = (kind), .child_count = 1, .subtree = 2}, \
        {                                                                                    \
            .name = {(const uint8_t *)"i", 1}, .type = IPC_TYPE_INT, .bit_width = 32,        \
            .is_signed = true, .subtree = 1                                                  \
        }                                                                                    \
    }
#define ONE_FIELD(kind)                                                     \
    {                                                                       \
        {                                                                   \
            .name = {(const uint8_t *)"l", 1}, .type = (kind), .subtree = 1 \
        }                                                                   \
    }

static const int32_t union_ids[] = {0};

#define UNION_FIELDS                                                                  \
    {                                                                                 \
        {.name = {(const uint8_t *)"l", 1},                                           \
         .type = IPC_TYPE_UNION,                                                      \
         .union_mode = IPC_DENSE,                                                     \
         .type_ids = union_ids,                                                       \
         .child_count = 1,                                                            \
         .subtree = 2},                                                               \
        {                                                                             \
            .name = {(const uint8_t *)"i", 1}, .type = IPC_TYPE_INT, .bit_width = 32, \
            .is_signed = true, .subtree = 1                                           \
        }                                                                             \
    }
#define RUN_FIELDS                                                                    \
    {                                                                                 \
        {.name = {(const uint8_t *)"l", 1},                                           \
         .type = IPC_TYPE_RUN_END_ENCODED,                                            \
         .child_count = 2,                                                            \
         .subtree = 3},                                                               \
            {.name = {(const uint8_t *)"e", 1},                                       \
             .type = IPC_TYPE_INT,                                                    \
             .bit_width = 32,                                                         \
             .is_signed = true,                                                       \
             .subtree = 1},                                                           \
        {                                                                             \
            .name = {(const uint8_t *)"i", 1}, .type = IPC_TYPE_INT, .bit_width = 32, \
            .is_signed = true, .subtree = 1                                           \
        }                                                                             \
    }

static const struct shape list_shape = {
    .fields = LIST_FIELDS(IPC_TYPE_LIST),
    .field_count = 2,
    .nodes = {{3, 0}, {2, 0}},
    .node_count = 2,
    .buffers = {{0, 0}, {0, 16}, {0, 0}, {16, 8}},
    .buffer_count = 4,
};
static const struct shape list_view_shape = {
    .fields = LIST_FIELDS(IPC_TYPE_LIST_VIEW),
    .field_count = 2,
    .nodes = {{3, 0}, {2, 0}},
    .node_count = 2,
    .buffers = {{0, 0}, {0, 12}, {16, 12}, {0, 0}, {32, 8}},
    .buffer_count = 5,
};
static const struct shape text_shape = {
    .fields = ONE_FIELD(IPC_TYPE_UTF8),
    .field_count = 1,
    .nodes = {{3, 0}},
    .node_count = 1,
    .buffers = {{0, 0}, {0, 16}, {16, 4}},
    .buffer_count = 3,
};
static const struct shape dense_union_shape = {
    .fields = UNION_FIELDS,
    .field_count = 2,
    .nodes = {{3, 0}, {2, 0}},
    .node_count = 2,
    .buffers = {{0, 3}, {8, 12}, {0, 0}, {24, 8}},
    .buffer_count = 4,
};
static const struct shape runs_shape = {
    .fields = RUN_FIELDS,
    .field_count = 3,
    .nodes = {{3, 0}, {2, 0}, {2, 0}},
    .node_count = 3,
    .buffers = {{0, 0}, {0, 8}, {0, 0}, {8, 8}},
    .buffer_count = 4,
};
static const struct shape three_runs_shape = {
    .fields = RUN_FIELDS,
    .field_count = 3,
    .nodes = {{3, 0}, {3, 0}, {3, 0}},
    .node_count = 3,
    .buffers = {{0, 0}, {0, 12}, {0, 0}, {16, 12}},
    .buffer_count = 4,
};

/* Rows 1 and 2 of three are cut out. */
static const struct hostile {
    const char *name;
    const struct shape *shape;
    int32_t body[16];
    const char *says; /* NULL: it is cut */
} hostiles[] = {
    {"list, an offset behind the child", &list_shape, {0, 1, 2, 3, 7, 8}, "ends before"},
    {"list, a negative offset", &list_shape, {0, -1, 2, 2, 7, 8}, "negative or fall"},
    {"list, an offset that falls", &list_shape, {0, 1, 0, 2, 7, 8}, "offsets fall"},
    {"list", &list_shape, {0, 1, 1, 2, 7, 8}, NULL},
    {"list view, behind the child",
     &list_view_shape,
     {0, 1, 1, 0, 1, 1, 2, 0, 7, 8},
     "ends before"},
    {"list view, negative",
     &list_view_shape,
     {0, -1, 1, 0, 1, 1, 1, 0, 7, 8},
     "negative offset or size"},
    {"text, behind the data", &text_shape, {0, 1, 2, 5, 0}, "buffer ends"},
    {"text", &text_shape, {0, 1, 2, 4, 0}, NULL},
    {"dense union, an id of no child",
     &dense_union_shape,
     {0x00090000, 0, 0, 1, 1, 0, 7, 8},
     "unknown type id"},
    {"dense union, an offset behind the child",
     &dense_union_shape,
     {0, 0, 0, 1, 2, 0, 7, 8},
     "ends before"},
    {"dense union, a negative offset",
     &dense_union_shape,
     {0, 0, 0, -1, 1, 0, 7, 8},
     "negative offset"},
    {"run ends that stop", &runs_shape, {1, 2, 7, 8}, "stop before"},
    {"run ends that stay", &three_runs_shape, {2, 2, 3, 0, 7, 8, 9}, "don't rise"},
    {"run ends", &runs_shape, {2, 9, 7, 8}, NULL},
};

static void make_hostile(const struct hostile *h, struct table_messages *ret)
{
    static struct buf headers[2];
    struct ipc_schema schema = {.version = IPC_V5,
                                .fields = (struct ipc_field *)(uintptr_t)h->shape->fields,
                                .field_count = h->shape->field_count,
                                .column_count = 1};
    const struct ipc_message_parts parts = {.kind = IPC_KIND_BATCH,
                                            .version = IPC_V5,
                                            .body_length = sizeof h->body,
                                            .rows = 3,
                                            .codec = IPC_CODEC_NONE,
                                            .nodes = h->shape->nodes,
                                            .node_count = h->shape->node_count,
                                            .buffers = h->shape->buffers,
                                            .buffer_count = h->shape->buffer_count,
                                            .variadic_counts = &h->shape->variadic,
                                            .variadic_count = h->shape->variadic > 0};
    for (int i = 0; i < 2; i++) {
        buf_done(&headers[i]);
        buf_init(&headers[i], alloc_system(), 1 << 16);
    }
    assert_ok(ipc_schema_encode(&schema, &headers[0], &error));
    assert_ok(ipc_message_encode(&parts, &headers[1], &error));
    *ret = (struct table_messages){.count = 2};
    for (int i = 0; i < 2; i++)
        ret->headers[i] = buf_slice(&headers[i]);
    ret->bodies[0] = block_new(alloc_system(), 0);
    ret->bodies[1] = block_new(alloc_system(), sizeof h->body);
    memcpy(ret->bodies[1]->data, h->body, sizeof h->body);
}

/* Views are followed only where their data must be copied together to fit. */
static void hostile_views_are_named(void **state)
{
    (void)state;
    static const struct {
        int32_t view[4];
        const char *says;
    } views[] = {{{14, 0, 0, 0}, NULL},
                 {{13, 0, 0, 4}, "outside"},
                 {{16, 0, 1, 0}, "outside"},
                 {{16, 0, -1, 0}, "outside"},
                 {{-1, 0, 0, 0}, "outside"},
                 {{16, 0, 0, INT32_MAX}, "outside"},
                 {{INT32_MAX, 0, 0, 1}, "outside"}};
    static const struct shape view_shape = {.fields = ONE_FIELD(IPC_TYPE_BINARY_VIEW),
                                            .field_count = 1,
                                            .nodes = {{3, 0}},
                                            .node_count = 1,
                                            .buffers = {{0, 0}, {0, 48}, {48, 16}},
                                            .buffer_count = 3,
                                            .variadic = 1};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        struct hostile h = {.shape = &view_shape};
        struct table_messages stored;
        struct part_of p;
        memcpy(h.body + 8, views[i].view, sizeof views[i].view);
        make_hostile(&h, &stored);
        assert_ok(part_open(&p, alloc_system(), &stored, NULL));
        enum fkv_status status = cut_batch(&p, 1, 1, 3, 1 << 20, NULL, NULL);
        assert_int_equal(status, views[i].says == NULL ? FKV_OK : FKV_INVALID_ARGUMENT);
        if (views[i].says != NULL)
            assert_non_null(strstr(error.message, views[i].says));
        part_close(&p);
        table_messages_done(&stored);
    }
}

static void hostile_values_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostiles / sizeof *hostiles; i++) {
        struct table_messages stored;
        struct part_of p;
        make_hostile(&hostiles[i], &stored);
        assert_ok(part_open(&p, alloc_system(), &stored, NULL));
        enum fkv_status status = cut_batch(&p, 1, 1, 3, NO_LIMIT, NULL, NULL);
        if (hostiles[i].says == NULL) {
            assert_int_equal(status, FKV_OK);
        } else if (status != FKV_INVALID_ARGUMENT ||
                   strstr(error.message, hostiles[i].says) == NULL ||
                   strstr(error.message, "column '") == NULL) {
            fail_msg("%s: %d %s", hostiles[i].name, (int)status, error.message);
        }
        part_close(&p);
        table_messages_done(&stored);
    }
}

static void without_memory_nothing_leaks(void **state)
{
    (void)state;
    struct table_messages stored;
    table_messages_init(&stored, table_load("tests/golden/valid/nested.stream"));
    for (size_t n = 1;; n++) {
        struct test_alloc t;
        struct part_of p;
        test_alloc_init(&t, n);
        enum fkv_status status = part_open(&p, &t.alloc, &stored, NULL);
        for (size_t i = 1; i < stored.count && status == FKV_OK; i++) {
            struct ipc_message message = message_of(&stored, i);
            if (message.kind == IPC_KIND_BATCH && message.rows > 1)
                status = cut_batch(&p, i, 1, message.rows, NO_LIMIT, NULL, NULL);
        }
        if (status != FKV_OK)
            assert_int_equal(status, FKV_RESOURCE_EXHAUSTED);
        part_close(&p);
        assert_int_equal(t.live, 0);
        if (t.requests < n)
            break;
    }
    table_messages_done(&stored);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(parts_are_the_same_rows),
              cmocka_unit_test(nonsense_is_refused_or_harmless),
              cmocka_unit_test(hostile_values_are_named), cmocka_unit_test(hostile_views_are_named),
              cmocka_unit_test(without_memory_nothing_leaks));
}
