/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"

enum { rows_max = 1000 };

static void release_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void release_array(struct ArrowArray *array)
{
    array->release = NULL;
}

/* --- schemas --- */

static struct ArrowSchema leaf(const char *name, const char *format)
{
    return (struct ArrowSchema){.name = name, .format = format, .release = release_schema};
}

static void give_children(struct ArrowSchema *parent, struct ArrowSchema **children, int64_t count)
{
    parent->children = children;
    parent->n_children = count;
}

static void assert_refused(const struct ArrowSchema *schema, const char *words)
{
    struct fkv_error error = {0};
    struct ipc_schema *result;
    struct buf header;
    buf_init(&header, alloc_system(), 1 << 20);
    assert_int_not_equal(ipc_import_schema(alloc_system(), schema, &header, &result, &error),
                         FKV_OK);
    buf_done(&header);
    if (strstr(error.message, words) == NULL)
        fail_msg("'%s' doesn't say '%s'", error.message, words);
}

/* A table of one column. */
static void assert_column_refused(struct ArrowSchema *column, const char *words)
{
    struct ArrowSchema root = leaf(NULL, "+s"), *children[] = {column};
    give_children(&root, children, 1);
    assert_refused(&root, words);
}

static void refuses_nonsense_schemas(void **state)
{
    (void)state;
    struct ArrowSchema root = leaf("", "+s"), a = leaf("a", "x"), b = leaf("b", "i");
    struct ArrowSchema *none[] = {NULL}, *both[] = {&a, &b}, *one[] = {&b};
    root.release = NULL;
    assert_refused(&root, "was released");
    root = leaf("", "i");
    assert_refused(&root, "must be a struct");
    root = leaf("", NULL);
    assert_refused(&root, "has no format");
    root = leaf("", "+s");
    give_children(&root, NULL, 2);
    assert_refused(&root, "has no children");
    give_children(&root, none, 1);
    assert_refused(&root, "has a child that is NULL");
    give_children(&root, both, -1);
    assert_refused(&root, "has no children");
    give_children(&root, both, INT64_MAX);
    assert_refused(&root, "more children than a schema may have");
    assert_column_refused(&a, "field 'a' has the format 'x'");
    a = leaf("a", "+ud:1");
    give_children(&a, one, 1);
    assert_column_refused(&(struct ArrowSchema){.name = "u",
                                                .format = "+ud:1,2",
                                                .n_children = 1,
                                                .children = one,
                                                .release = release_schema},
                          "doesn't list as many type ids");
    a = leaf("a", "i");
    a.dictionary = &b;
    give_children(&a, one, 1);
    assert_column_refused(&a, "children beside a dictionary");
    a = leaf("a", "u");
    a.dictionary = &b;
    assert_column_refused(&a, "which is no integer");
    struct ArrowSchema inner = leaf("c", "u");
    a = leaf("a", "i");
    a.dictionary = &b;
    b.dictionary = &inner;
    assert_column_refused(&a, "dictionary-encoded themselves");
    b = leaf("b", "+l");
    assert_column_refused(&b, "");
}

static void refuses_nonsense_metadata(void **state)
{
    (void)state;
    struct ArrowSchema column = leaf("a", "i");
    int32_t numbers[4] = {-1, 0, 0, 0};
    column.metadata = (const char *)numbers;
    assert_column_refused(&column, "negative number of metadata pairs");
    numbers[0] = 1;
    numbers[1] = -5;
    assert_column_refused(&column, "impossible length");
    numbers[1] = INT32_MAX;
    assert_column_refused(&column, "impossible length");
}

static void refuses_deep_schemas(void **state)
{
    (void)state;
    enum { depth = 70 };
    struct ArrowSchema nodes[depth], *links[depth];
    for (int i = 0; i < depth; i++) {
        nodes[i] = leaf("n", i == depth - 1 ? "i" : i == 0 ? "+s" : "+l");
        links[i] = &nodes[i];
    }
    for (int i = 0; i < depth - 1; i++)
        give_children(&nodes[i], &links[i + 1], 1);
    assert_refused(&nodes[0], "nested deeper");
}

