/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <stdlib.h>

#include "base/text.h"
#include "harness/ipc_stream.h"
#include "ipc/flatbuf.h"
#include "ipc/message.h"
#include "ipc/schema.h"

static const struct ipc_limits limits = {.depth_max = 64,
                                         .fields_max = 1000,
                                         .header_bytes_max = 1 << 20,
                                         .decompressed_bytes_max = 1 << 20};

/* Encodes without checks: whatever `schema` says. */
static void encode(const struct ipc_schema *schema, struct buf *ret)
{
    struct fkv_error error;
    buf_init(ret, alloc_system(), 1 << 24);
    assert_ok(ipc_schema_encode(schema, ret, &error));
    assert_int_equal(ret->size % 8, 0);
}

static enum fkv_status decode_fields(struct ipc_field *fields, uint32_t count, uint32_t columns,
                                     struct ipc_schema **ret, struct fkv_error *error)
{
    struct ipc_schema schema = {
        .version = IPC_V5, .fields = fields, .field_count = count, .column_count = columns};
    struct buf header;
    encode(&schema, &header);
    enum fkv_status status =
        ipc_schema_decode(alloc_system(), buf_slice(&header), &limits, ret, error);
    buf_done(&header);
    return status;
}

/* --- equality, for round trips --- */

static void assert_same_metadata(struct ipc_metadata a, struct ipc_metadata b)
{
    assert_int_equal(a.count, b.count);
    for (uint32_t i = 0; i < a.count; i++) {
        assert_true(slice_equal(a.pairs[i].key, b.pairs[i].key));
        assert_true(slice_equal(a.pairs[i].value, b.pairs[i].value));
    }
}

static void assert_same_field(const struct ipc_field *a, const struct ipc_field *b)
{
    assert_true(slice_equal(a->name, b->name));
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->nullable, b->nullable);
    assert_int_equal(a->is_dictionary, b->is_dictionary);
    assert_true(a->dictionary.id == b->dictionary.id);
    assert_int_equal(a->dictionary.index_bits, b->dictionary.index_bits);
    assert_int_equal(a->dictionary.index_is_signed, b->dictionary.index_is_signed);
    assert_int_equal(a->dictionary.is_ordered, b->dictionary.is_ordered);
    assert_int_equal(a->bit_width, b->bit_width);
    assert_int_equal(a->is_signed, b->is_signed);
    assert_int_equal(a->unit, b->unit);
    assert_int_equal(a->precision, b->precision);
    assert_int_equal(a->scale, b->scale);
    assert_int_equal(a->byte_width, b->byte_width);
    assert_int_equal(a->list_size, b->list_size);
    assert_int_equal(a->keys_sorted, b->keys_sorted);
    assert_int_equal(a->union_mode, b->union_mode);
    assert_true(slice_equal(a->timezone, b->timezone));
    assert_same_metadata(a->metadata, b->metadata);
    assert_int_equal(a->child_count, b->child_count);
    assert_int_equal(a->subtree, b->subtree);
    assert_int_equal(a->type_ids == NULL, b->type_ids == NULL);
    if (a->type_ids != NULL)
        assert_memory_equal(a->type_ids, b->type_ids, a->child_count * sizeof *a->type_ids);
}

static void assert_same(const struct ipc_schema *a, const struct ipc_schema *b)
{
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->endianness, b->endianness);
    assert_int_equal(a->field_count, b->field_count);
    assert_int_equal(a->column_count, b->column_count);
    assert_int_equal(a->dictionary_count, b->dictionary_count);
    assert_same_metadata(a->metadata, b->metadata);
    for (uint32_t i = 0; i < a->field_count; i++)
        assert_same_field(&a->fields[i], &b->fields[i]);
}

/* --- what official writers wrote --- */

