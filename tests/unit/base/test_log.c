/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/clock.h"
#include "base/log.h"

static void a_limit_lets_one_event_a_second_through(void **state)
{
    (void)state;
    static const struct {
        uint64_t now_ns;
        bool passes;
        uint64_t kept_back;
    } rows[] = {
        {0, true, 0},
        {0, false, 0},
        {NS_PER_S - 1, false, 0},
        {NS_PER_S, true, 2},
        {2 * NS_PER_S - 1, false, 0},
        {5 * NS_PER_S, true, 1},
        {5 * NS_PER_S - 1, false, 0}, /* of a thread that asked the clock before */
        {9 * NS_PER_S, true, 1},
        {10 * NS_PER_S, true, 0},
    };
    struct log_limit limit = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t kept_back = 77;
        assert_int_equal(log_limit_pass(&limit, rows[i].now_ns, &kept_back), rows[i].passes);
        assert_int_equal(kept_back, rows[i].passes ? rows[i].kept_back : 77);
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(a_limit_lets_one_event_a_second_through));
}
