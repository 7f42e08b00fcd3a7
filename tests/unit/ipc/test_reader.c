/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"

static void messages_open(struct table_messages *m, const char *path)
{
    table_messages_init(m, table_load(path));
}

static struct ipc_reader *new_reader(void)
{
    return ipc_reader_new(alloc_system(), &IPC_LIMITS_DEFAULT, IPC_READER_CHECK_VALUES);
}

/* Reads on up to the next batch. */
static void read_batch(struct ipc_reader *reader, const struct table_messages *m, size_t *next,
                       struct ArrowArray *ret)
{
    struct fkv_error error = {0};
    bool is_batch = false;
    while (!is_batch) {
        assert_true(*next < m->count);
        assert_ok(ipc_reader_message(reader, m->headers[*next], m->bodies[*next], &is_batch, ret,
                                     &error));
        (*next)++;
    }
}

static void text_of(const struct ArrowSchema *schema, const struct ArrowArray *array,
                    struct buf *ret)
{
    buf_init(ret, alloc_system(), 64 << 20);
    arrow_array_text(ret, schema, array, 100);
}

/* Arrays stay when the reader, later dictionaries and the messages are gone. */
static void arrays_outlive_the_reader(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct table_messages m;
    struct ArrowArray first, second;
    struct ArrowSchema schema;
    struct buf before, after;
    size_t next = 0;
    messages_open(&m, "tests/golden/ipc/replaced.stream");
    struct ipc_reader *reader = new_reader();
    read_batch(reader, &m, &next, &first);
    assert_ok(ipc_reader_schema(reader, &schema, &error));
    text_of(&schema, &first, &before);
    read_batch(reader, &m, &next, &second);
    ipc_reader_free(reader);
    table_messages_done(&m);
    second.release(&second);
    text_of(&schema, &first, &after);
    assert_true(slice_equal(buf_slice(&before), buf_slice(&after)));
    first.release(&first);
    schema.release(&schema);
    buf_done(&before);
    buf_done(&after);
}

/* The C Data interface lets a consumer move a child out and release the parent. */
static void children_outlive_their_parent(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct table_messages m;
    struct ArrowArray array;
    struct ArrowSchema schema;
    size_t next = 0;
    messages_open(&m, TABLES_EVERY_TYPE);
    struct ipc_reader *reader = new_reader();
    read_batch(reader, &m, &next, &array);
    assert_ok(ipc_reader_schema(reader, &schema, &error));
    ipc_reader_free(reader);
    table_messages_done(&m);
    for (int64_t i = 0; i < array.n_children; i += 7) {
        struct ArrowArray child = *array.children[i];
        struct ArrowSchema child_schema = *schema.children[i];
        array.children[i]->release = NULL;
        schema.children[i]->release = NULL;
        if (i + 7 >= array.n_children) {
            array.release(&array);
            schema.release(&schema);
            i = INT64_MAX - 7;
        }
        struct buf text;
        text_of(&child_schema, &child, &text);
        assert_true(text.size > 0);
        buf_done(&text);
        child.release(&child);
        child_schema.release(&child_schema);
    }
    assert_null(array.release);
}

static void arrays_are_views_of_the_body(void **state)
{
    (void)state;
    struct table_messages m;
    struct ArrowArray array;
    size_t next = 0;
    messages_open(&m, TABLES_EVERY_TYPE);
    struct ipc_reader *reader = new_reader();
    read_batch(reader, &m, &next, &array);
    const struct block *body = m.bodies[next - 1];
    int64_t inside = 0;
    for (int64_t i = 0; i < array.n_children; i++) {
        const struct ArrowArray *column = array.children[i];
        const uint8_t *values = column->n_buffers > 1 ? column->buffers[1] : NULL;
        inside += values != NULL && values >= body->data && values < body->data + body->size;
    }
    assert_true(inside > array.n_children / 2);
    array.release(&array);
    ipc_reader_free(reader);
    table_messages_done(&m);
}

