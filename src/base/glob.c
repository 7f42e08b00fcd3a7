/* SPDX-License-Identifier: Apache-2.0 */
#include "base/glob.h"

#include <stdbool.h>
#include <stdint.h>

void glob_init(struct glob *glob, struct slice pattern, struct slice text)
{
    *glob =
        (struct glob){.pattern = pattern, .text = text, .star = SIZE_MAX, .literal_from = SIZE_MAX};
}

/* Whether `c` fits the class that begins behind '[' at pattern[*at]. Moves *at behind its ']', or
 * to the pattern's end when there is none; says which. */
static bool take_class(struct slice pattern, size_t *at, uint8_t c, bool *ret_fits)
{
    size_t i = *at;
    bool negated = i < pattern.size && pattern.data[i] == '^';
    i += negated;
    bool fits = false, is_closed = false;
    for (bool is_first = true; i < pattern.size && !is_closed; is_first = false) {
        uint8_t low = pattern.data[i++];
        if (low == ']' && !is_first) {
            is_closed = true;
            continue;
        }
        if (low == '\\' && i < pattern.size)
            low = pattern.data[i++];
        uint8_t high = low;
        if (i + 1 < pattern.size && pattern.data[i] == '-' && pattern.data[i + 1] != ']') {
            high = pattern.data[i + 1];
            i += 2;
        }
        fits = fits || (c >= low && c <= high);
    }
    *at = i;
    *ret_fits = fits != negated;
    return is_closed;
}

/* Whether the element at glob->p, not a '*', takes the next byte of the text; if so, goes behind
 * both. Gives the steps made. */
static size_t take_element(struct glob *glob, bool *ret_fits)
{
    const struct slice pattern = glob->pattern;
    const uint8_t c = glob->text.data[glob->t], element = pattern.data[glob->p];
    size_t behind = glob->p + 1, seen = behind;
    bool fits = element == c;
    if (element == '?') {
        fits = true;
    } else if (element == '\\' && behind < pattern.size) {
        fits = pattern.data[behind++] == c;
        seen = behind;
    } else if (element == '[' && glob->p < glob->literal_from) {
        bool class_fits;
        if (take_class(pattern, &seen, c, &class_fits)) {
            fits = class_fits;
            behind = seen;
        } else {
            glob->literal_from = glob->p;
        }
    }
    size_t steps = seen - glob->p;
    if (fits) {
        glob->p = behind;
        glob->t++;
    }
    *ret_fits = fits;
    return steps;
}

/* One element, or one '*'; false when the text can't fit. Only the last '*' needs to be remembered:
 * what an earlier one took can't help a later one. */
static bool advance(struct glob *glob, size_t *ret_steps)
{
    *ret_steps = 1;
    bool is_inside = glob->p < glob->pattern.size, fits = false;
    if (is_inside && glob->pattern.data[glob->p] == '*') {
        glob->star = ++glob->p;
        glob->star_text = glob->t;
        return true;
    }
    if (is_inside)
        *ret_steps = take_element(glob, &fits);
    if (!fits && glob->star != SIZE_MAX) {
        glob->p = glob->star;
        glob->t = ++glob->star_text;
        return true;
    }
    return fits;
}

static void take_off(size_t *steps, size_t made)
{
    *steps -= made < *steps ? made : *steps;
}

enum glob_answer glob_run(struct glob *glob, size_t *steps)
{
    while (glob->t < glob->text.size) {
        if (*steps == 0)
            return GLOB_MORE;
        size_t made;
        bool can_fit = advance(glob, &made);
        take_off(steps, made);
        if (!can_fit)
            return GLOB_NO;
    }
    for (; glob->p < glob->pattern.size && glob->pattern.data[glob->p] == '*'; glob->p++)
        take_off(steps, 1);
    return glob->p == glob->pattern.size ? GLOB_YES : GLOB_NO;
}