static void round_trip(void *context, const char *path, struct slice stream)
{
    struct fkv_error error;
    struct slice header;
    struct ipc_schema *schema, *again;
    (void)context;
    if (!ipc_stream_next(&stream, &header))
        fail_msg("%s has no message", path);
    assert_ok(ipc_schema_decode(alloc_system(), header, &limits, &schema, &error));
    struct buf encoded;
    encode(schema, &encoded);
    assert_ok(ipc_schema_decode(alloc_system(), buf_slice(&encoded), &limits, &again, &error));
    assert_same(schema, again);
    buf_done(&encoded);
    ipc_schema_free(schema);
    ipc_schema_free(again);
}

static void round_trips(void **state)
{
    (void)state;
    assert_true(ipc_stream_each("tests/golden/valid", ".stream", round_trip, NULL) > 20);
    static const char *const sets[] = {"cpp-21.0.0", "2.0.0-compression"};
    for (size_t i = 0; i < 2 && ipc_stream_golden() != NULL; i++) {
        char folder[4096];
        snprintf(folder, sizeof folder, "%s/%s", ipc_stream_golden(), sets[i]);
        assert_true(ipc_stream_each(folder, ".stream", round_trip, NULL) > 0);
    }
}

static void spell_types(void *context, const char *path, struct slice stream)
{
    struct fkv_error error;
    struct slice header;
    struct ipc_schema *schema;
    char beside[4096];
    struct buf expected, text;
    (void)context;
    assert_true(ipc_stream_next(&stream, &header));
    assert_ok(ipc_schema_decode(alloc_system(), header, &limits, &schema, &error));
    snprintf(beside, sizeof beside, "%.*s.types", (int)(strlen(path) - strlen(".stream")), path);
    assert_true(ipc_stream_load(beside, &expected));
    buf_init(&text, alloc_system(), 1 << 20);
    const struct ipc_field *field = schema->fields;
    for (uint32_t i = 0; i < schema->column_count; i++, field = ipc_field_after(field)) {
        ipc_field_type_text(field, &text);
        buf_byte(&text, '\n');
    }
    assert_string_equal(buf_c_text(&text), buf_c_text(&expected));
    buf_done(&text);
    buf_done(&expected);
    ipc_schema_free(schema);
}

static void types_are_spelled_as_pyarrow_does(void **state)
{
    (void)state;
    assert_true(ipc_stream_each("tests/golden/valid", ".stream", spell_types, NULL) > 20);
}

static void text_stops_at_the_limit(void **state)
{
    (void)state;
    struct ipc_field fields[] = {
        {.name = slice_text("s"), .type = IPC_TYPE_STRUCT, .child_count = 1, .subtree = 2},
        {.name = slice_text("a long name"), .type = IPC_TYPE_UTF8, .subtree = 1},
    };
    for (size_t limit = 0; limit < 40; limit++) {
        struct buf text;
        buf_init(&text, alloc_system(), limit);
        ipc_field_type_text(fields, &text);
        assert_true(text.size <= limit);
        buf_done(&text);
    }
}

/* --- what is refused --- */

#define INT32 .type = IPC_TYPE_INT, .bit_width = 32, .is_signed = true
#define NAMED(text) .name = {(const uint8_t *)(text), sizeof(text) - 1}

/* A column of up to three fields, and a part of the sentence that refuses it. */
struct refusal {
    const char *why;
    struct ipc_field fields[4];
};

static const int32_t twice[] = {1, 1}, negative[] = {-1, 0}, large[] = {0, 128};

