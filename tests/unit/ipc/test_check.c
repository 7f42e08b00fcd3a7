/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"
#include "ipc/check.h"

enum { fields_max = 4, buffers_max = 8 };

/* One column, made by hand: fields in pre-order, a node each, and all buffers in a row. */
struct column {
    struct ipc_field fields[fields_max];
    struct ipc_node nodes[fields_max];
    uint32_t count;
    struct slice buffers[buffers_max];
    uint32_t buffer_count;
    int64_t variadic; /* data buffers, of a column of views */
};

#define BYTES(array) slice_of(array, sizeof(array))

static const struct slice none = {NULL, 0};

static enum fkv_status check(const struct column *c, struct fkv_error *error)
{
    struct ipc_batch batch;
    ipc_batch_init(&batch, alloc_system());
    batch.rows = c->nodes[0].length;
    for (uint32_t i = 0; i < c->count; i++)
        ipc_batch_add_node(&batch, c->nodes[i].length, c->nodes[i].null_count);
    for (uint32_t i = 0; i < c->buffer_count; i++)
        ipc_batch_add_buffer(&batch, c->buffers[i], NULL);
    ipc_batch_add_variadic(&batch, c->variadic);
    struct ipc_schema schema = {.fields = (struct ipc_field *)(uintptr_t)c->fields,
                                .field_count = c->count,
                                .column_count = 1};
    enum fkv_status status = ipc_check_batch(&schema, &batch, NULL, error);
    ipc_batch_done(&batch);
    return status;
}

static void assert_right(const struct column *c)
{
    struct fkv_error error = {0};
    assert_ok(check(c, &error));
}

static void assert_wrong(const struct column *c, const char *words)
{
    struct fkv_error error = {0};
    assert_int_equal(check(c, &error), FKV_INVALID_ARGUMENT);
    if (strstr(error.message, words) == NULL)
        fail_msg("'%s' doesn't say '%s'", error.message, words);
}

static struct ipc_field field_of(enum ipc_type type, uint32_t children)
{
    return (struct ipc_field){.name = slice_text("c"),
                              .type = type,
                              .bit_width = 32,
                              .is_signed = true,
                              .child_count = children,
                              .subtree = 1 + children};
}

static struct column text_of(const int32_t *offsets, int64_t rows, struct slice data)
{
    return (struct column){.fields = {field_of(IPC_TYPE_UTF8, 0)},
                           .nodes = {{.length = rows}},
                           .count = 1,
                           .buffers = {none, slice_of(offsets, (size_t)(rows + 1) * 4), data},
                           .buffer_count = 3};
}

static void checks_offsets_and_text(void **state)
{
    (void)state;
    static const int32_t good[] = {1, 2, 2, 6}, negative[] = {-1, 2, 2, 6},
                         falling[] = {1, 2, 1, 6}, late[] = {1, 2, 2, 7}, split[] = {1, 3, 3, 6},
                         rising_past[] = {0, 99, 99, 6};
    struct slice data = slice_text("xa\xc3\xa4\x62\x63");
    struct column c = text_of(good, 3, data);
    assert_right(&c);
    c = text_of(negative, 3, data);
    assert_wrong(&c, "row 0: its offsets");
    c = text_of(falling, 3, data);
    assert_wrong(&c, "row 1: its offsets");
    c = text_of(late, 3, data);
    assert_wrong(&c, "row 2: its offsets");
    c = text_of(rising_past, 3, data);
    assert_wrong(&c, "row 0: its offsets");
    c = text_of(split, 3, data);
    assert_wrong(&c, "row 0: the text isn't UTF-8");
    c.fields[0].type = IPC_TYPE_BINARY;
    assert_right(&c);
    static const uint8_t two_null[] = {0x02};
    c = text_of(split, 3, data); /* what isn't text hides under nulls */
    c.buffers[0] = BYTES(two_null);
    c.nodes[0].null_count = 2;
    assert_right(&c);
    c.nodes[0].null_count = 1;
    assert_wrong(&c, "null count");
}