/* A body at an odd address is copied, so that values are aligned. */
static void copies_bodies_that_lie_crookedly(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct table_messages m;
    struct ArrowArray straight, crooked;
    struct ArrowSchema schema;
    struct buf expected, found;
    size_t next = 0;
    bool is_batch;
    messages_open(&m, TABLES_EVERY_TYPE);
    struct ipc_reader *reader = new_reader();
    read_batch(reader, &m, &next, &straight);
    struct block *body = m.bodies[next - 1], *shifted = block_new(alloc_system(), body->size + 1);
    memcpy(shifted->data + 1, body->data, body->size);
    struct block part;
    block_init(&part, shifted->data + 1, body->size, NULL);
    assert_ok(ipc_reader_message(reader, m.headers[next - 1], &part, &is_batch, &crooked, &error));
    assert_true(block_is_mine(&part));
    block_unref(shifted);
    assert_ok(ipc_reader_schema(reader, &schema, &error));
    text_of(&schema, &straight, &expected);
    text_of(&schema, &crooked, &found);
    assert_true(slice_equal(buf_slice(&expected), buf_slice(&found)));
    buf_done(&expected);
    buf_done(&found);
    straight.release(&straight);
    crooked.release(&crooked);
    schema.release(&schema);
    ipc_reader_free(reader);
    table_messages_done(&m);
}

static void asks_for_the_schema_first(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct table_messages m;
    struct ArrowSchema schema;
    struct ArrowArray array;
    bool is_batch;
    messages_open(&m, "tests/golden/ipc/replaced.stream");
    struct ipc_reader *reader = new_reader();
    assert_int_equal(ipc_reader_schema(reader, &schema, &error), FKV_FAILED_PRECONDITION);
    assert_int_not_equal(ipc_reader_end(reader, &error), FKV_OK);
    size_t last = m.count - 1;
    assert_int_equal(
        ipc_reader_message(reader, m.headers[last], m.bodies[last], &is_batch, &array, &error),
        FKV_INVALID_ARGUMENT);
    assert_int_equal(
        ipc_reader_message(reader, m.headers[0], m.bodies[0], &is_batch, &array, &error),
        FKV_FAILED_PRECONDITION);
    ipc_reader_free(reader);
    table_messages_done(&m);
}

/* All batches, as text. */
static void read_all(struct ipc_reader *reader, const struct table_messages *m, struct buf *ret)
{
    struct fkv_error error = {0};
    buf_init(ret, alloc_system(), 64 << 20);
    for (size_t i = 0; i < m->count; i++) {
        struct ArrowArray array;
        struct ArrowSchema schema;
        bool is_batch = false;
        assert_ok(
            ipc_reader_message(reader, m->headers[i], m->bodies[i], &is_batch, &array, &error));
        if (!is_batch)
            continue;
        assert_ok(ipc_reader_schema(reader, &schema, &error));
        arrow_array_text(ret, &schema, &array, 100);
        array.release(&array);
        schema.release(&schema);
    }
    assert_ok(ipc_reader_end(reader, &error));
}

/* A restarted reader gives what a new one gives: of the same table, of another, and again. */
static void reads_another_table_when_restarted(void **state)
{
    (void)state;
    static const char *const paths[] = {"tests/golden/ipc/replaced.stream",
                                        "tests/golden/ipc/replaced.stream", TABLES_EVERY_TYPE,
                                        TABLES_EVERY_TYPE, "tests/golden/ipc/replaced.stream"};
    struct ipc_reader *kept = new_reader();
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct table_messages m;
        struct buf expected, text;
        struct ipc_reader *reader = new_reader();
        messages_open(&m, paths[i]);
        read_all(reader, &m, &expected);
        read_all(kept, &m, &text);
        assert_true(expected.size > 0);
        assert_true(slice_equal(buf_slice(&expected), buf_slice(&text)));
        assert_true(ipc_reader_restart(kept, IPC_READER_CHECK_VALUES));
        ipc_reader_free(reader);
        table_messages_done(&m);
        buf_done(&expected);
        buf_done(&text);
    }
    ipc_reader_free(kept);
}