static const struct refusal refusals[] = {
    {"type 0 is unknown", {{NAMED("x"), .subtree = 1}}},
    {"bit width of 0", {{NAMED("x"), .type = IPC_TYPE_INT, .subtree = 1}}},
    {"8, 16, 32 or 64", {{.type = IPC_TYPE_INT, .bit_width = 24, .subtree = 1}}},
    {"precision of 3", {{.type = IPC_TYPE_FLOATING_POINT, .unit = 3, .subtree = 1}}},
    {"precision of -1", {{.type = IPC_TYPE_FLOATING_POINT, .unit = -1, .subtree = 1}}},
    {"at most 9, 18, 38 or 76",
     {{.type = IPC_TYPE_DECIMAL, .bit_width = 32, .precision = 10, .subtree = 1}}},
    {"precision of 0", {{.type = IPC_TYPE_DECIMAL, .bit_width = 128, .subtree = 1}}},
    {"32, 64, 128 or 256 bits",
     {{.type = IPC_TYPE_DECIMAL, .bit_width = 96, .precision = 1, .subtree = 1}}},
    {"date type with a unit", {{.type = IPC_TYPE_DATE, .unit = 2, .subtree = 1}}},
    {"a time has 32 bits",
     {{.type = IPC_TYPE_TIME, .unit = IPC_SECOND, .bit_width = 64, .subtree = 1}}},
    {"a time has 32 bits",
     {{.type = IPC_TYPE_TIME, .unit = IPC_NANOSECOND, .bit_width = 32, .subtree = 1}}},
    {"timestamp type with a unit", {{.type = IPC_TYPE_TIMESTAMP, .unit = 4, .subtree = 1}}},
    {"time zone isn't UTF-8",
     {{.type = IPC_TYPE_TIMESTAMP, .timezone = {(const uint8_t *)"\xff", 1}, .subtree = 1}}},
    {"interval type with a unit", {{.type = IPC_TYPE_INTERVAL, .unit = 3, .subtree = 1}}},
    {"duration type with a unit", {{.type = IPC_TYPE_DURATION, .unit = -1, .subtree = 1}}},
    {"byte width of -1", {{.type = IPC_TYPE_FIXED_SIZE_BINARY, .byte_width = -1, .subtree = 1}}},
    {"name of field 0 isn't UTF-8", {{NAMED("\xc0"), .type = IPC_TYPE_BOOL, .subtree = 1}}},
    {"with 0 children, expected 1", {{.type = IPC_TYPE_LIST, .subtree = 1}}},
    {"with 1 children, expected 0",
     {{.type = IPC_TYPE_BOOL, .child_count = 1, .subtree = 2}, {INT32, .subtree = 1}}},
    {"with 2 children, expected 1",
     {{.type = IPC_TYPE_LARGE_LIST_VIEW, .child_count = 2, .subtree = 3},
      {INT32, .subtree = 1},
      {INT32, .subtree = 1}}},
    {"list size of -1",
     {{.type = IPC_TYPE_FIXED_SIZE_LIST, .list_size = -1, .child_count = 1, .subtree = 2},
      {INT32, .subtree = 1}}},
    {"a map's child must be",
     {{.type = IPC_TYPE_MAP, .child_count = 1, .subtree = 2}, {INT32, .subtree = 1}}},
    {"a map's child must be",
     {{.type = IPC_TYPE_MAP, .child_count = 1, .subtree = 3},
      {.type = IPC_TYPE_STRUCT, .child_count = 1, .subtree = 2},
      {INT32, .subtree = 1}}},
    {"a map's child must be",
     {{.type = IPC_TYPE_MAP, .child_count = 1, .subtree = 4},
      {.type = IPC_TYPE_STRUCT,
       .child_count = 2,
       .subtree = 3,
       .is_dictionary = true,
       .dictionary = {.index_bits = 8}},
      {INT32, .subtree = 1},
      {INT32, .subtree = 1}}},
    {"run-end encoded type with 1 children",
     {{.type = IPC_TYPE_RUN_END_ENCODED, .child_count = 1, .subtree = 2}, {INT32, .subtree = 1}}},
    {"run ends must be",
     {{.type = IPC_TYPE_RUN_END_ENCODED, .child_count = 2, .subtree = 3},
      {.type = IPC_TYPE_INT, .bit_width = 32, .subtree = 1},
      {INT32, .subtree = 1}}},
    {"run ends must be",
     {{.type = IPC_TYPE_RUN_END_ENCODED, .child_count = 2, .subtree = 3},
      {.type = IPC_TYPE_INT, .bit_width = 8, .is_signed = true, .subtree = 1},
      {INT32, .subtree = 1}}},
    {"run ends must be",
     {{.type = IPC_TYPE_RUN_END_ENCODED, .child_count = 2, .subtree = 3},
      {INT32, .subtree = 1, .is_dictionary = true, .dictionary = {.index_bits = 8}},
      {INT32, .subtree = 1}}},
    {"union type with a mode",
     {{.type = IPC_TYPE_UNION, .union_mode = 2, .subtree = 1, .type_ids = twice}}},
    {"union type id 1",
     {{.type = IPC_TYPE_UNION, .child_count = 2, .subtree = 3, .type_ids = twice},
      {INT32, .subtree = 1},
      {INT32, .subtree = 1}}},
    {"union type id -1",
     {{.type = IPC_TYPE_UNION, .child_count = 2, .subtree = 3, .type_ids = negative},
      {INT32, .subtree = 1},
      {INT32, .subtree = 1}}},
    {"union type id 128",
     {{.type = IPC_TYPE_UNION, .child_count = 2, .subtree = 3, .type_ids = large},
      {INT32, .subtree = 1},
      {INT32, .subtree = 1}}},
    {"dictionary indices of 24 bits",
     {{INT32, .subtree = 1, .is_dictionary = true, .dictionary = {.index_bits = 24}}}},
};