static void checks_views(void **state)
{
    (void)state;
    struct slice data = slice_text("thirteen characters");
    static const int32_t good[] = {13, 0, 0, 6, 3, 0x636261, 0, 0};
    static const int32_t wrong[][8] = {
        {13, 0, 0, 7, 0, 0, 0, 0},  {13, 0, 1, 0, 0, 0, 0, 0},
        {13, 0, -1, 0, 0, 0, 0, 0}, {13, 0, 0, -1, 0, 0, 0, 0},
        {-1, 0, 0, 0, 0, 0, 0, 0},  {INT32_MAX, 0, 0, INT32_MAX, 0, 0, 0, 0},
    };
    struct column c = {.fields = {field_of(IPC_TYPE_UTF8_VIEW, 0)},
                       .nodes = {{.length = 2}},
                       .count = 1,
                       .buffers = {none, BYTES(good), data},
                       .buffer_count = 3,
                       .variadic = 1};
    assert_right(&c);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        c.buffers[1] = BYTES(wrong[i]);
        assert_wrong(&c, "row 0: its view points outside");
    }
    static const int32_t no_text[] = {1, 0xff, 0, 0, 0, 0, 0, 0};
    c.buffers[1] = BYTES(no_text);
    assert_wrong(&c, "row 0: the text isn't UTF-8");
    c.fields[0].type = IPC_TYPE_BINARY_VIEW;
    assert_right(&c);
}

/* A list of any kind over int32 values. */
static struct column list_of(enum ipc_type type, int64_t rows, int64_t child_rows)
{
    static const int32_t values[16];
    struct column c = {.fields = {field_of(type, 1), field_of(IPC_TYPE_INT, 0)},
                       .nodes = {{.length = rows}, {.length = child_rows}},
                       .count = 2};
    bool is_view = type == IPC_TYPE_LIST_VIEW;
    c.buffer_count = is_view ? 5 : type == IPC_TYPE_FIXED_SIZE_LIST ? 3 : 4;
    c.buffers[c.buffer_count - 1] = slice_of(values, (size_t)child_rows * 4);
    return c;
}

static void checks_lists(void **state)
{
    (void)state;
    static const int32_t offsets[] = {0, 2, 5}, sizes[] = {2, 1}, starts[] = {3, 4},
                         negative[] = {-1, 0}, huge[] = {INT32_MAX, 0};
    struct column c = list_of(IPC_TYPE_LIST, 2, 5);
    c.buffers[1] = BYTES(offsets);
    assert_right(&c);
    c.nodes[1].length = 4;
    assert_wrong(&c, "row 1: its offsets");
    c = list_of(IPC_TYPE_LIST_VIEW, 2, 5);
    c.buffers[1] = BYTES(starts);
    c.buffers[2] = BYTES(sizes);
    assert_right(&c);
    c.nodes[1].length = 4;
    assert_wrong(&c, "row 0: its list view");
    c.buffers[1] = BYTES(negative);
    assert_wrong(&c, "row 0: its list view");
    c.buffers[1] = BYTES(starts);
    c.buffers[2] = BYTES(negative);
    assert_wrong(&c, "row 0: its list view");
    c.buffers[2] = BYTES(huge);
    assert_wrong(&c, "row 0: its list view");
    c = list_of(IPC_TYPE_FIXED_SIZE_LIST, 2, 6);
    c.fields[0].list_size = 3;
    assert_right(&c);
    c.fields[0].list_size = 4;
    assert_wrong(&c, "too few");
    c.nodes[0].length = INT64_MAX / 2;
    assert_wrong(&c, "too few");
}

