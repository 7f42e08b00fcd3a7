/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <math.h>

#include "cli/bench_pick.h"

enum { draws = 200000, keys = 1000 };

static struct bench_pick pick_of(enum bench_distribution distribution, double theta, uint64_t seed)
{
    const struct bench_pick_options options = {.distribution = distribution,
                                               .theta = theta,
                                               .keys = keys,
                                               .puts = 1,
                                               .gets = 3,
                                               .seed = seed};
    struct bench_pick pick;
    bench_pick_init(&pick, &options);
    return pick;
}

static void count_keys(const struct bench_pick *pick, double ret_counts[keys])
{
    memset(ret_counts, 0, keys * sizeof *ret_counts);
    for (uint64_t n = 0; n < draws; n++) {
        struct bench_operation operation = bench_pick_at(pick, n);
        assert_true(operation.key < keys);
        ret_counts[operation.key]++;
    }
}

/* Pearson's chi-squared over keys that are expected ten times at least; the rest is one class. Its
 * deviation is the square root of twice the degrees of freedom: six of them come once in 10^9. */
static void assert_distributed(const double counts[keys], const double shares[keys])
{
    double chi = 0, rest = 0, rest_expected = 0;
    int classes = 0;
    for (int i = 0; i < keys; i++) {
        double expected = shares[i] * draws;
        if (expected < 10) {
            rest += counts[i];
            rest_expected += expected;
            continue;
        }
        chi += (counts[i] - expected) * (counts[i] - expected) / expected;
        classes++;
    }
    if (rest_expected > 0) {
        chi += (rest - rest_expected) * (rest - rest_expected) / rest_expected;
        classes++;
    }
    double freedom = classes - 1;
    assert_true(chi < freedom + 6 * sqrt(2 * freedom) + 6);
}

static void zipf_is_exact(void **state)
{
    (void)state;
    static const double thetas[] = {0.2, 0.99, 1, 1.0000001, 1.5, 3};
    for (size_t i = 0; i < sizeof thetas / sizeof thetas[0]; i++) {
        double counts[keys], shares[keys], sum = 0;
        struct bench_pick pick = pick_of(BENCH_ZIPF, thetas[i], 7);
        for (int k = 0; k < keys; k++)
            sum += shares[k] = pow(k + 1, -thetas[i]);
        for (int k = 0; k < keys; k++)
            shares[k] /= sum;
        count_keys(&pick, counts);
        assert_distributed(counts, shares);
    }
}

static void uniform_is_even(void **state)
{
    (void)state;
    double counts[keys], shares[keys];
    struct bench_pick pick = pick_of(BENCH_UNIFORM, 0, 7);
    for (int k = 0; k < keys; k++)
        shares[k] = 1.0 / keys;
    count_keys(&pick, counts);
    assert_distributed(counts, shares);
}

static void sequential_goes_round(void **state)
{
    (void)state;
    struct bench_pick pick = pick_of(BENCH_SEQUENTIAL, 0, 7);
    for (uint64_t n = 0; n < 3 * keys; n++)
        assert_int_equal(bench_pick_at(&pick, n).key, n % keys);
}

static void puts_and_gets_keep_their_ratio(void **state)
{
    (void)state;
    int puts = 0;
    struct bench_pick pick = pick_of(BENCH_UNIFORM, 0, 7);
    for (uint64_t n = 0; n < draws; n++)
        puts += bench_pick_at(&pick, n).is_put;
    assert_true(fabs(puts - draws / 4.0) < 6 * sqrt(draws * 0.25 * 0.75));

    pick.options.puts = 0;
    for (uint64_t n = 0; n < 1000; n++)
        assert_false(bench_pick_at(&pick, n).is_put);
    pick.options.puts = 1;
    pick.options.gets = 0;
    for (uint64_t n = 0; n < 1000; n++)
        assert_true(bench_pick_at(&pick, n).is_put);
}

static void the_seed_says_it_all(void **state)
{
    (void)state;
    struct bench_pick one = pick_of(BENCH_ZIPF, 0.99, 7), same = pick_of(BENCH_ZIPF, 0.99, 7);
    struct bench_pick other = pick_of(BENCH_ZIPF, 0.99, 8);
    int different = 0;
    for (uint64_t n = 1000; n-- > 0;) { /* in any order */
        struct bench_operation a = bench_pick_at(&one, n), b = bench_pick_at(&same, n);
        assert_true(a.key == b.key && a.is_put == b.is_put);
        different += a.key != bench_pick_at(&other, n).key;
    }
    assert_true(different > 500);
}

static void one_key_is_always_the_same(void **state)
{
    (void)state;
    const struct bench_pick_options options = {
        .distribution = BENCH_ZIPF, .theta = 0.99, .keys = 1, .gets = 1};
    struct bench_pick pick;
    bench_pick_init(&pick, &options);
    for (uint64_t n = 0; n < 1000; n++)
        assert_int_equal(bench_pick_at(&pick, n).key, 0);
}

static void distributions_are_read(void **state)
{
    (void)state;
    enum bench_distribution distribution = BENCH_UNIFORM;
    double theta = 0;
    assert_true(bench_distribution_parse("zipf", &distribution, &theta));
    assert_true(distribution == BENCH_ZIPF && theta == 0.99);
    assert_true(bench_distribution_parse("zipf:1.2", &distribution, &theta));
    assert_true(distribution == BENCH_ZIPF && theta == 1.2);
    assert_true(bench_distribution_parse("sequential", &distribution, &theta));
    assert_true(distribution == BENCH_SEQUENTIAL);
    static const char *const bad[] = {"",        "zip",      "zipfy",   "zipf:",   "zipf:0",
                                      "zipf:-1", "zipf:nan", "zipf:1x", "zipf:99", "uniform "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(bench_distribution_parse(bad[i], &distribution, &theta));
    assert_true(distribution == BENCH_SEQUENTIAL && theta == 1.2);
}

static void ratios_are_read(void **state)
{
    (void)state;
    uint64_t puts = 9, gets = 9;
    assert_true(bench_ratio_parse("1:10", &puts, &gets));
    assert_true(puts == 1 && gets == 10);
    assert_true(bench_ratio_parse("0:1", &puts, &gets));
    assert_true(puts == 0 && gets == 1);
    static const char *const bad[] = {"", "1", "1:", ":1", "0:0", "-1:2", "1:2:3", "1:2000000"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(bench_ratio_parse(bad[i], &puts, &gets));
    assert_true(puts == 0 && gets == 1);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(zipf_is_exact), cmocka_unit_test(uniform_is_even),
              cmocka_unit_test(sequential_goes_round),
              cmocka_unit_test(puts_and_gets_keep_their_ratio),
              cmocka_unit_test(the_seed_says_it_all), cmocka_unit_test(one_key_is_always_the_same),
              cmocka_unit_test(distributions_are_read), cmocka_unit_test(ratios_are_read));
}
