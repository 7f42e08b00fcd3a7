/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/age.h"

#include <stdio.h>

const char *age_text(char ret[text_figure_size], double age_s)
{
    static const struct {
        double seconds;
        double below;
        char name;
    } units[] = {{1, 120, 's'}, {60, 7200, 'm'}, {3600, 172800, 'h'}, {86400, 8.64e18, 'd'}};
    enum { last = sizeof units / sizeof units[0] - 1 };
    size_t i = 0;
    if (!(age_s > 0)) /* nor not a number */
        age_s = 0;
    if (age_s >= units[last].below)
        age_s = units[last].below;
    while (i < last && age_s >= units[i].below)
        i++;
    snprintf(ret, text_figure_size, "%lld %c", (long long)(age_s / units[i].seconds),
             units[i].name);
    return ret;
}