/* --- arrays --- */

struct table {
    struct ArrowSchema root, a, b, *children[2];
    struct ArrowArray array, columns[2], *arrays[2];
    const void *root_buffers[1], *a_buffers[2], *b_buffers[3];
};

static const int32_t table_values[] = {1, 2, 3, 4};
static const int32_t table_offsets[] = {0, 1, 3, 3, 6};

/* a: int32, b: utf8; four rows. */
static void table_init(struct table *t)
{
    *t = (struct table){.root = leaf("", "+s"), .a = leaf("a", "i"), .b = leaf("b", "u")};
    t->children[0] = &t->a;
    t->children[1] = &t->b;
    give_children(&t->root, t->children, 2);
    t->a_buffers[1] = table_values;
    t->b_buffers[1] = table_offsets;
    t->b_buffers[2] = "abbccc";
    t->columns[0] = (struct ArrowArray){
        .length = 4, .n_buffers = 2, .buffers = t->a_buffers, .release = release_array};
    t->columns[1] = (struct ArrowArray){
        .length = 4, .n_buffers = 3, .buffers = t->b_buffers, .release = release_array};
    t->arrays[0] = &t->columns[0];
    t->arrays[1] = &t->columns[1];
    t->array = (struct ArrowArray){.length = 4,
                                   .n_buffers = 1,
                                   .n_children = 2,
                                   .buffers = t->root_buffers,
                                   .children = t->arrays,
                                   .release = release_array};
}

static struct ipc_writer *open_writer(const struct ArrowSchema *schema, bool deltas)
{
    struct fkv_error error = {0};
    struct ipc_writer *writer;
    struct ipc_writer_options options = {.codec = IPC_CODEC_NONE, .dictionary_deltas = deltas};
    assert_ok(ipc_writer_new(alloc_system(), schema, &options, &writer, &error));
    return writer;
}

static void assert_array_refused(struct table *t, const char *words)
{
    struct fkv_error error = {0};
    struct ipc_out out;
    struct ipc_writer *writer = open_writer(&t->root, false);
    assert_int_equal(ipc_writer_push(writer, &t->array, &error), FKV_INVALID_ARGUMENT);
    assert_null(t->array.release);
    if (strstr(error.message, words) == NULL)
        fail_msg("'%s' doesn't say '%s'", error.message, words);
    assert_false(ipc_writer_next(writer, &out));
    ipc_writer_free(writer);
    table_init(t);
}

static void refuses_nonsense_arrays(void **state)
{
    (void)state;
    struct table t;
    static const uint8_t nulls[] = {0x0b};
    static const int32_t falling[] = {0, 1, 3, 3, -6}, late[] = {7, 7, 7, 7, 6};
    table_init(&t);
    t.array.length = -1;
    assert_array_refused(&t, "negative or impossible length");
    t.array.offset = INT64_MAX;
    assert_array_refused(&t, "negative or impossible length");
    t.array.n_buffers = 2;
    assert_array_refused(&t, "isn't a struct");
    t.array.n_children = 1;
    assert_array_refused(&t, "as many children");
    t.arrays[1] = NULL;
    assert_array_refused(&t, "column 'b' is NULL");
    t.root_buffers[0] = nulls;
    t.array.null_count = -1;
    assert_array_refused(&t, "null rows at its top level");
    t.columns[0].release = NULL;
    assert_array_refused(&t, "column 'a' was released");
    t.columns[0].length = 3;
    assert_array_refused(&t, "column 'a' is shorter");
    t.array.offset = 1;
    assert_array_refused(&t, "column 'a' is shorter");
    t.columns[1].n_buffers = 2;
    assert_array_refused(&t, "column 'b' hasn't as many buffers");
    t.columns[1].buffers = NULL;
    assert_array_refused(&t, "column 'b' hasn't as many buffers");
    t.columns[1].n_children = 1;
    assert_array_refused(&t, "column 'b' hasn't as many children");
    t.columns[1].offset = -1;
    assert_array_refused(&t, "negative or impossible");
    t.a_buffers[1] = NULL;
    assert_array_refused(&t, "a buffer that is NULL");
    t.b_buffers[1] = NULL;
    assert_array_refused(&t, "no offsets");
    t.b_buffers[2] = NULL;
    assert_array_refused(&t, "a buffer that is NULL");
    t.b_buffers[1] = falling;
    assert_array_refused(&t, "offsets that are negative or decrease");
    t.b_buffers[1] = late;
    assert_array_refused(&t, "offsets that are negative or decrease");
}

