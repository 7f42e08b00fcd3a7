/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "flight/body_refs.h"

static struct fkv_error error;

enum { map_bytes = 1000 };

static enum fkv_status check(const struct flight_ref *refs, size_t count, uint64_t inline_bytes,
                             uint64_t *ret_bytes)
{
    struct buf buf;
    buf_init(&buf, alloc_system(), SIZE_MAX);
    for (size_t i = 0; i < count; i++)
        assert_true(flight_refs_add(&buf, &refs[i]));
    enum fkv_status status =
        flight_refs_check(buf_slice(&buf), map_bytes, inline_bytes, ret_bytes, &error);
    buf_done(&buf);
    return status;
}

static void entries_come_back(void **state)
{
    (void)state;
    const struct flight_ref ref = {UINT64_C(0x0102030405060708), 9, UINT64_MAX};
    struct buf buf;
    buf_init(&buf, alloc_system(), SIZE_MAX);
    assert_true(flight_refs_add(&buf, &(struct flight_ref){1, 2, 3}));
    assert_true(flight_refs_add(&buf, &ref));
    assert_int_equal(flight_refs_count(buf_slice(&buf)), 2);
    struct flight_ref back = flight_refs_at(buf_slice(&buf), 1);
    assert_memory_equal(&back, &ref, sizeof ref);
    buf_done(&buf);
}

static void good_lists_make_a_body(void **state)
{
    (void)state;
    uint64_t bytes;
    const struct flight_ref refs[] = {{0, 900, 100}, {120, 0, 1000}, {1120, 500, 1}};
    assert_ok(check(NULL, 0, 7, &bytes));
    assert_int_equal(bytes, 7);
    assert_ok(check(refs, 3, 20, &bytes));
    assert_int_equal(bytes, 1121);
    assert_ok(check(refs, 3, 30, &bytes));
    assert_int_equal(bytes, 1131);
}

static void hostile_lists_are_refused(void **state)
{
    (void)state;
    const struct {
        struct flight_ref refs[2];
        size_t count;
        uint64_t inline_bytes;
    } rows[] = {
        {{{0, 1, 1000}}, 1, 0},                      /* ends behind the map */
        {{{0, 1001, 0}}, 1, 0},                      /* empty */
        {{{0, 1000, 1}}, 1, 0},                      /* begins at its end */
        {{{0, 0, 1001}}, 1, 0},                      /* longer than it */
        {{{0, UINT64_MAX, 1}}, 1, 0},                /* overflows */
        {{{0, UINT64_MAX - 5, 10}}, 1, 0},           /* overflows */
        {{{0, 5, UINT64_MAX}}, 1, 0},                /* overflows */
        {{{1, 0, 10}}, 1, 0},                        /* a gap that nothing fills */
        {{{UINT64_MAX, 0, 10}}, 1, 0},               /* its end overflows */
        {{{UINT64_MAX, 0, 10}}, 1, UINT64_MAX - 10}, /* ... with a body to match */
        {{{0, 0, 10}}, 1, UINT64_MAX},               /* the sum overflows */
        {{{0, 0, 10}}, 1, UINT64_MAX - 10},          /* more than there can be */
        {{{0, 0, 10}, {9, 0, 10}}, 2, 0},            /* one over the other */
        {{{10, 0, 10}, {0, 0, 10}}, 2, 0},           /* out of order */
        {{{0, 0, 10}, {21, 0, 10}}, 2, 10},          /* a byte is missing */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t bytes = 77;
        assert_int_equal(check(rows[i].refs, rows[i].count, rows[i].inline_bytes, &bytes),
                         FKV_INVALID_ARGUMENT);
        assert_int_equal(bytes, 77);
    }
    uint64_t bytes;
    static const uint8_t entry[48] = {[16] = 1};
    for (size_t size = 1; size < 48; size++)
        assert_int_equal(flight_refs_check(slice_of(entry, size), 100, 100, &bytes, &error),
                         size == 24 ? FKV_OK : FKV_INVALID_ARGUMENT);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(entries_come_back), cmocka_unit_test(good_lists_make_a_body),
              cmocka_unit_test(hostile_lists_are_refused));
}
