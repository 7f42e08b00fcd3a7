/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <stdlib.h>

#include "ipc/flatbuf.h"

/* The table that most tests read: one field of each kind. */
enum { BYTE, SHORT, INT, LONG, NAME, CHILD, LONGS, CHILDREN, fields };

static void build_into(struct ipc_fb_builder *builder, struct buf *out)
{
    size_t root = ipc_fb_build(builder, out);
    struct ipc_fb_slot slots[fields] = {
        [BYTE] = ipc_fb_scalar(1, -1, 0),   [SHORT] = ipc_fb_scalar(2, INT16_MIN, 0),
        [INT] = ipc_fb_scalar(4, 70000, 0), [LONG] = ipc_fb_scalar(8, INT64_MIN, 0),
        [NAME] = ipc_fb_offset(),           [CHILD] = ipc_fb_offset(),
        [LONGS] = ipc_fb_offset(),          [CHILDREN] = ipc_fb_offset(),
    };
    ipc_fb_add_table(builder, root, slots, fields);
    ipc_fb_add_string(builder, slots[NAME].at, slice_text("hello"));
    struct ipc_fb_slot child[] = {ipc_fb_scalar(1, 7, 7)};
    ipc_fb_add_table(builder, slots[CHILD].at, child, 1);
    size_t longs = ipc_fb_add_vector(builder, slots[LONGS].at, 3, 8);
    for (size_t i = 0; i < 3 && ipc_fb_bytes(builder, longs) != NULL; i++)
        store_le64(ipc_fb_bytes(builder, longs + 8 * i), i + 1);
    size_t children = ipc_fb_add_vector(builder, slots[CHILDREN].at, 2, 4);
    for (size_t i = 0; i < 2; i++) {
        struct ipc_fb_slot element[] = {ipc_fb_scalar(4, (int64_t)i + 10, 0)};
        ipc_fb_add_table(builder, children + 4 * i, element, 1);
    }
}

static void build(struct buf *out)
{
    struct fkv_error error;
    struct ipc_fb_builder builder;
    buf_init(out, alloc_system(), 4096);
    build_into(&builder, out);
    assert_ok(ipc_fb_end(&builder, &error));
}

static void check_contents(struct slice bytes)
{
    struct fkv_error error = {0};
    struct ipc_fb fb;
    struct ipc_fb_table root = ipc_fb_begin(&fb, bytes, &error);
    assert_int_equal(ipc_fb_int(&fb, root, BYTE, 1, 0), -1);
    assert_int_equal(ipc_fb_int(&fb, root, SHORT, 2, 0), INT16_MIN);
    assert_int_equal(ipc_fb_int(&fb, root, INT, 4, 0), 70000);
    assert_true(ipc_fb_int(&fb, root, LONG, 8, 0) == INT64_MIN);
    assert_true(slice_is(ipc_fb_string(&fb, root, NAME), "hello"));
    struct ipc_fb_table child = ipc_fb_child(&fb, root, CHILD);
    assert_true(ipc_fb_has(child));
    assert_int_equal(ipc_fb_int(&fb, child, 0, 1, 7), 7);
    struct ipc_fb_vector longs = ipc_fb_vector(&fb, root, LONGS, 8);
    assert_int_equal(longs.count, 3);
    assert_int_equal(longs.at % 8, 0);
    assert_int_equal(load_le64(longs.data + 16), 3);
    struct ipc_fb_vector children = ipc_fb_vector(&fb, root, CHILDREN, 4);
    assert_int_equal(children.count, 2);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(ipc_fb_int(&fb, ipc_fb_element(&fb, children, i), 0, 4, 0), i + 10);
    assert_int_equal(fb.status, FKV_OK);
}

static void reads_what_was_built(void **state)
{
    (void)state;
    struct buf out;
    build(&out);
    assert_int_equal(out.size % 8, 0);
    check_contents(buf_slice(&out));

    uint8_t shifted[4096];
    for (size_t shift = 1; shift < 8; shift++) {
        memcpy(shifted + shift, out.data, out.size);
        check_contents(slice_of(shifted + shift, out.size));
    }
    buf_done(&out);
}

static void builds_behind_other_bytes(void **state)
{
    (void)state;
    struct fkv_error error;
    struct ipc_fb_builder builder;
    struct buf out;
    buf_init(&out, alloc_system(), 4096);
    buf_append(&out, "abc", 3);
    build_into(&builder, &out);
    assert_ok(ipc_fb_end(&builder, &error));
    assert_memory_equal(out.data, "abc", 3);
    check_contents(slice_part(buf_slice(&out), 3, out.size - 3));
    buf_done(&out);
}