static void refuses_nonsense_options(void **state)
{
    (void)state;
    struct table t;
    table_init(&t);
    struct ipc_writer *writer;
    static const uint32_t alignments[] = {1, 4, 12, 63, 128};
    for (size_t i = 0; i < sizeof alignments / sizeof alignments[0]; i++) {
        struct ipc_writer_options options = {.codec = IPC_CODEC_NONE, .alignment = alignments[i]};
        assert_int_equal(ipc_writer_new(alloc_system(), &t.root, &options, &writer, NULL),
                         FKV_INVALID_ARGUMENT);
    }
}

/* Pieces are the caller's own memory where nothing has to be cut. */
static void sends_by_reference(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct table t;
    struct ipc_out out;
    table_init(&t);
    struct ipc_writer *writer = open_writer(&t.root, false);
    assert_ok(ipc_writer_push(writer, &t.array, &error));
    assert_true(ipc_writer_next(writer, &out));
    assert_int_equal(out.kind, IPC_KIND_BATCH);
    assert_int_equal(out.rows, 4);
    assert_int_equal(out.body_length, 3 * 64);
    assert_int_equal(out.piece_count, 6);
    assert_ptr_equal(out.pieces[0].bytes.data, table_values);
    assert_ptr_equal(out.pieces[2].bytes.data, table_offsets);
    assert_int_equal(out.pieces[4].bytes.size, 6);
    assert_false(ipc_writer_next(writer, &out));
    ipc_writer_free(writer);
}

static void release_and_tell(struct ArrowArray *array)
{
    *(bool *)array->private_data = true;
    array->release = NULL;
}

/* A piece's owner keeps the array, and the array goes with the last owner. */
static void keeps_the_array_while_pieces_need_it(void **state)
{
    (void)state;
    bool is_released = false;
    struct fkv_error error = {0};
    struct table t;
    struct ipc_out out;
    table_init(&t);
    t.array.release = release_and_tell;
    t.array.private_data = &is_released;
    struct ipc_writer *writer = open_writer(&t.root, false);
    assert_ok(ipc_writer_push(writer, &t.array, &error));
    assert_null(t.array.release);
    assert_true(ipc_writer_next(writer, &out));
    struct block *owner = block_ref(out.pieces[0].owner);
    ipc_writer_free(writer);
    assert_false(is_released);
    block_unref(owner);
    assert_true(is_released);
}

/* --- cut arrays --- */

/* All of the writer's messages into the reader; the text of the batch. */
static void pass_on(struct ipc_writer *writer, struct ipc_reader *reader,
                    const struct ArrowSchema *schema, struct buf *text)
{
    struct fkv_error error = {0};
    struct ipc_out out;
    while (ipc_writer_next(writer, &out)) {
        struct block *body = block_new(alloc_system(), (size_t)out.body_length);
        size_t used = 0;
        for (size_t i = 0; i < out.piece_count; used += out.pieces[i++].bytes.size)
            memcpy(body->data + used, out.pieces[i].bytes.data, out.pieces[i].bytes.size);
        assert_int_equal(used, out.body_length);
        bool is_batch = false;
        struct ArrowArray array;
        assert_ok(ipc_reader_message(reader, out.header, body, &is_batch, &array, &error));
        block_unref(body);
        if (is_batch) {
            arrow_array_text(text, schema, &array, rows_max);
            array.release(&array);
        }
    }
}

