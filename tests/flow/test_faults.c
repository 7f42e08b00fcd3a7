/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of a whole scenario fails in turn: server, client, connection, put, replace,
 * get, list, delete. Each call then succeeds or says RESOURCE_EXHAUSTED (or that the connection
 * broke over it); nothing leaks, and no table is ever seen in half. */
#include "flow/flow.h"
#include "flow/tables.h"

static const struct table_rule rule = {.seed = 5, .batches = 2, .rows = 40};

static bool is_excused(enum fkv_status status)
{
    return status == FKV_OK || status == FKV_RESOURCE_EXHAUSTED || status == FKV_UNAVAILABLE ||
           status == FKV_CANCELLED || status == FKV_INTERNAL;
}

static bool see_table(void *context, struct fkv_table_info *info)
{
    (void)context;
    return info->rows == 80;
}

static void check_get(struct fkv_client *client)
{
    struct ArrowArrayStream stream;
    struct fkv_error error;
    enum fkv_status status = fkv_get(client, "k", 1, NULL, &stream, &error);
    if (status != FKV_OK) {
        assert_true(is_excused(status) || status == FKV_NOT_FOUND);
        return;
    }
    uint32_t batches = 0;
    struct ArrowArray array;
    while (stream.get_next(&stream, &array) == 0 && array.release != NULL) {
        assert_int_equal(array.length, 40);
        array.release(&array);
        batches++;
    }
    status = fkv_stream_error(&stream, &error);
    assert_true(is_excused(status));
    assert_true(status != FKV_OK || batches == 2);
    stream.release(&stream);
}

static void scenario(const struct alloc *alloc)
{
    struct flow flow;
    struct fkv_client *client;
    struct fkv_error error;
    if (flow_try_init(&flow, alloc, NULL, &error) != FKV_OK)
        return;
    if (flow_try_client(&flow, &client, &error) == FKV_OK) {
        for (int i = 0; i < 2; i++) {
            struct ArrowArrayStream stream;
            table_stream(&rule, &stream);
            enum fkv_status status = fkv_put(client, "k", 1, &stream, NULL, NULL, &error);
            if (!is_excused(status))
                fail_msg("put: %s", error.message);
        }
        check_get(client);
        enum fkv_status status = fkv_list(client, NULL, see_table, NULL, &error);
        if (!is_excused(status))
            fail_msg("list: %s", error.message);
        status = fkv_delete(client, "k", 1, &error);
        assert_true(is_excused(status) || status == FKV_NOT_FOUND);
    }
    flow_done(&flow);
}

static void sweep(bool forever)
{
    size_t n = 1;
    for (;; n++) {
        struct test_alloc t;
        test_alloc_init(&t, n);
        t.fail_forever = forever;
        scenario(&t.alloc);
        if (t.live != 0)
            fail_msg("%zu allocations live after number %zu failed", t.live, n);
        if (t.requests < n)
            break;
    }
    print_message("%zu allocations failed in turn\n", n - 1);
    assert_true(n > 50);
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    sweep(false);
}

static void each_allocation_and_all_after_it_fail(void **state)
{
    (void)state;
    sweep(true);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(each_allocation_fails_once),
              cmocka_unit_test(each_allocation_and_all_after_it_fail));
}
