/* SPDX-License-Identifier: Apache-2.0 */
/* Paths to fields. The fields that can be named (columns, and fields of structs) are sorted by
 * parent and name once, so that a path costs a few searches however wide the table is. What is
 * asked for is marked in a tree beside the table's, whose siblings are linked in the order of first
 * mention; the projected fields are then written in one walk over it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"
#include "base/text.h"
#include "ipc/project.h"
#include "ipc/schema_internal.h"

/* Duplicated names could make a long list of paths visit all fields again and again. */
enum { visits_max = 4 << 20 };

enum { suggestions_max = 1000, name_bytes_max = 64 << 10 };

/* In the tree of marks and among parents, 0 is the root and field i has the number i + 1. */
enum { root = 0 };

struct entry {
    const struct ipc_field *field;
    uint32_t parent;
};

struct mark {
    bool is_asked; /* it, or something below it */
    bool is_whole;
    uint32_t next;        /* sibling; 0: none */
    uint32_t first, last; /* children; 0: none */
};

struct chooser {
    struct ipc_projection *projection;
    struct entry *entries;
    uint32_t entry_count;
    struct mark *marks;
    uint32_t visits;
    struct buf name;    /* the segment in hand, its escapes undone */
    struct slice path;  /* the path in hand, as it was written */
    uint32_t failed_at; /* the last parent without a field of the name */
    bool is_failed_struct;
    struct fkv_error *error;
};

static uint32_t number_of(const struct chooser *c, const struct ipc_field *field)
{
    return (uint32_t)(field - c->projection->table->fields) + 1;
}

static const struct ipc_field *field_of(const struct chooser *c, uint32_t number)
{
    return &c->projection->table->fields[number - 1];
}

static int compare_name(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return a.size < b.size ? -1 : 1;
    return a.size == 0 ? 0 : memcmp(a.data, b.data, a.size);
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    int order = compare_name(x->field->name, y->field->name);
    return order != 0 ? order : (x->field > y->field) - (x->field < y->field);
}

/* An extension type's storage is the extension's own business. */
static bool is_plain_struct(const struct ipc_field *field)
{
    for (uint32_t i = 0; i < field->metadata.count; i++)
        if (slice_is(field->metadata.pairs[i].key, "ARROW:extension:name"))
            return false;
    return field->type == IPC_TYPE_STRUCT && !field->is_dictionary;
}

static void add_entries(struct chooser *c, const struct ipc_field *first, uint32_t count,
                        uint32_t parent)
{
    for (uint32_t i = 0; i < count; i++, first = ipc_field_after(first)) {
        c->entries[c->entry_count++] = (struct entry){.field = first, .parent = parent};
        if (is_plain_struct(first))
            add_entries(c, first + 1, first->child_count, number_of(c, first));
    }
}

/* The first entry of this parent and name, or where it would be. */
static uint32_t find_entry(const struct chooser *c, uint32_t parent, struct slice name)
{
    uint32_t low = 0, high = c->entry_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct entry *entry = &c->entries[middle];
        bool is_before = entry->parent != parent ? entry->parent < parent
                                                 : compare_name(entry->field->name, name) < 0;
        if (is_before)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void ask(struct chooser *c, uint32_t parent, uint32_t number)
{
    if (c->marks[number].is_asked)
        return;
    c->marks[number].is_asked = true;
    if (c->marks[parent].first == 0)
        c->marks[parent].first = number;
    else
        c->marks[c->marks[parent].last].next = number;
    c->marks[parent].last = number;
}

static struct slice cut_at(struct slice *rest, char mark)
{
    const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, mark, rest->size);
    if (end == NULL)
        return slice_take(rest, rest->size);
    struct slice head = slice_take(rest, (size_t)(end - rest->data));
    slice_take(rest, 1);
    return head;
}

/* --- what to say when there is no such column --- */

static bool has_name(const struct chooser *c, uint32_t parent, struct slice name)
{
    uint32_t at = find_entry(c, parent, name);
    return at < c->entry_count && c->entries[at].parent == parent &&
           slice_equal(c->entries[at].field->name, name);
}

/* The nearest of the names below `failed_at`, in `ret`; empty when none is near. */
static void nearest_name(struct chooser *c, struct buf *ret)
{
    char *names[suggestions_max];
    size_t count = 0;
    const struct alloc *alloc = c->projection->alloc;
    for (uint32_t i = find_entry(c, c->failed_at, slice_of(NULL, 0));
         i < c->entry_count && c->entries[i].parent == c->failed_at && count < suggestions_max;
         i++) {
        struct slice name = c->entries[i].field->name;
        names[count] = alloc_text(alloc, (const char *)name.data, name.size);
        if (names[count] != NULL)
            count++;
    }
    const char *nearest = text_nearest(buf_c_text(&c->name), (const char *const *)names, count);
    if (nearest != NULL)
        text_escape(ret, slice_text(nearest));
    for (size_t i = 0; i < count; i++)
        alloc_free(alloc, names[i]);
}