static void refuses_impossible_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct fkv_error error = {0};
        struct ipc_schema *schema = NULL;
        struct ipc_field fields[4];
        memcpy(fields, refusals[i].fields, sizeof fields);
        enum fkv_status status = decode_fields(fields, fields[0].subtree, 1, &schema, &error);
        if (status != FKV_INVALID_ARGUMENT || strstr(error.message, refusals[i].why) == NULL)
            fail_msg("case %zu (%s): %s", i, refusals[i].why, error.message);
        assert_null(schema);
    }
}

static void shared_dictionaries_agree(void **state)
{
    (void)state;
    struct ipc_field fields[] = {
        {NAMED("a"), INT32, .subtree = 1, .is_dictionary = true,
         .dictionary = {-5, 8, true, false}},
        {NAMED("b"), INT32, .subtree = 1, .is_dictionary = true,
         .dictionary = {-5, 16, false, true}},
        {NAMED("c"), INT32, .subtree = 1, .is_dictionary = true,
         .dictionary = {6, 64, true, false}},
    };
    struct fkv_error error;
    struct ipc_schema *schema;
    assert_ok(decode_fields(fields, 3, 3, &schema, &error));
    assert_int_equal(schema->dictionary_count, 2);
    assert_ptr_equal(ipc_schema_dictionary(schema, -5), &schema->fields[0]);
    assert_ptr_equal(ipc_schema_dictionary(schema, 6), &schema->fields[2]);
    assert_null(ipc_schema_dictionary(schema, 7));
    ipc_schema_free(schema);

    fields[1].is_signed = false;
    assert_int_equal(decode_fields(fields, 3, 3, &schema, &error), FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "share dictionary -5"));
}

