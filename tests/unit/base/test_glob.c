/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/buf.h"
#include "base/glob.h"

/* Runs the match `at_once` steps at a time. */
static bool fits(struct slice pattern, struct slice text, size_t at_once, size_t *ret_steps)
{
    struct glob glob;
    glob_init(&glob, pattern, text);
    enum glob_answer answer = GLOB_MORE;
    *ret_steps = 0;
    while (answer == GLOB_MORE) {
        size_t left = at_once;
        answer = glob_run(&glob, &left);
        *ret_steps += at_once - left;
    }
    return answer == GLOB_YES;
}

static bool fits_at_once(struct slice pattern, struct slice text)
{
    size_t steps;
    return fits(pattern, text, SIZE_MAX, &steps);
}

static void globs_fit_as_in_redis(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool fits;
    } rows[] = {
        {"*", "", true},
        {"*", "abc", true},
        {"a*c", "abbbc", true},
        {"a*c", "abbbd", false},
        {"?", "", false},
        {"a?c", "abc", true},
        {"[a-c]x", "bx", true},
        {"[^a-c]x", "bx", false},
        {"[^a-c]x", "dx", true},
        {"[]a]", "]", true},
        {"[\\]]x", "]x", true},
        {"[a-\\]x]", "x", false}, /* a range up to '\', and the class is closed */
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"\\", "\\", true},
        {"*a*b*c", "xaybzc", true},
        {"**", "a", true},
        {"a**", "a", true},
        {"a*?", "a", false},
        {"", "", true},
        {"", "a", false},
        {"[a-]", "-", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (fits_at_once(slice_text(rows[i].pattern), slice_text(rows[i].text)) != rows[i].fits)
            fail_msg("pattern %s, text %s", rows[i].pattern, rows[i].text);
}

static void an_unclosed_class_stands_for_itself(void **state)
{
    (void)state;
    assert_true(fits_at_once(slice_text("[ab"), slice_text("[ab")));
    assert_false(fits_at_once(slice_text("[ab"), slice_text("a")));
    assert_true(fits_at_once(slice_text("["), slice_text("[")));
    assert_true(fits_at_once(slice_text("[a][b"), slice_text("a[b")));
    /* The second one would be closed if it stood alone. */
    assert_true(fits_at_once(slice_text("[--\\]"), slice_text("A")));
    assert_true(fits_at_once(slice_text("[[--\\]"), slice_text("[[--]")));
}

/* By the definition: a '*' takes any number of bytes. */
static bool fits_by_definition(const char *pattern, const char *text)
{
    if (*pattern == '\0')
        return *text == '\0';
    if (*pattern == '*')
        return fits_by_definition(pattern + 1, text) ||
               (*text != '\0' && fits_by_definition(pattern, text + 1));
    if (*text == '\0')
        return false;
    if (strncmp(pattern, "[ab]", 4) == 0)
        return (*text == 'a' || *text == 'b') && fits_by_definition(pattern + 4, text + 1);
    return (*pattern == '?' || *pattern == *text) && fits_by_definition(pattern + 1, text + 1);
}

static unsigned roll(uint64_t *seed, unsigned sides)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*seed >> 33) % sides;
}

static const char *draw(struct buf *ret, const char *const *parts, unsigned count, unsigned length,
                        uint64_t *seed)
{
    buf_clear(ret);
    for (unsigned i = 0; i < length; i++)
        assert_true(buf_text(ret, parts[roll(seed, count)]));
    return buf_c_text(ret);
}

