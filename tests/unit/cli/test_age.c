/* SPDX-License-Identifier: Apache-2.0 */
/* Ages at the edges of their units. */
#include "harness/test.h"

#include <math.h>

#include "cli/age.h"

static void an_age_has_one_unit(void **state)
{
    (void)state;
    static const struct {
        double age_s;
        const char *text;
    } cases[] = {{0, "0 s"},
                 {-5, "0 s"},
                 {NAN, "0 s"},
                 {119.9, "119 s"},
                 {120, "2 m"},
                 {7199, "119 m"},
                 {7200, "2 h"},
                 {172799, "47 h"},
                 {172800, "2 d"},
                 {3e7, "347 d"},
                 {INFINITY, "100000000000000 d"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[text_figure_size];
        assert_string_equal(age_text(text, cases[i].age_s), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_age_has_one_unit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