static void checks_unions(void **state)
{
    (void)state;
    static const int32_t ids[] = {5, 9}, offsets[] = {0, 1, 0}, negative[] = {0, -1, 0};
    static const int32_t values[2];
    static const uint8_t good[] = {5, 5, 9}, unknown[] = {5, 6, 9}, high[] = {5, 0x85, 9};
    struct column c = {
        .fields = {field_of(IPC_TYPE_UNION, 2), field_of(IPC_TYPE_INT, 0),
                   field_of(IPC_TYPE_INT, 0)},
        .nodes = {{.length = 3}, {.length = 2}, {.length = 1}},
        .count = 3,
        .buffers = {BYTES(good), BYTES(offsets), none, BYTES(values), none, slice_of(values, 4)},
        .buffer_count = 6};
    c.fields[0].union_mode = IPC_DENSE;
    c.fields[0].type_ids = ids;
    assert_right(&c);
    c.buffers[0] = BYTES(unknown);
    assert_wrong(&c, "row 1: its type id");
    c.buffers[0] = BYTES(high);
    assert_wrong(&c, "row 1: its type id");
    c.buffers[0] = BYTES(good);
    c.buffers[1] = BYTES(negative);
    assert_wrong(&c, "row 1: its union offset");
    c.buffers[1] = BYTES(offsets);
    c.nodes[1].length = 1;
    assert_wrong(&c, "row 1: its union offset");
}

static void checks_runs(void **state)
{
    (void)state;
    static const int32_t good[] = {2, 5}, flat[] = {2, 2}, zero[] = {0, 5};
    struct column c = {.fields = {field_of(IPC_TYPE_RUN_END_ENCODED, 2), field_of(IPC_TYPE_INT, 0),
                                  field_of(IPC_TYPE_INT, 0)},
                       .nodes = {{.length = 5}, {.length = 2}, {.length = 2}},
                       .count = 3,
                       .buffers = {none, BYTES(good), none, BYTES(good)},
                       .buffer_count = 4};
    assert_right(&c);
    c.nodes[0].length = 6;
    assert_wrong(&c, "stop before the last row");
    c.nodes[0].length = 5;
    c.nodes[2].length = 1;
    assert_wrong(&c, "more run ends than values");
    c.nodes[2].length = 2;
    c.buffers[1] = BYTES(flat);
    assert_wrong(&c, "don't rise");
    c.buffers[1] = BYTES(zero);
    assert_wrong(&c, "don't rise");
}

static void checks_structs(void **state)
{
    (void)state;
    static const int32_t values[3];
    struct column c = {.fields = {field_of(IPC_TYPE_STRUCT, 1), field_of(IPC_TYPE_INT, 0)},
                       .nodes = {{.length = 3}, {.length = 3}},
                       .count = 2,
                       .buffers = {none, none, BYTES(values)},
                       .buffer_count = 3};
    assert_right(&c);
    c.nodes[1].length = 2;
    assert_wrong(&c, "row 2: a child of the struct ends");
}

static void copies_and_counts_bits(void **state)
{
    (void)state;
    static const uint8_t bits[] = {0x5a, 0xc3, 0xff, 0x00, 0x81, 0x7e, 0x12, 0x34, 0x56, 0x78};
    for (int64_t from = 0; from < 20; from++)
        for (int64_t count = 0; from + count <= 80; count++)
            for (int64_t to = 0; to < 9; to += 4) {
                uint8_t copy[12] = {0};
                int64_t ones = 0;
                ipc_bits_copy(copy, to, bits, from, count);
                for (int64_t i = 0; i < count; i++) {
                    ones += ipc_bit(bits, from + i);
                    assert_int_equal(ipc_bit(copy, to + i), ipc_bit(bits, from + i));
                }
                assert_int_equal(ipc_bits_count(bits, from, count), ones);
                assert_int_equal(ipc_bits_count(copy, 0, 96), ones);
            }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(checks_offsets_and_text), cmocka_unit_test(checks_views),
              cmocka_unit_test(checks_lists), cmocka_unit_test(checks_unions),
              cmocka_unit_test(checks_runs), cmocka_unit_test(checks_structs),
              cmocka_unit_test(copies_and_counts_bits));
}