/* What it knows of the schema doesn't stand for a schema message, nor for dictionaries. */
static void forgets_all_but_the_schema_when_restarted(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct table_messages m;
    struct ArrowSchema schema;
    struct ArrowArray array;
    struct buf text;
    bool is_batch = false;
    messages_open(&m, "tests/golden/ipc/replaced.stream");
    size_t last = m.count - 1;
    for (int has_schema = 0; has_schema < 2; has_schema++) {
        struct ipc_reader *reader = new_reader();
        read_all(reader, &m, &text);
        buf_done(&text);
        assert_true(ipc_reader_restart(reader, IPC_READER_CHECK_VALUES));
        assert_int_equal(ipc_reader_schema(reader, &schema, &error), FKV_FAILED_PRECONDITION);
        assert_int_not_equal(ipc_reader_end(reader, &error), FKV_OK);
        if (has_schema)
            assert_ok(
                ipc_reader_message(reader, m.headers[0], m.bodies[0], &is_batch, &array, &error));
        assert_int_equal(
            ipc_reader_message(reader, m.headers[last], m.bodies[last], &is_batch, &array, &error),
            FKV_INVALID_ARGUMENT);
        assert_false(ipc_reader_restart(reader, 0)); /* it has failed */
        ipc_reader_free(reader);
    }
    table_messages_done(&m);
}

/* --- tables made by hand --- */

/* A message of the given parts, given to the reader. */
static enum fkv_status give(struct ipc_reader *reader, const struct ipc_message_parts *parts,
                            struct slice body, struct ArrowArray *ret, struct fkv_error *ret_error)
{
    struct fkv_error error = {0};
    struct buf header;
    bool is_batch;
    buf_init(&header, alloc_system(), 1 << 20);
    assert_ok(ipc_message_encode(parts, &header, &error));
    struct block *block = block_new(alloc_system(), body.size);
    if (body.size > 0)
        memcpy(block->data, body.data, body.size);
    enum fkv_status status =
        ipc_reader_message(reader, buf_slice(&header), block, &is_batch, ret, ret_error);
    block_unref(block);
    buf_done(&header);
    return status;
}

static struct ipc_reader *reader_of(struct ipc_field *fields, uint32_t count,
                                    enum ipc_version version)
{
    struct fkv_error error = {0};
    struct ipc_schema schema = {.version = version, .fields = fields, .field_count = count};
    for (uint32_t i = 0; i < count; i += fields[i].subtree)
        schema.column_count++;
    struct buf header;
    bool is_batch;
    struct ArrowArray none;
    buf_init(&header, alloc_system(), 1 << 20);
    assert_ok(ipc_schema_encode(&schema, &header, &error));
    struct ipc_reader *reader = new_reader();
    assert_ok(ipc_reader_message(reader, buf_slice(&header), NULL, &is_batch, &none, &error));
    buf_done(&header);
    return reader;
}

/* Where a column has no rows, consumers still find an offset, and a pointer in every place. */
static void empty_columns_have_buffers(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct ArrowArray array;
    struct ipc_field fields[] = {
        {.name = slice_text("a"), .type = IPC_TYPE_UTF8, .subtree = 1},
        {.name = slice_text("b"), .type = IPC_TYPE_UTF8_VIEW, .subtree = 1}};
    struct ipc_node nodes[2] = {{0, 0}, {0, 0}};
    struct ipc_buffer buffers[5] = {{0, 0}};
    int64_t none = 0;
    struct ipc_message_parts parts = {.kind = IPC_KIND_BATCH,
                                      .version = IPC_V5,
                                      .codec = IPC_CODEC_NONE,
                                      .nodes = nodes,
                                      .node_count = 2,
                                      .buffers = buffers,
                                      .buffer_count = 5,
                                      .variadic_counts = &none,
                                      .variadic_count = 1};
    struct ipc_reader *reader = reader_of(fields, 2, IPC_V5);
    assert_ok(give(reader, &parts, slice_of("", 0), &array, &error));
    const struct ArrowArray *text = array.children[0], *view = array.children[1];
    assert_int_equal(text->n_buffers, 3);
    assert_null(text->buffers[0]);
    assert_int_equal(*(const int32_t *)text->buffers[1], 0);
    assert_non_null(text->buffers[2]);
    assert_int_equal(view->n_buffers, 3);
    assert_non_null(view->buffers[1]);
    assert_non_null(view->buffers[2]);
    array.release(&array);
    ipc_reader_free(reader);
}

