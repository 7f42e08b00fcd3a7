/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/schema_diff.h"

#include <inttypes.h>
#include <string.h>

#include "cli/type_text.h"
#include "cli/width.h"

enum { depth_max = 64 };

static const char *name_of(const struct ArrowSchema *field)
{
    return field->name != NULL ? field->name : "";
}

static bool same_extension(const struct ArrowSchema *left, const struct ArrowSchema *right)
{
    struct slice a = {0}, b = {0};
    type_metadata(left, "ARROW:extension:name", &a);
    type_metadata(right, "ARROW:extension:name", &b);
    return slice_equal(a, b);
}

/* But for their own names. */
static bool same_type(const struct ArrowSchema *left, const struct ArrowSchema *right,
                      unsigned depth)
{
    const int64_t flags =
        ARROW_FLAG_NULLABLE | ARROW_FLAG_DICTIONARY_ORDERED | ARROW_FLAG_MAP_KEYS_SORTED;
    if (depth == 0 || strcmp(left->format, right->format) != 0 ||
        ((left->flags ^ right->flags) & flags) != 0 || left->n_children != right->n_children ||
        (left->dictionary == NULL) != (right->dictionary == NULL) || !same_extension(left, right))
        return false;
    if (left->dictionary != NULL && !same_type(left->dictionary, right->dictionary, depth - 1))
        return false;
    for (int64_t i = 0; i < left->n_children; i++) {
        const struct ArrowSchema *a = left->children[i], *b = right->children[i];
        if (strcmp(name_of(a), name_of(b)) != 0 || !same_type(a, b, depth - 1))
            return false;
    }
    return true;
}

static bool has_column(const struct ArrowSchema *schema, const char *name)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (strcmp(name_of(schema->children[i]), name) == 0)
            return true;
    }
    return false;
}

static void say_name(struct buf *out, const struct ArrowSchema *column)
{
    buf_byte(out, '\'');
    width_escape(out, slice_text(name_of(column)), '\'');
    buf_byte(out, '\'');
}

static void say_type(struct buf *out, const struct ArrowSchema *column)
{
    type_text(out, column);
    if (!(column->flags & ARROW_FLAG_NULLABLE))
        buf_text(out, " not null");
}

/* The column that one side has at this place, or not at all. */
static void say_only(struct buf *out, const struct ArrowSchema *column, const char *in,
                     const char *not_in)
{
    buf_text(out, "column ");
    say_name(out, column);
    buf_printf(out, " is in %s and not in %s", in, not_in);
}

static void say_names(struct buf *out, int64_t index, const struct schema_side *left,
                      const struct schema_side *right)
{
    const struct ArrowSchema *a = left->schema->children[index];
    const struct ArrowSchema *b = right->schema->children[index];
    if (!has_column(right->schema, name_of(a))) {
        say_only(out, a, left->name, right->name);
    } else if (!has_column(left->schema, name_of(b))) {
        say_only(out, b, right->name, left->name);
    } else {
        buf_printf(out, "column %" PRId64 " is ", index);
        say_name(out, a);
        buf_printf(out, " in %s and ", left->name);
        say_name(out, b);
        buf_printf(out, " in %s", right->name);
    }
}

static void say_types(struct buf *out, int64_t index, const struct schema_side *left,
                      const struct schema_side *right)
{
    buf_text(out, "column ");
    say_name(out, left->schema->children[index]);
    buf_text(out, " is ");
    say_type(out, left->schema->children[index]);
    buf_printf(out, " in %s and ", left->name);
    say_type(out, right->schema->children[index]);
    buf_printf(out, " in %s", right->name);
}

bool schema_diff(struct buf *out, const struct schema_side *left, const struct schema_side *right)
{
    int64_t a = left->schema->n_children, b = right->schema->n_children;
    for (int64_t i = 0; i < a && i < b; i++) {
        const struct ArrowSchema *one = left->schema->children[i];
        const struct ArrowSchema *other = right->schema->children[i];
        if (strcmp(name_of(one), name_of(other)) != 0) {
            say_names(out, i, left, right);
            return true;
        }
        if (!same_type(one, other, depth_max)) {
            say_types(out, i, left, right);
            return true;
        }
    }
    if (a > b)
        say_only(out, left->schema->children[b], left->name, right->name);
    else if (b > a)
        say_only(out, right->schema->children[a], right->name, left->name);
    return a != b;
}