static enum fkv_status refuse_missing(struct chooser *c)
{
    struct buf hint;
    struct slice path = c->path;
    int shown = ipc_name_shown(path);
    buf_init(&hint, c->projection->alloc, name_bytes_max);
    enum fkv_status status;
    buf_clear(&c->name);
    if (path.size > 0 && memchr(path.data, '.', path.size) != NULL &&
        text_unescape(&c->name, path) && has_name(c, root, buf_slice(&c->name))) {
        status = status_set(c->error, FKV_INVALID_ARGUMENT,
                            "no column '%.*s'; in the name of a column, write a dot as %%2E", shown,
                            (const char *)path.data);
    } else if (c->failed_at != root && !c->is_failed_struct) {
        const struct ipc_field *field = field_of(c, c->failed_at);
        ipc_field_type_text(field, &hint);
        status = status_set(c->error, FKV_INVALID_ARGUMENT,
                            "no column '%.*s': '%.*s' is %s, and only fields of a struct can be "
                            "named",
                            shown, (const char *)path.data, ipc_name_shown(field->name),
                            (const char *)field->name.data, buf_c_text(&hint));
    } else {
        struct slice rest = path, last = path;
        while (rest.size > 0 && memchr(rest.data, '.', rest.size) != NULL) {
            cut_at(&rest, '.');
            last = rest;
        }
        buf_clear(&c->name);
        text_unescape(&c->name, last);
        nearest_name(c, &hint);
        status = status_set(c->error, FKV_INVALID_ARGUMENT, "no column '%.*s'%s%s%s", shown,
                            (const char *)path.data, hint.size > 0 ? "; did you mean '" : "",
                            buf_c_text(&hint), hint.size > 0 ? "'?" : "");
    }
    buf_done(&hint);
    return status;
}

/* --- one path --- */

static enum fkv_status read_segment(struct chooser *c, struct slice segment)
{
    buf_clear(&c->name);
    if (text_unescape(&c->name, segment))
        return FKV_OK;
    if (c->name.failed)
        return status_no_memory(c->error, segment.size);
    return status_set(c->error, FKV_INVALID_ARGUMENT,
                      "column '%.*s' has a '%%' without two hex digits behind it",
                      ipc_name_shown(c->path), (const char *)c->path.data);
}

/* Marks what `rest` names below `parent`; *ret_found is left alone when it is nothing. */
static enum fkv_status choose(struct chooser *c, uint32_t parent, struct slice rest,
                              bool *ret_found)
{
    bool is_last = rest.size == 0 || memchr(rest.data, '.', rest.size) == NULL;
    enum fkv_status status = read_segment(c, cut_at(&rest, '.'));
    if (status != FKV_OK)
        return status;
    uint32_t first = find_entry(c, parent, buf_slice(&c->name)), end = first;
    while (end < c->entry_count && c->entries[end].parent == parent &&
           slice_equal(c->entries[end].field->name, buf_slice(&c->name)))
        end++;
    c->visits += end - first + 1;
    if (c->visits > visits_max)
        return status_set(c->error, FKV_RESOURCE_EXHAUSTED,
                          "the columns asked for name more than %d fields", visits_max);
    if (first == end) {
        c->failed_at = parent;
        c->is_failed_struct = parent == root || is_plain_struct(field_of(c, parent));
    }
    for (uint32_t i = first; i < end && status == FKV_OK; i++) {
        uint32_t number = number_of(c, c->entries[i].field);
        bool is_found = is_last;
        if (!is_last)
            status = choose(c, number, rest, &is_found);
        if (!is_found)
            continue;
        c->marks[number].is_whole |= is_last;
        ask(c, parent, number);
        *ret_found = true;
    }
    return status;
}

static enum fkv_status choose_paths(struct chooser *c, struct slice paths)
{
    enum fkv_status status;
    bool is_last;
    do {
        bool is_found = false;
        is_last = paths.size == 0 || memchr(paths.data, ',', paths.size) == NULL;
        c->path = cut_at(&paths, ',');
        status = choose(c, root, c->path, &is_found);
        if (status == FKV_OK && !is_found)
            status = refuse_missing(c);
    } while (status == FKV_OK && !is_last);
    return status;
}

/* --- the projected fields --- */

static void write_fields(struct chooser *c, uint32_t number)
{
    struct ipc_projection *p = c->projection;
    const struct ipc_field *field = field_of(c, number);
    uint32_t at = p->schema.field_count;
    uint32_t count = c->marks[number].is_whole ? field->subtree : 1;
    for (uint32_t i = 0; i < count; i++) {
        p->sources[at + i] = number - 1 + i;
        p->schema.fields[at + i] = field[i];
    }
    p->schema.field_count += count;
    if (c->marks[number].is_whole)
        return;
    p->schema.fields[at].child_count = 0;
    for (uint32_t child = c->marks[number].first; child != 0; child = c->marks[child].next) {
        write_fields(c, child);
        p->schema.fields[at].child_count++;
    }
    p->schema.fields[at].subtree = p->schema.field_count - at;
}

enum fkv_status ipc_projection_choose(struct ipc_projection *projection, struct slice paths,
                                      struct fkv_error *error)
{
    const struct ipc_schema *table = projection->table;
    size_t count = (size_t)table->field_count + 1;
    struct chooser c = {
        .projection = projection,
        .entries = alloc_array(projection->alloc, count, sizeof *c.entries),
        .marks = alloc_array(projection->alloc, count, sizeof *c.marks),
        .error = error,
    };
    buf_init(&c.name, projection->alloc, name_bytes_max);
    enum fkv_status status = FKV_OK;
    if (c.entries == NULL || c.marks == NULL) {
        status = status_no_memory(error, count * sizeof *c.marks);
    } else {
        add_entries(&c, table->fields, table->column_count, root);
        qsort(c.entries, c.entry_count, sizeof *c.entries, compare_entries);
        status = choose_paths(&c, paths);
    }
    for (uint32_t i = status == FKV_OK ? c.marks[root].first : 0; i != 0; i = c.marks[i].next) {
        write_fields(&c, i);
        projection->schema.column_count++;
    }
    buf_done(&c.name);
    alloc_free(projection->alloc, c.entries);
    alloc_free(projection->alloc, c.marks);
    return status;
}