/* Arrow Java writes the length 0 and nothing behind it. */
static void empty_buffers_may_have_a_length(void **state)
{
    (void)state;
    static const uint8_t body[16] = {0};
    struct fkv_error error = {0};
    struct ArrowArray array;
    struct ipc_field field = {.name = slice_text("i"),
                              .type = IPC_TYPE_INT,
                              .bit_width = 32,
                              .is_signed = true,
                              .subtree = 1};
    struct ipc_node node = {0, 0};
    struct ipc_buffer buffers[] = {{0, 8}, {8, 8}};
    for (int codec = IPC_CODEC_LZ4; codec <= IPC_CODEC_ZSTD; codec++) {
        struct ipc_message_parts parts = {.kind = IPC_KIND_BATCH,
                                          .version = IPC_V5,
                                          .codec = (enum ipc_codec)codec,
                                          .body_length = sizeof body,
                                          .nodes = &node,
                                          .node_count = 1,
                                          .buffers = buffers,
                                          .buffer_count = 2};
        struct ipc_reader *reader = reader_of(&field, 1, IPC_V5);
        assert_ok(give(reader, &parts, slice_of(body, sizeof body), &array, &error));
        assert_null(array.children[0]->buffers[0]);
        array.release(&array);
        ipc_reader_free(reader);
    }
}

/* Metadata version V4 let unions be null by themselves, which nothing today can say. */
static void refuses_nulls_of_old_unions(void **state)
{
    (void)state;
    static const int32_t ids[] = {0};
    static const uint8_t body[32] = {0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                     0,    0, 0, 0, 0, 7, 0, 0, 0, 8};
    struct fkv_error error = {0};
    struct ArrowArray array;
    struct ipc_field fields[] = {{.name = slice_text("u"),
                                  .type = IPC_TYPE_UNION,
                                  .union_mode = IPC_SPARSE,
                                  .type_ids = ids,
                                  .child_count = 1,
                                  .subtree = 2},
                                 {.name = slice_text("i"),
                                  .type = IPC_TYPE_INT,
                                  .bit_width = 32,
                                  .is_signed = true,
                                  .subtree = 1}};
    struct ipc_buffer buffers[] = {{0, 1}, {8, 2}, {16, 0}, {16, 8}};
    for (int nulls = 0; nulls < 2; nulls++) {
        struct ipc_node nodes[] = {{2, nulls}, {2, 0}};
        struct ipc_message_parts parts = {.kind = IPC_KIND_BATCH,
                                          .version = IPC_V4,
                                          .codec = IPC_CODEC_NONE,
                                          .body_length = sizeof body,
                                          .rows = 2,
                                          .nodes = nodes,
                                          .node_count = 2,
                                          .buffers = buffers,
                                          .buffer_count = 4};
        struct ipc_reader *reader = reader_of(fields, 2, IPC_V4);
        enum fkv_status status = give(reader, &parts, slice_of(body, sizeof body), &array, &error);
        assert_int_equal(status, nulls ? FKV_UNIMPLEMENTED : FKV_OK);
        if (nulls == 0) {
            assert_int_equal(array.children[0]->n_buffers, 1);
            assert_int_equal(array.children[0]->null_count, 0);
            array.release(&array);
        }
        ipc_reader_free(reader);
    }
}

/* One column of dictionary indices, and what a dictionary of one int32 value is. */
struct indexed {
    struct ipc_field field;
    struct ipc_node nodes[1];
    struct ipc_buffer buffers[2];
    struct ipc_message_parts parts;
};