/* Two columns that share dictionary 1, of unions of int32 and dictionary 2. */
static void shared_dictionaries_agree_deeply(void **state)
{
    (void)state;
    static const int32_t ids[] = {3, 4}, other_ids[] = {4, 3};
    const struct ipc_field values[] = {
        {.type = IPC_TYPE_UNION,
         .child_count = 2,
         .subtree = 3,
         .type_ids = ids,
         .is_dictionary = true,
         .dictionary = {1, 8, true, false}},
        {NAMED("x"), INT32, .subtree = 1},
        {NAMED("y"), INT32, .subtree = 1, .is_dictionary = true, .dictionary = {2, 8, true, false}},
    };
    for (int difference = 0; difference < 8; difference++) {
        struct ipc_field fields[6];
        struct ipc_field *second = fields + 3;
        memcpy(fields, values, sizeof values);
        memcpy(second, values, sizeof values);
        switch (difference) {
        case 0: /* names, nulls and the kind of indices may differ */
            second[1].name = slice_text("z");
            second[1].nullable = true;
            second[0].dictionary.index_bits = 16;
            break;
        case 1:
            second[0].type_ids = other_ids;
            break;
        case 2:
            second[0].union_mode = IPC_DENSE;
            break;
        case 3:
            second[1].bit_width = 64;
            break;
        case 4:
            second[1] = (struct ipc_field){.type = IPC_TYPE_TIMESTAMP, .subtree = 1};
            break;
        case 5:
            second[2].is_dictionary = false;
            break;
        case 6:
            second[2].dictionary.id = 3;
            break;
        default:
            second[2].dictionary.index_is_signed = false;
        }
        struct fkv_error error = {0};
        struct ipc_schema *schema = NULL;
        assert_int_equal(decode_fields(fields, 6, 2, &schema, &error),
                         difference == 0 ? FKV_OK : FKV_INVALID_ARGUMENT);
        ipc_schema_free(schema);
    }
}

/* A long name isn't cut within a code point; here byte 64 is the second of two. */
static void long_names_are_shown_cut(void **state)
{
    (void)state;
    char name[101] = "";
    memset(name, 'a', 63);
    for (size_t i = 63; i < 99; i += 2)
        memcpy(name + i, "\xc3\xa9", 2);
    struct ipc_field field = {.name = slice_text(name), .subtree = 1};
    struct fkv_error error = {0};
    struct ipc_schema *schema;
    assert_int_equal(decode_fields(&field, 1, 1, &schema, &error), FKV_INVALID_ARGUMENT);
    assert_true(text_is_utf8(slice_text(error.message)));
    assert_non_null(strstr(error.message, "aaa'"));
}

/* A dictionary whose values hold the same dictionary can't be. */
static void no_dictionary_in_itself(void **state)
{
    (void)state;
    struct ipc_field fields[] = {
        {.type = IPC_TYPE_LIST,
         .child_count = 1,
         .subtree = 2,
         .is_dictionary = true,
         .dictionary = {1, 8, true, false}},
        {INT32, .subtree = 1, .is_dictionary = true, .dictionary = {1, 8, true, false}},
    };
    struct fkv_error error;
    struct ipc_schema *schema;
    assert_int_equal(decode_fields(fields, 2, 1, &schema, &error), FKV_INVALID_ARGUMENT);
}

/* Lists in lists, `depth` fields in all. */
static enum fkv_status decode_depth(uint32_t depth, struct fkv_error *error)
{
    struct ipc_field *fields = calloc(depth, sizeof *fields);
    assert_non_null(fields);
    for (uint32_t i = 0; i < depth; i++)
        fields[i] = (struct ipc_field){.type = i + 1 < depth ? IPC_TYPE_LIST : IPC_TYPE_NULL,
                                       .child_count = i + 1 < depth,
                                       .subtree = depth - i};
    struct ipc_schema *schema = NULL;
    enum fkv_status status = decode_fields(fields, depth, 1, &schema, error);
    ipc_schema_free(schema);
    free(fields);
    return status;
}

static void limits_hold(void **state)
{
    (void)state;
    struct fkv_error error;
    assert_ok(decode_depth(64, &error));
    assert_int_equal(decode_depth(65, &error), FKV_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "64 levels"));

    static struct ipc_field many[1001];
    for (size_t i = 0; i < 1001; i++)
        many[i] = (struct ipc_field){.type = IPC_TYPE_NULL, .subtree = 1};
    struct ipc_schema *schema;
    assert_ok(decode_fields(many, 1000, 1000, &schema, &error));
    ipc_schema_free(schema);
    assert_int_equal(decode_fields(many, 1001, 1001, &schema, &error), FKV_RESOURCE_EXHAUSTED);

    struct ipc_schema whole = {.version = IPC_V5};
    struct buf header;
    encode(&whole, &header);
    struct ipc_limits tight = limits;
    tight.header_bytes_max = header.size - 1;
    assert_int_equal(ipc_schema_decode(alloc_system(), buf_slice(&header), &tight, &schema, &error),
                     FKV_RESOURCE_EXHAUSTED);
    buf_done(&header);
}