/* However a match is cut into parts, too. */
static void globs_fit_by_their_definition(void **state)
{
    (void)state;
    static const char *const parts[] = {"a", "b", "c", "*", "?", "[ab]"};
    uint64_t seed = 1;
    unsigned fitting = 0;
    struct buf pattern_bytes, text_bytes;
    buf_init(&pattern_bytes, alloc_system(), 100);
    buf_init(&text_bytes, alloc_system(), 100);
    for (unsigned i = 0; i < 20000; i++) {
        const char *pattern = draw(&pattern_bytes, parts, 6, roll(&seed, 8), &seed);
        const char *text = draw(&text_bytes, parts, 3, roll(&seed, 10), &seed);
        bool expected = fits_by_definition(pattern, text);
        size_t steps, steps_in_parts;
        fitting += expected;
        if (fits(slice_text(pattern), slice_text(text), SIZE_MAX, &steps) != expected ||
            fits(slice_text(pattern), slice_text(text), 1 + i % 3, &steps_in_parts) != expected)
            fail_msg("pattern %s, text %s", pattern, text);
    }
    assert_in_range(fitting, 1000, 19000);
    buf_done(&pattern_bytes);
    buf_done(&text_bytes);
}

/* ---- the bound ---- */

enum { pattern_most = 8192, text_most = 4096 };

struct worst {
    const char *name;
    const char *first, *again, *last; /* `again` fills the pattern up */
    size_t pattern_size;
    char text;
};

static void assert_steps_are_bounded(const struct worst *worst)
{
    static char text[text_most];
    memset(text, worst->text, sizeof text);
    struct buf pattern;
    buf_init(&pattern, alloc_system(), SIZE_MAX);
    buf_text(&pattern, worst->first);
    while (pattern.size < worst->pattern_size)
        buf_text(&pattern, worst->again);
    assert_true(buf_text(&pattern, worst->last));

    const struct slice whole = buf_slice(&pattern), key = slice_of(text, sizeof text);
    size_t steps, most = (whole.size + 1) * (key.size + 2);
    fits(whole, key, SIZE_MAX, &steps);
    if (steps > most || steps < whole.size)
        fail_msg("%s: %zu steps, expected at most %zu", worst->name, steps, most);
    buf_done(&pattern);
}

static void steps_are_bounded(void **state)
{
    (void)state;
    static const struct worst worst[] = {
        {"a literal", "*", "a", "b", text_most / 2, 'a'},
        {"stars", "", "*", "b", pattern_most, 'a'},
        {"classes", "*", "[abc]", "b", pattern_most, 'a'},
        {"one class", "*[", "a", "]b", pattern_most, 'a'},
        {"unclosed classes", "*", "[", "b", text_most / 2, '['},
        {"a long unclosed class", "*[", "a", "", pattern_most, 'b'},
    };
    for (size_t i = 0; i < sizeof worst / sizeof worst[0]; i++)
        assert_steps_are_bounded(&worst[i]);
}

/* Else a turn over many short keys would have no bound. */
static void the_ends_of_patterns_count(void **state)
{
    (void)state;
    size_t steps;
    assert_true(fits(slice_text("a****"), slice_text("a"), 100, &steps));
    assert_int_equal(steps, 5);
    assert_false(fits(slice_text("[abcd]"), slice_text("x"), 100, &steps));
    assert_int_equal(steps, 6);
}

/* A run may pass its steps by one element, but not make a step more when it has none. */
static void a_run_ends_with_its_steps(void **state)
{
    (void)state;
    struct glob glob;
    glob_init(&glob, slice_text("*aaaaaaab"), slice_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    size_t runs = 1, steps = 5;
    while (glob_run(&glob, &steps) == GLOB_MORE) {
        assert_int_equal(steps, 0);
        const struct glob before = glob;
        assert_int_equal(glob_run(&glob, &steps), GLOB_MORE);
        assert_memory_equal(&glob, &before, sizeof glob);
        steps = 5;
        runs++;
    }
    assert_in_range(runs, 20, 60);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(globs_fit_as_in_redis),
              cmocka_unit_test(an_unclosed_class_stands_for_itself),
              cmocka_unit_test(globs_fit_by_their_definition), cmocka_unit_test(steps_are_bounded),
              cmocka_unit_test(the_ends_of_patterns_count),
              cmocka_unit_test(a_run_ends_with_its_steps));
}