static void absent_fields_have_defaults(void **state)
{
    (void)state;
    struct fkv_error error;
    struct ipc_fb_builder builder;
    struct buf out;
    buf_init(&out, alloc_system(), 4096);
    size_t at = ipc_fb_build(&builder, &out);
    ipc_fb_add_table(&builder, at, (struct ipc_fb_slot[]){{.width = 0}}, 1);
    assert_ok(ipc_fb_end(&builder, &error));

    struct ipc_fb fb;
    struct ipc_fb_table root = ipc_fb_begin(&fb, buf_slice(&out), &error);
    assert_true(ipc_fb_has(root));
    assert_int_equal(ipc_fb_int(&fb, root, 0, 8, 42), 42);
    assert_null(ipc_fb_string(&fb, root, 1).data);
    assert_null(ipc_fb_vector(&fb, root, 2, 4).data);
    struct ipc_fb_table child = ipc_fb_child(&fb, root, 3);
    assert_false(ipc_fb_has(child));
    assert_int_equal(ipc_fb_int(&fb, child, 0, 4, 43), 43);
    assert_int_equal(fb.status, FKV_OK);
    buf_done(&out);
}

/* Reads all there is; the outcome only has to be one. */
static enum fkv_status read_all(struct slice bytes)
{
    struct fkv_error error = {0};
    struct ipc_fb fb;
    struct ipc_fb_table root = ipc_fb_begin(&fb, bytes, &error);
    static const unsigned widths[] = {1, 2, 4, 8};
    for (unsigned id = 0; id < 4; id++)
        ipc_fb_int(&fb, root, id, widths[id], 0);
    struct slice name = ipc_fb_string(&fb, root, NAME);
    assert_true(name.size <= bytes.size);
    ipc_fb_int(&fb, ipc_fb_child(&fb, root, CHILD), 0, 1, 0);
    struct ipc_fb_vector longs = ipc_fb_vector(&fb, root, LONGS, 8);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < longs.count; i++)
        sum += load_le64(longs.data + 8 * (size_t)i);
    struct ipc_fb_vector children = ipc_fb_vector(&fb, root, CHILDREN, 4);
    for (uint32_t i = 0; i < children.count && fb.status == FKV_OK; i++)
        sum += (uint64_t)ipc_fb_int(&fb, ipc_fb_element(&fb, children, i), 0, 4, 0);
    assert_true(fb.status == FKV_OK || error.message[0] != '\0');
    return sum == 1 ? FKV_UNKNOWN : fb.status;
}

/* In memory of its very size, so that a sanitizer sees every read too far. */
static enum fkv_status read_copy(struct slice bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);
    assert_non_null(copy);
    memcpy(copy + 1, bytes.data, bytes.size);
    enum fkv_status status = read_all(slice_of(copy + 1, bytes.size));
    free(copy);
    return status;
}

static void refuses_what_is_cut_off(void **state)
{
    (void)state;
    struct buf out;
    build(&out);
    for (size_t size = 0; size + 8 <= out.size; size++) /* the last field's bytes, and padding */
        assert_int_not_equal(read_copy(slice_of(out.data, size)), FKV_OK);
    buf_done(&out);
}

static void survives_any_word_anywhere(void **state)
{
    (void)state;
    static const uint32_t words[] = {0,          1,          2,          4,          7,
                                     0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff, 0x00010001};
    struct buf out;
    build(&out);
    size_t refused = 0;
    for (size_t at = 0; at + 4 <= out.size; at += 2) {
        uint8_t saved[4];
        memcpy(saved, out.data + at, 4);
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            store_le32(out.data + at, words[i]);
            refused += read_copy(buf_slice(&out)) != FKV_OK;
            store_le32(out.data + at, load_le32(saved) + words[i]);
            refused += read_copy(buf_slice(&out)) != FKV_OK;
        }
        memcpy(out.data + at, saved, 4);
    }
    assert_true(refused > 100);
    check_contents(buf_slice(&out));
    buf_done(&out);
}