enum cut { CUT_ROOT, CUT_COLUMNS, CUT_BOTH };

/* Makes of the batch its rows [from, to), by offsets of the root, of the columns or of both. */
static void cut(struct ArrowArray *array, enum cut how, int64_t from, int64_t to)
{
    int64_t by_root = how == CUT_ROOT ? from : how == CUT_BOTH ? from / 2 : 0;
    array->length = to - from;
    array->offset = by_root;
    for (int64_t i = 0; i < array->n_children && how != CUT_ROOT; i++) {
        array->children[i]->offset += from - by_root;
        array->children[i]->length = to - (from - by_root);
        array->children[i]->null_count = -1;
    }
}

/* Null counts of what is cut aren't known to whoever cuts. */
static void check_cut(const char *path, enum cut how, int64_t from, int64_t to)
{
    struct fkv_error error = {0};
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array;
    struct buf expected, found;
    buf_init(&expected, alloc_system(), 64 << 20);
    buf_init(&found, alloc_system(), 64 << 20);
    assert_ok(ipc_file_read(alloc_system(), open(path, O_RDONLY | O_CLOEXEC), &IPC_LIMITS_DEFAULT,
                            &stream, &error));
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    struct ipc_writer *writer = open_writer(&schema, true);
    struct ipc_reader *reader =
        ipc_reader_new(alloc_system(), &IPC_LIMITS_DEFAULT, IPC_READER_CHECK_VALUES);
    bool is_batch;
    assert_ok(
        ipc_reader_message(reader, ipc_writer_schema(writer), NULL, &is_batch, &array, &error));
    while (stream.get_next(&stream, &array) == 0 && array.release != NULL) {
        cut(&array, how, from < array.length ? from : array.length,
            to < array.length ? to : array.length);
        arrow_array_text(&expected, &schema, &array, rows_max);
        assert_ok(ipc_writer_push(writer, &array, &error));
        pass_on(writer, reader, &schema, &found);
    }
    assert_ok(ipc_reader_end(reader, &error));
    if (!slice_equal(buf_slice(&expected), buf_slice(&found)))
        fail_msg("rows %lld to %lld, cut %d: not the same rows", (long long)from, (long long)to,
                 (int)how);
    ipc_reader_free(reader);
    ipc_writer_free(writer);
    schema.release(&schema);
    stream.release(&stream);
    buf_done(&expected);
    buf_done(&found);
}

static bool can_be_read(const char *path)
{
    struct fkv_error error = {0};
    struct ArrowArrayStream stream;
    enum fkv_status status = ipc_file_read(alloc_system(), open(path, O_RDONLY | O_CLOEXEC),
                                           &IPC_LIMITS_DEFAULT, &stream, &error);
    if (status == FKV_OK)
        stream.release(&stream);
    return status != FKV_UNIMPLEMENTED; /* big-endian */
}

static void check_cuts(const char *path)
{
    if (!can_be_read(path))
        return;
    for (int64_t from = 0; from < 11; from += 3)
        for (int64_t to = from; to < 22; to += 5)
            for (int how = CUT_ROOT; how <= CUT_BOTH; how++)
                check_cut(path, (enum cut)how, from, to);
}

static void sends_what_rows_need(void **state)
{
    (void)state;
    assert_true(table_each("tests/golden/ipc", ".stream", check_cuts) > 0);
    table_each("tests/golden/valid", ".stream", check_cuts);
    table_each(table_golden(), ".stream", check_cuts);
}

/* --- dictionaries --- */

static int dictionary_messages(struct ipc_writer *writer, int *ret_deltas)
{
    struct ipc_out out;
    int count = 0;
    *ret_deltas = 0;
    while (ipc_writer_next(writer, &out)) {
        count += out.kind == IPC_KIND_DICTIONARY;
        *ret_deltas += out.is_delta;
    }
    return count;
}

struct words {
    struct ArrowSchema root, indices, values, *children[1];
    struct ArrowArray array, index_array, value_array, *arrays[1];
    const void *root_buffers[1], *index_buffers[2], *value_buffers[3];
};

