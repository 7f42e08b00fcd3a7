/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "shm/leases.h"

static struct fkv_error error;

struct client {
    struct shm_session *session;
    char token[2 * shm_token_size + 1];
};

static struct shm_leases *open_leases(uint64_t bytes_max)
{
    struct shm_leases *leases = NULL;
    assert_ok(shm_leases_new(alloc_system(), bytes_max, &leases, &error));
    return leases;
}

static struct client open_client(struct shm_leases *leases)
{
    struct client client;
    uint8_t token[shm_token_size];
    assert_ok(shm_session_open(leases, &client.session, token, &error));
    shm_hex(token, sizeof token, client.token);
    return client;
}

static struct block *new_table(void)
{
    struct block *table = block_new(alloc_system(), 8);
    assert_non_null(table);
    return table;
}

static void a_table_is_held_until_its_last_get_is_released(void **state)
{
    (void)state;
    struct shm_leases *leases = open_leases(1000);
    struct client client = open_client(leases);
    struct block *table = new_table(), *other = new_table();
    uint64_t first, second, third;
    assert_true(shm_lease(leases, slice_text(client.token), table, 600, &first));
    assert_true(shm_lease(leases, slice_text(client.token), table, 600, &second));
    assert_true(shm_lease(leases, slice_text(client.token), other, 400, &third));
    assert_true(first == second && first != third);
    assert_int_equal(shm_leases_stats(leases).leased_bytes, 1000);
    assert_int_equal(shm_leases_stats(leases).leases, 2);
    assert_true(shm_release(leases, client.session, first));
    assert_false(block_is_mine(table));
    assert_true(shm_release(leases, client.session, second));
    assert_true(block_is_mine(table));
    assert_false(shm_release(leases, client.session, second));
    assert_false(block_is_mine(other));
    shm_count_sent(leases, 500);
    shm_count_sent(leases, 70);
    shm_session_close(leases, client.session);
    assert_true(block_is_mine(other));
    struct shm_leases_stats stats = shm_leases_stats(leases);
    assert_int_equal(stats.gets, 3);
    assert_int_equal(stats.sent_bytes, 570);
    assert_int_equal(stats.sessions + stats.leases + stats.leased_bytes, 0);
    block_unref(table);
    block_unref(other);
    shm_leases_free(leases);
}

static void a_session_has_its_own_leases(void **state)
{
    (void)state;
    struct shm_leases *leases = open_leases(1000);
    struct client one = open_client(leases), two = open_client(leases);
    struct block *table = new_table();
    uint64_t id, other;
    assert_true(shm_lease(leases, slice_text(one.token), table, 600, &id));
    assert_true(shm_lease(leases, slice_text(two.token), table, 600, &other));
    assert_true(id != other);
    assert_false(shm_release(leases, two.session, id));
    shm_session_close(leases, one.session);
    assert_false(block_is_mine(table));
    shm_session_close(leases, two.session);
    assert_true(block_is_mine(table));
    block_unref(table);
    shm_leases_free(leases);
}

static void bounds_hold(void **state)
{
    (void)state;
    struct shm_leases *leases = open_leases(UINT64_C(1) << 20);
    struct client client = open_client(leases);
    struct block *table = new_table();
    struct block *many[shm_leases_max];
    uint64_t id, last = 0;
    assert_false(shm_lease(leases, slice_text(client.token), table, (1 << 20) + 1, &id));
    assert_int_equal(shm_leases_stats(leases).refused, 1);
    for (size_t i = 0; i < shm_leases_max; i++) {
        many[i] = new_table();
        assert_true(shm_lease(leases, slice_text(client.token), many[i], 1, &last));
    }
    assert_false(shm_lease(leases, slice_text(client.token), table, 1, &id));
    assert_true(block_is_mine(table));
    assert_true(shm_release(leases, client.session, last));
    assert_true(shm_lease(leases, slice_text(client.token), table, 1, &id));
    shm_session_close(leases, client.session);
    for (size_t i = 0; i < shm_leases_max; i++)
        block_unref(many[i]);
    block_unref(table);
    static struct client clients[shm_sessions_max];
    uint8_t token[shm_token_size];
    for (size_t i = 0; i < shm_sessions_max; i++)
        clients[i] = open_client(leases);
    assert_int_equal(shm_session_open(leases, &client.session, token, &error),
                     FKV_RESOURCE_EXHAUSTED);
    for (size_t i = 0; i < shm_sessions_max; i++)
        shm_session_close(leases, clients[i].session);
    shm_leases_free(leases);
}

static void wrong_tokens_lease_nothing(void **state)
{
    (void)state;
    struct shm_leases *leases = open_leases(1000);
    struct client client = open_client(leases);
    struct block *table = new_table();
    uint64_t id;
    char token[sizeof client.token];
    for (size_t i = 0; i < sizeof token - 1; i++) {
        memcpy(token, client.token, sizeof token);
        token[i] = token[i] == '0' ? '1' : '0';
        assert_false(shm_lease(leases, slice_text(token), table, 1, &id));
    }
    assert_false(shm_lease(leases, slice_text(""), table, 1, &id));
    shm_session_close(leases, client.session);
    assert_false(shm_lease(leases, slice_text(client.token), table, 1, &id));
    assert_int_equal(shm_leases_stats(leases).refused, 0);
    block_unref(table);
    shm_leases_free(leases);
}

static void memory_running_out_leaves_nothing_behind(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct test_alloc t;
        struct shm_leases *leases = NULL;
        struct shm_session *session = NULL;
        struct block *table = new_table();
        uint8_t token[shm_token_size];
        char text[2 * shm_token_size + 1];
        uint64_t id;
        test_alloc_init(&t, n);
        enum fkv_status status = shm_leases_new(&t.alloc, 100, &leases, &error);
        if (status == FKV_OK)
            status = shm_session_open(leases, &session, token, &error);
        if (status == FKV_OK) {
            shm_hex(token, sizeof token, text);
            if (shm_lease(leases, slice_text(text), table, 10, &id))
                assert_true(shm_release(leases, session, id));
        }
        assert_true(block_is_mine(table));
        block_unref(table);
        shm_session_close(leases, session);
        shm_leases_free(leases);
        assert_int_equal(t.live, 0);
        if (t.requests < n)
            break;
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(a_table_is_held_until_its_last_get_is_released),
              cmocka_unit_test(a_session_has_its_own_leases), cmocka_unit_test(bounds_hold),
              cmocka_unit_test(wrong_tokens_lease_nothing),
              cmocka_unit_test(memory_running_out_leaves_nothing_behind));
}