static void indexed_init(struct indexed *x, enum ipc_kind kind, int64_t rows, int64_t width)
{
    *x = (struct indexed){
        .field = {.name = slice_text("d"),
                  .type = IPC_TYPE_INT,
                  .bit_width = 32,
                  .is_signed = true,
                  .nullable = true,
                  .is_dictionary = true,
                  .dictionary = {.id = 7, .index_bits = 8, .index_is_signed = true},
                  .subtree = 1},
        .nodes = {{rows, 0}},
        .buffers = {{0, 0}, {0, rows * width}}};
    x->parts = (struct ipc_message_parts){.kind = kind,
                                          .version = IPC_V5,
                                          .codec = IPC_CODEC_NONE,
                                          .body_length = 8,
                                          .rows = rows,
                                          .nodes = x->nodes,
                                          .node_count = 1,
                                          .buffers = x->buffers,
                                          .buffer_count = 2,
                                          .dictionary_id = 7};
}

static void checks_indices_against_the_dictionary_in_force(void **state)
{
    (void)state;
    static const int32_t values[2] = {10, 20};
    static const uint8_t second[8] = {1}, third[8] = {2}, negative[8] = {0xff};
    struct fkv_error error = {0};
    struct ArrowArray array;
    struct indexed batch, dictionary;
    indexed_init(&batch, IPC_KIND_BATCH, 1, 1);
    indexed_init(&dictionary, IPC_KIND_DICTIONARY, 1, 4);
    struct ipc_reader *reader = reader_of(&batch.field, 1, IPC_V5);
    assert_ok(give(reader, &dictionary.parts, slice_of(values, 8), &array, &error));
    dictionary.parts.is_delta = true;
    assert_ok(give(reader, &dictionary.parts, slice_of(values + 0, 8), &array, &error));
    assert_ok(give(reader, &batch.parts, slice_of(second, 8), &array, &error));
    assert_int_equal(array.children[0]->dictionary->length, 2);
    array.release(&array);
    dictionary.parts.is_delta = false; /* replaced by a shorter one */
    assert_ok(give(reader, &dictionary.parts, slice_of(values, 8), &array, &error));
    assert_int_equal(give(reader, &batch.parts, slice_of(second, 8), &array, &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "column 'd', row 0: its index passes the end"));
    ipc_reader_free(reader);
    static const uint8_t *const wrong[] = {third, negative};
    for (size_t i = 0; i < 2; i++) {
        reader = reader_of(&batch.field, 1, IPC_V5);
        assert_ok(give(reader, &dictionary.parts, slice_of(values, 8), &array, &error));
        assert_int_equal(give(reader, &batch.parts, slice_of(wrong[i], 8), &array, &error),
                         FKV_INVALID_ARGUMENT);
        ipc_reader_free(reader);
    }
}

/* What waits to be appended is bounded; nothing gets lost at the bound. */
static void appends_many_deltas(void **state)
{
    (void)state;
    static const int32_t values[2] = {10, 20};
    static const uint8_t first[8] = {0};
    struct fkv_error error = {0};
    struct ArrowArray array;
    struct indexed batch, dictionary;
    indexed_init(&batch, IPC_KIND_BATCH, 1, 1);
    indexed_init(&dictionary, IPC_KIND_DICTIONARY, 2, 4);
    struct ipc_reader *reader = reader_of(&batch.field, 1, IPC_V5);
    for (int i = 0; i < 3000; i++) {
        dictionary.parts.is_delta = i > 0;
        assert_ok(give(reader, &dictionary.parts, slice_of(values, 8), &array, &error));
    }
    assert_ok(give(reader, &batch.parts, slice_of(first, 8), &array, &error));
    const struct ArrowArray *all = array.children[0]->dictionary;
    assert_int_equal(all->length, 6000);
    for (int64_t i = 0; i < all->length; i++)
        assert_int_equal(((const int32_t *)all->buffers[1])[i], values[i % 2]);
    array.release(&array);
    ipc_reader_free(reader);
}