static void first_failure_stays(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct buf out;
    build(&out);
    struct ipc_fb fb;
    struct ipc_fb_table root = ipc_fb_begin(&fb, buf_slice(&out), &error);
    ipc_fb_fail(&fb, FKV_RESOURCE_EXHAUSTED, "first %d", 1);
    ipc_fb_fail(&fb, FKV_INVALID_ARGUMENT, "second");
    assert_int_equal(fb.status, FKV_RESOURCE_EXHAUSTED);
    assert_string_equal(error.message, "first 1");
    assert_int_equal(ipc_fb_int(&fb, root, INT, 4, 5), 5);
    assert_null(ipc_fb_string(&fb, root, NAME).data);
    assert_false(ipc_fb_has(ipc_fb_child(&fb, root, CHILD)));
    assert_int_equal(ipc_fb_vector(&fb, root, LONGS, 8).count, 0);
    buf_done(&out);
}

/* A vector whose elements all point to one table that holds the vector again. */
static void sharing_is_paid_for(void **state)
{
    (void)state;
    enum { count = 1000 };
    struct fkv_error error = {0};
    struct ipc_fb_builder builder;
    struct buf out;
    buf_init(&out, alloc_system(), 1 << 20);
    size_t at = ipc_fb_build(&builder, &out);
    struct ipc_fb_slot slots[] = {ipc_fb_offset()};
    ipc_fb_add_table(&builder, at, slots, 1);
    size_t elements = ipc_fb_add_vector(&builder, slots[0].at, count, 4);
    ipc_fb_add_table(&builder, elements, (struct ipc_fb_slot[]){ipc_fb_scalar(8, 1, 0)}, 1);
    assert_ok(ipc_fb_end(&builder, &error));
    uint32_t target = (uint32_t)elements + load_le32(out.data + elements);
    for (uint32_t i = 0; i < count; i++)
        store_le32(out.data + elements + 4 * i, target - (uint32_t)elements - 4 * i);

    struct ipc_fb fb;
    struct ipc_fb_table root = ipc_fb_begin(&fb, buf_slice(&out), &error);
    struct ipc_fb_vector vector = ipc_fb_vector(&fb, root, 0, 4);
    uint32_t opened = 0;
    while (opened < count && ipc_fb_has(ipc_fb_element(&fb, vector, opened)))
        opened++;
    assert_in_range(opened, 1, count - 1);
    assert_int_equal(fb.status, FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "again and again"));
    buf_done(&out);
}

static void vtables_may_be_shared(void **state)
{
    (void)state;
    struct fkv_error error = {0};
    struct buf out;
    build(&out);
    struct ipc_fb fb;
    struct ipc_fb_table root = ipc_fb_begin(&fb, buf_slice(&out), &error);
    struct ipc_fb_vector children = ipc_fb_vector(&fb, root, CHILDREN, 4);
    struct ipc_fb_table a = ipc_fb_element(&fb, children, 0);
    struct ipc_fb_table b = ipc_fb_element(&fb, children, 1);
    store_le32(out.data + b.at, b.at - a.vtable_at);
    check_contents(buf_slice(&out));
    store_le32(out.data + a.at, a.at - b.vtable_at); /* behind its table */
    check_contents(buf_slice(&out));
    buf_done(&out);
}

static void memory_short(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct test_alloc t;
        test_alloc_init(&t, n);
        struct fkv_error error = {0};
        struct ipc_fb_builder builder;
        struct buf out;
        buf_init(&out, &t.alloc, 4096);
        build_into(&builder, &out);
        enum fkv_status status = ipc_fb_end(&builder, &error);
        assert_int_equal(status, t.requests < n ? FKV_OK : FKV_RESOURCE_EXHAUSTED);
        if (status != FKV_OK)
            assert_int_equal(out.size, 0);
        buf_done(&out);
        assert_int_equal(t.live, 0);
        if (t.requests < n)
            break;
    }
}

static void limit_reached(void **state)
{
    (void)state;
    struct buf whole;
    build(&whole);
    for (size_t limit = 0; limit <= whole.size; limit++) {
        struct fkv_error error = {0};
        struct ipc_fb_builder builder;
        struct buf out;
        buf_init(&out, alloc_system(), limit);
        build_into(&builder, &out);
        assert_int_equal(ipc_fb_end(&builder, &error),
                         limit == whole.size ? FKV_OK : FKV_RESOURCE_EXHAUSTED);
        buf_done(&out);
    }
    buf_done(&whole);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(reads_what_was_built), cmocka_unit_test(builds_behind_other_bytes),
              cmocka_unit_test(absent_fields_have_defaults),
              cmocka_unit_test(refuses_what_is_cut_off),
              cmocka_unit_test(survives_any_word_anywhere), cmocka_unit_test(first_failure_stays),
              cmocka_unit_test(sharing_is_paid_for), cmocka_unit_test(vtables_may_be_shared),
              cmocka_unit_test(memory_short), cmocka_unit_test(limit_reached));
}
