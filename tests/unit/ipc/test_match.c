/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/buf.h"
#include "ipc/match.h"
#include "ipc/schema_internal.h"

static struct fkv_error error;
static const struct ipc_limits limits = {
    .depth_max = 64, .fields_max = 1000, .header_bytes_max = 1 << 20};

static struct ipc_field int_field(const char *name, int32_t bits)
{
    return (struct ipc_field){.name = slice_text(name),
                              .type = IPC_TYPE_INT,
                              .nullable = true,
                              .bit_width = bits,
                              .is_signed = true,
                              .subtree = 1};
}

static struct ipc_field word_field(const char *name, int64_t id)
{
    return (struct ipc_field){.name = slice_text(name),
                              .type = IPC_TYPE_UTF8,
                              .nullable = true,
                              .is_dictionary = true,
                              .dictionary = {.id = id, .index_bits = 8, .index_is_signed = true},
                              .subtree = 1};
}

static struct ipc_schema flat(struct ipc_field *fields, uint32_t count)
{
    return (struct ipc_schema){.alloc = alloc_system(),
                               .version = IPC_V5,
                               .fields = fields,
                               .field_count = count,
                               .column_count = count};
}

static void assert_differ(const struct ipc_schema *table, const struct ipc_schema *put,
                          const char *expected)
{
    assert_int_equal(ipc_schema_match(table, put, &error), FKV_FAILED_PRECONDITION);
    assert_string_equal(error.message, expected);
}

static void the_first_difference_is_named(void **state)
{
    (void)state;
    struct ipc_field a[] = {int_field("a", 32), int_field("b", 64)};
    struct ipc_field b[] = {int_field("a", 32), int_field("b", 64)};
    struct ipc_schema table = flat(a, 2), put = flat(b, 2);
    assert_ok(ipc_schema_match(&table, &put, &error));
    b[1].bit_width = 8;
    assert_differ(&table, &put, "field 'b' differs: the table has int64, the put int8");
    b[0].nullable = false;
    assert_differ(&table, &put,
                  "field 'a' differs: in the table it is nullable, in the put not null");
    b[0] = word_field("a", 0);
    assert_differ(&table, &put,
                  "field 'a' differs: the table has int32, the put "
                  "dictionary<values=string, indices=int8, ordered=0>");
    b[0] = int_field("c", 32);
    assert_differ(&table, &put, "field 'a' differs: the put calls it 'c'");
    put.endianness = IPC_BIG_ENDIAN;
    assert_differ(&table, &put, "the table is little-endian, the put big");
    put.version = IPC_V4;
    assert_differ(&table, &put, "the table has metadata version V5, the put V4");
    put = flat(a, 1);
    assert_differ(&table, &put,
                  "column 'b' is only in the table: "
                  "the table has 2 columns, the put 1");
    assert_differ(&put, &table,
                  "column 'b' is only in the put: "
                  "the table has 1 columns, the put 2");
}

static void paths_name_nested_fields(void **state)
{
    (void)state;
    struct ipc_field a[] = {int_field("x", 8), int_field("s", 0), int_field("t", 0),
                            int_field("v", 8), int_field("w", 8)};
    a[1].type = a[2].type = IPC_TYPE_STRUCT;
    a[1].child_count = 2;
    a[1].subtree = 4;
    a[2].child_count = 1;
    a[2].subtree = 2;
    struct ipc_field b[5];
    memcpy(b, a, sizeof a);
    struct ipc_schema table = flat(a, 5), put = flat(b, 5);
    table.column_count = put.column_count = 2;
    assert_ok(ipc_schema_match(&table, &put, &error));
    b[3].bit_width = 16;
    assert_differ(&table, &put, "field 's.t.v' differs: the table has int8, the put int16");
    b[3] = a[3];
    b[4].bit_width = 16;
    assert_differ(&table, &put, "field 's.w' differs: the table has int8, the put int16");
}

static void metadata_match_in_any_order(void **state)
{
    (void)state;
    struct ipc_key_value here[] = {{slice_text("k"), slice_text("1")},
                                   {slice_text("l"), slice_text("2")}};
    struct ipc_key_value there[] = {{slice_text("l"), slice_text("2")},
                                    {slice_text("k"), slice_text("1")}};
    struct ipc_field a[] = {int_field("a", 32)}, b[] = {int_field("a", 32)};
    struct ipc_schema table = flat(a, 1), put = flat(b, 1);
    a[0].metadata = (struct ipc_metadata){here, 2};
    b[0].metadata = (struct ipc_metadata){there, 2};
    assert_ok(ipc_schema_match(&table, &put, &error));
    b[0].metadata.count = 1;
    assert_differ(&table, &put,
                  "field 'a' differs: the put has other metadata under 'k' than the table");
    b[0].metadata.count = 2;
    there[0].value = slice_text("3");
    assert_differ(&table, &put,
                  "field 'a' differs: the put has other metadata under 'l' than the table");
    b[0].metadata = a[0].metadata;
    put.metadata = (struct ipc_metadata){here, 1};
    assert_differ(&table, &put, "the put's schema has other metadata under 'k' than the table's");
}

/* ---- dictionary ids ---- */