/* Without a check of values, deltas are checked all the same: appending follows offsets. */
static void never_appends_what_is_broken(void **state)
{
    (void)state;
    static const int32_t offsets[4] = {0, 99, 0, 0};
    static const uint8_t first[8] = {0};
    struct fkv_error error = {0};
    struct ArrowArray array;
    struct indexed batch, dictionary;
    indexed_init(&batch, IPC_KIND_BATCH, 1, 1);
    indexed_init(&dictionary, IPC_KIND_DICTIONARY, 1, 4);
    batch.field.type = IPC_TYPE_UTF8;
    batch.field.bit_width = 0;
    batch.field.is_signed = false;
    struct ipc_buffer buffers[] = {{0, 0}, {0, 8}, {8, 8}};
    dictionary.parts.buffers = buffers;
    dictionary.parts.buffer_count = 3;
    dictionary.parts.body_length = 16;
    struct ipc_schema schema = {
        .version = IPC_V5, .fields = &batch.field, .field_count = 1, .column_count = 1};
    struct buf header;
    bool is_batch;
    buf_init(&header, alloc_system(), 1 << 20);
    assert_ok(ipc_schema_encode(&schema, &header, &error));
    struct ipc_reader *reader = ipc_reader_new(alloc_system(), &IPC_LIMITS_DEFAULT, 0);
    assert_ok(ipc_reader_message(reader, buf_slice(&header), NULL, &is_batch, &array, &error));
    assert_ok(give(reader, &dictionary.parts, slice_of(offsets, 16), &array, &error));
    dictionary.parts.is_delta = true;
    assert_ok(give(reader, &dictionary.parts, slice_of(offsets, 16), &array, &error));
    assert_int_equal(give(reader, &batch.parts, slice_of(first, 8), &array, &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "its offsets"));
    ipc_reader_free(reader);
    buf_done(&header);
}

/* Two columns that share a dictionary id, but whose values are encoded otherwise inside. */
static void refuses_shared_ids_of_other_values(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct ipc_field outer = {.name = slice_text("s"),
                              .type = IPC_TYPE_STRUCT,
                              .is_dictionary = true,
                              .dictionary = {.id = 1, .index_bits = 8, .index_is_signed = true},
                              .child_count = 1,
                              .subtree = 2};
    struct ipc_field inner = {.name = slice_text("t"), .type = IPC_TYPE_UTF8, .subtree = 1};
    struct ipc_field encoded = inner;
    encoded.is_dictionary = true;
    encoded.dictionary.id = 2;
    encoded.dictionary.index_bits = 8;
    struct ipc_field fields[] = {outer, inner, outer, encoded};
    struct ipc_schema schema = {
        .version = IPC_V5, .fields = fields, .field_count = 4, .column_count = 2};
    struct ipc_schema *decoded;
    struct buf header;
    buf_init(&header, alloc_system(), 1 << 20);
    assert_ok(ipc_schema_encode(&schema, &header, &error));
    assert_int_equal(ipc_schema_decode(alloc_system(), buf_slice(&header), &IPC_LIMITS_DEFAULT,
                                       &decoded, &error),
                     FKV_INVALID_ARGUMENT);
    buf_done(&header);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(arrays_outlive_the_reader),
              cmocka_unit_test(children_outlive_their_parent),
              cmocka_unit_test(arrays_are_views_of_the_body),
              cmocka_unit_test(copies_bodies_that_lie_crookedly),
              cmocka_unit_test(asks_for_the_schema_first),
              cmocka_unit_test(reads_another_table_when_restarted),
              cmocka_unit_test(forgets_all_but_the_schema_when_restarted),
              cmocka_unit_test(empty_columns_have_buffers),
              cmocka_unit_test(empty_buffers_may_have_a_length),
              cmocka_unit_test(refuses_nulls_of_old_unions),
              cmocka_unit_test(checks_indices_against_the_dictionary_in_force),
              cmocka_unit_test(appends_many_deltas), cmocka_unit_test(never_appends_what_is_broken),
              cmocka_unit_test(refuses_shared_ids_of_other_values));
}