static void only_schemas(void **state)
{
    (void)state;
    struct fkv_error error;
    struct ipc_schema *schema;
    struct buf header;
    const struct ipc_message_parts parts = {
        .kind = IPC_KIND_BATCH, .version = IPC_V5, .codec = IPC_CODEC_NONE};
    buf_init(&header, alloc_system(), 4096);
    assert_ok(ipc_message_encode(&parts, &header, &error));
    assert_int_equal(
        ipc_schema_decode(alloc_system(), buf_slice(&header), &limits, &schema, &error),
        FKV_INVALID_ARGUMENT);
    buf_done(&header);
    struct ipc_schema other = {.version = IPC_V5, .endianness = 2};
    encode(&other, &header);
    assert_int_equal(
        ipc_schema_decode(alloc_system(), buf_slice(&header), &limits, &schema, &error),
        FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "endianness 2"));
    buf_done(&header);
}

/* Arrow C++ refuses it and arrow-rs breaks. */
static void fields_must_be_listed(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct ipc_schema *schema;
    struct ipc_fb_builder builder;
    struct buf header;
    buf_init(&header, alloc_system(), 4096);
    size_t root = ipc_fb_build(&builder, &header);
    struct ipc_fb_slot message[] = {ipc_fb_scalar(2, IPC_V5, 0),
                                    ipc_fb_scalar(1, IPC_KIND_SCHEMA, 0), ipc_fb_offset()};
    ipc_fb_add_table(&builder, root, message, 3);
    ipc_fb_add_table(&builder, message[2].at, NULL, 0);
    assert_ok(ipc_fb_end(&builder, &error));
    assert_int_equal(
        ipc_schema_decode(alloc_system(), buf_slice(&header), &limits, &schema, &error),
        FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "no list of fields"));
    buf_done(&header);
}

static void memory_short(void **state)
{
    (void)state;
    struct buf stream;
    struct slice header;
    assert_true(ipc_stream_load("tests/golden/valid/v4.stream", &stream));
    struct slice rest = buf_slice(&stream);
    assert_true(ipc_stream_next(&rest, &header));
    for (size_t n = 1;; n++) {
        struct test_alloc t;
        test_alloc_init(&t, n);
        struct fkv_error error;
        struct ipc_schema *schema = NULL;
        enum fkv_status status = ipc_schema_decode(&t.alloc, header, &limits, &schema, &error);
        assert_int_equal(status, t.requests < n ? FKV_OK : FKV_RESOURCE_EXHAUSTED);
        assert_int_equal(schema == NULL, status != FKV_OK);
        ipc_schema_free(schema);
        assert_int_equal(t.live, 0);
        if (t.requests < n)
            break;
    }
    buf_done(&stream);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(round_trips), cmocka_unit_test(types_are_spelled_as_pyarrow_does),
              cmocka_unit_test(text_stops_at_the_limit),
              cmocka_unit_test(refuses_impossible_fields),
              cmocka_unit_test(shared_dictionaries_agree),
              cmocka_unit_test(shared_dictionaries_agree_deeply),
              cmocka_unit_test(long_names_are_shown_cut), cmocka_unit_test(no_dictionary_in_itself),
              cmocka_unit_test(limits_hold), cmocka_unit_test(only_schemas),
              cmocka_unit_test(fields_must_be_listed), cmocka_unit_test(memory_short));
}