static void ids_are_paired_by_field(void **state)
{
    (void)state;
    struct ipc_field a[] = {word_field("a", 5), word_field("b", 0), word_field("c", 5)};
    struct ipc_field b[] = {word_field("a", 1), word_field("b", 9), word_field("c", 1)};
    struct ipc_schema table = flat(a, 3), put = flat(b, 3);
    table.dictionary_count = put.dictionary_count = 2;
    struct ipc_id_map map;
    assert_ok(ipc_schema_match(&table, &put, &error));
    assert_ok(ipc_id_map_init(&map, alloc_system(), &table, &put, &error));
    assert_int_equal(map.count, 2);
    assert_int_equal(ipc_id_map_find(&map, 1)->table_id, 5);
    assert_int_equal(ipc_id_map_find(&map, 9)->table_id, 0);
    assert_null(ipc_id_map_find(&map, 5));
    ipc_id_map_done(&map);
}

static void sharing_must_be_the_same(void **state)
{
    (void)state;
    struct ipc_field a[] = {word_field("a", 0), word_field("b", 1), word_field("c", 1)};
    struct ipc_field b[] = {word_field("a", 0), word_field("b", 0), word_field("c", 1)};
    struct ipc_schema table = flat(a, 3), put = flat(b, 3);
    table.dictionary_count = put.dictionary_count = 2;
    struct ipc_id_map map;
    assert_int_equal(ipc_id_map_init(&map, alloc_system(), &table, &put, &error),
                     FKV_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, "field 'b' shares its dictionary"));
    table.dictionary_count = 1;
    a[1].dictionary.id = a[2].dictionary.id = 0;
    assert_int_equal(ipc_id_map_init(&map, alloc_system(), &table, &put, &error),
                     FKV_FAILED_PRECONDITION);
}

/* ---- renaming ---- */

static const struct ipc_node nodes[] = {{3, 1}};
static const struct ipc_buffer buffers[] = {{0, 1}, {8, 48}, {56, 5}, {64, 0}};
static const int64_t counts[] = {2};
static const struct ipc_key_value pairs[] = {
    {{(const uint8_t *)"k", 1}, {(const uint8_t *)"v", 1}},
};

static const struct ipc_message_parts parts = {
    .kind = IPC_KIND_DICTIONARY,
    .version = IPC_V5,
    .body_length = 64,
    .rows = 3,
    .codec = IPC_CODEC_ZSTD,
    .nodes = nodes,
    .node_count = 1,
    .buffers = buffers,
    .buffer_count = 4,
    .variadic_counts = counts,
    .variadic_count = 1,
    .is_delta = true,
};

/* Nothing but custom_metadata, for parts to take over. */
static void build_metadata(struct buf *ret)
{
    const struct ipc_metadata metadata = {pairs, 1};
    struct ipc_fb_slot slots[message_fields] = {[MESSAGE_METADATA] = ipc_fb_offset()};
    struct ipc_fb_builder builder;
    size_t root = ipc_fb_build(&builder, ret);
    ipc_fb_add_table(&builder, root, slots, message_fields);
    ipc_metadata_encode(&builder, slots[MESSAGE_METADATA].at, &metadata);
    assert_ok(ipc_fb_end(&builder, &error));
}

static void a_renamed_dictionary_is_else_the_same(void **state)
{
    (void)state;
    static const int64_t ids[] = {0, 1, -1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < 5; i++) {
        struct ipc_message_parts some = parts;
        struct ipc_message before, after;
        struct buf metadata, header, renamed;
        buf_init(&metadata, alloc_system(), 1 << 20);
        build_metadata(&metadata);
        some.metadata_of = i % 2 == 1 ? buf_slice(&metadata) : slice_of(NULL, 0);
        buf_init(&header, alloc_system(), 1 << 20);
        buf_init(&renamed, alloc_system(), 1 << 20);
        assert_ok(ipc_message_encode(&some, &header, &error));
        assert_ok(ipc_message_decode(buf_slice(&header), &limits, &before, &error));
        assert_ok(ipc_message_rename(alloc_system(), &before, ids[i], &renamed, &error));
        assert_ok(ipc_message_decode(buf_slice(&renamed), &limits, &after, &error));
        assert_true(after.dictionary_id == ids[i] && after.is_delta && after.version == IPC_V5);
        assert_int_equal(after.body_length, 64);
        assert_int_equal(after.metadata_count, i % 2);
        struct slice none = slice_of(NULL, 0);
        after.metadata_count = before.metadata_count = 0;
        assert_true(ipc_message_same_values(&before, none, &after, none));
        assert_false(ipc_message_same_values(&before, none, &after, slice_text("body")));
        after.rows++;
        assert_false(ipc_message_same_values(&before, none, &after, none));
        buf_done(&metadata);
        buf_done(&header);
        buf_done(&renamed);
    }
}

static void without_memory_nothing_is_left(void **state)
{
    (void)state;
    struct ipc_field a[] = {word_field("a", 5)}, b[] = {word_field("a", 1)};
    struct ipc_schema table = flat(a, 1), put = flat(b, 1);
    table.dictionary_count = put.dictionary_count = 1;
    for (size_t n = 1;; n++) {
        struct test_alloc t;
        struct ipc_id_map map;
        test_alloc_init(&t, n);
        enum fkv_status status = ipc_id_map_init(&map, &t.alloc, &table, &put, &error);
        if (status == FKV_OK)
            ipc_id_map_done(&map);
        assert_int_equal(t.live, 0);
        assert_true(status == FKV_OK || status == FKV_RESOURCE_EXHAUSTED);
        if (t.requests < n)
            break;
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(the_first_difference_is_named),
              cmocka_unit_test(paths_name_nested_fields),
              cmocka_unit_test(metadata_match_in_any_order),
              cmocka_unit_test(ids_are_paired_by_field), cmocka_unit_test(sharing_must_be_the_same),
              cmocka_unit_test(a_renamed_dictionary_is_else_the_same),
              cmocka_unit_test(without_memory_nothing_is_left));
}