/* One column of four indices into the first `count` of the words. */
static void words_init(struct words *w, const int32_t *offsets, const char *bytes, int64_t count)
{
    static const int8_t indices[] = {0, 1, 1, 0};
    *w = (struct words){.root = leaf("", "+s"), .indices = leaf("w", "c"), .values = leaf("", "u")};
    w->children[0] = &w->indices;
    w->indices.dictionary = &w->values;
    give_children(&w->root, w->children, 1);
    w->index_buffers[1] = indices;
    w->value_buffers[1] = offsets;
    w->value_buffers[2] = bytes;
    w->value_array = (struct ArrowArray){
        .length = count, .n_buffers = 3, .buffers = w->value_buffers, .release = release_array};
    w->index_array = (struct ArrowArray){.length = 4,
                                         .n_buffers = 2,
                                         .buffers = w->index_buffers,
                                         .dictionary = &w->value_array,
                                         .release = release_array};
    w->arrays[0] = &w->index_array;
    w->array = (struct ArrowArray){.length = 4,
                                   .n_buffers = 1,
                                   .n_children = 1,
                                   .buffers = w->root_buffers,
                                   .children = w->arrays,
                                   .release = release_array};
}

static void check_words(bool deltas, const int expected[4][2])
{
    static const int32_t offsets[] = {0, 1, 3, 6}, same[] = {0, 1, 3, 6}, other[] = {0, 2, 3, 6};
    static const struct {
        const int32_t *offsets;
        int64_t count;
    } pushed[] = {{offsets, 2}, {same, 2}, {offsets, 3}, {other, 3}};
    struct fkv_error error = {0};
    struct words w[4];
    words_init(&w[0], offsets, "abbccc", 2);
    struct ipc_writer *writer = open_writer(&w[0].root, deltas);
    for (int i = 0; i < 4; i++) {
        int delta_count;
        words_init(&w[i], pushed[i].offsets, "abbccc", pushed[i].count);
        assert_ok(ipc_writer_push(writer, &w[i].array, &error));
        assert_int_equal(dictionary_messages(writer, &delta_count), expected[i][0]);
        assert_int_equal(delta_count, expected[i][1]);
    }
    ipc_writer_free(writer);
}

static void sends_dictionaries_when_they_change(void **state)
{
    (void)state;
    check_words(false, (const int[4][2]){{1, 0}, {0, 0}, {1, 0}, {1, 0}});
    check_words(true, (const int[4][2]){{1, 0}, {0, 0}, {1, 1}, {1, 0}});
}

static void refuses_arrays_without_dictionary(void **state)
{
    (void)state;
    static const int32_t offsets[] = {0, 1, 3};
    struct fkv_error error = {0};
    struct words w;
    words_init(&w, offsets, "abb", 2);
    w.index_array.dictionary = NULL;
    struct ipc_writer *writer = open_writer(&w.root, false);
    assert_int_equal(ipc_writer_push(writer, &w.array, &error), FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "column 'w' has no dictionary"));
    words_init(&w, offsets, "abb", 2);
    w.value_array.release = NULL;
    assert_int_equal(ipc_writer_push(writer, &w.array, &error), FKV_INVALID_ARGUMENT);
    words_init(&w, offsets, "abb", 2);
    assert_ok(ipc_writer_push(writer, &w.array, &error));
    ipc_writer_free(writer);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(refuses_nonsense_schemas),
              cmocka_unit_test(refuses_nonsense_metadata), cmocka_unit_test(refuses_deep_schemas),
              cmocka_unit_test(refuses_nonsense_arrays), cmocka_unit_test(refuses_nonsense_options),
              cmocka_unit_test(sends_by_reference),
              cmocka_unit_test(keeps_the_array_while_pieces_need_it),
              cmocka_unit_test(sends_what_rows_need),
              cmocka_unit_test(sends_dictionaries_when_they_change),
              cmocka_unit_test(refuses_arrays_without_dictionary));
}
