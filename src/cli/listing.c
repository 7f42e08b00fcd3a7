/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/listing.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/age.h"
#include "cli/figures.h"

bool listing_order_named(const char *name, enum listing_order *ret)
{
    static const char *const names[] = {"key", "rows", "columns", "batches", "size", "age"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum listing_order)i;
            return true;
        }
    }
    return false;
}

void listing_done(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        alloc_free(alloc_system(), (void *)listing->entries[i].key.data);
    alloc_free(alloc_system(), listing->entries);
}

static void take_figure(void *context, const struct doc_member *member)
{
    struct entry *entry = context;
    if (member->is_integer && strcmp(member->name, "batches") == 0)
        entry->batches = member->integer;
    else if (member->is_number && strcmp(member->name, "created") == 0)
        entry->created_s = member->number;
}

static bool on_table(void *context, struct fkv_table_info *info)
{
    struct listing *listing = context;
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 64 : 2 * listing->capacity;
        struct entry *entries =
            alloc_resize(alloc_system(), listing->entries, capacity * sizeof *entries);
        listing->has_failed = entries == NULL;
        if (entries == NULL)
            return false;
        listing->entries = entries;
        listing->capacity = capacity;
    }
    char *key = alloc_text(alloc_system(), info->key, info->key_size);
    listing->has_failed = key == NULL;
    if (key == NULL)
        return false;
    struct entry *entry = &listing->entries[listing->count++];
    *entry = (struct entry){.key = slice_of(key, info->key_size),
                            .rows = info->rows,
                            .columns = info->schema.n_children,
                            .bytes = info->bytes};
    struct doc *more = listing->is_long ? figures_besides(info) : NULL;
    doc_each(more, take_figure, entry);
    doc_free(more);
    return true;
}

int listing_fetch(struct cli *cli, const char *pattern, bool is_long, struct listing *ret)
{
    struct fkv_error error;
    struct listing listing = {.is_long = is_long};
    int exit_code = CLI_DONE;
    if (fkv_list(cli->client, pattern, on_table, &listing, &error) != FKV_OK)
        exit_code = cli_fail(cli, &error);
    else if (listing.has_failed)
        exit_code = cli_no_memory(cli);
    if (exit_code == CLI_DONE)
        *ret = listing;
    else
        listing_done(&listing);
    return exit_code;
}

/* ---- order ---- */

static int by_key(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    size_t size = a->key.size < b->key.size ? a->key.size : b->key.size;
    int order = memcmp(a->key.data, b->key.data, size);
    return order != 0 ? order : (a->key.size > b->key.size) - (a->key.size < b->key.size);
}

static int larger_first(int64_t a, int64_t b, const void *left, const void *right)
{
    return a != b ? (a < b) - (a > b) : by_key(left, right);
}

static int by_rows(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return larger_first(a->rows, b->rows, a, b);
}

static int by_columns(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return larger_first(a->columns, b->columns, a, b);
}

static int by_batches(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return larger_first(a->batches, b->batches, a, b);
}

static int by_size(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return larger_first(a->bytes, b->bytes, a, b);
}

static int by_age(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->created_s < b->created_s || a->created_s > b->created_s)
        return a->created_s > b->created_s ? -1 : 1;
    return by_key(left, right);
}

void listing_sort(struct listing *listing, enum listing_order order, bool is_reversed)
{
    static int (*const compare[])(const void *left, const void *right) = {
        [ORDER_KEY] = by_key,         [ORDER_ROWS] = by_rows, [ORDER_COLUMNS] = by_columns,
        [ORDER_BATCHES] = by_batches, [ORDER_SIZE] = by_size, [ORDER_AGE] = by_age};
    if (listing->count < 2)
        return;
    qsort(listing->entries, listing->count, sizeof *listing->entries, compare[order]);
    for (size_t i = 0, j = listing->count - 1; is_reversed && i < j; i++, j--) {
        struct entry entry = listing->entries[i];
        listing->entries[i] = listing->entries[j];
        listing->entries[j] = entry;
    }
}

/* ---- for people ---- */

static void add_row(struct grid *grid, const struct entry *entry, bool is_long, struct buf *key)
{
    char figure[text_figure_size];
    buf_clear(key);
    text_escape(key, entry->key);
    grid_cell(grid, buf_slice(key));
    grid_cell(grid, slice_text(text_count(figure, (uint64_t)entry->rows)));
    grid_cell(grid, slice_text(text_count(figure, (uint64_t)entry->columns)));
    grid_cell(grid, slice_text(text_size(figure, (uint64_t)entry->bytes)));
    if (!is_long)
        return;
    double now_s = (double)clock_wall_us() / 1e6;
    bool is_known = entry->created_s > 0;
    grid_cell(grid, slice_text(text_count(figure, (uint64_t)entry->batches)));
    grid_cell(grid, slice_text(is_known ? age_text(figure, now_s - entry->created_s) : ""));
}

bool listing_print_grid(const struct listing *listing, bool is_long, size_t most,
                        const struct grid_style *style, FILE *out)
{
    static const char *const titles[] = {"key", "rows", "columns", "size", "batches", "age"};
    size_t columns = is_long ? 6 : 4;
    struct grid *grid = grid_new(columns);
    struct buf key;
    buf_init(&key, alloc_system(), SIZE_MAX / 2);
    for (size_t i = 0; i < columns; i++) {
        grid_dim_cell(grid, slice_text(titles[i]));
        if (i > 0)
            grid_align_right(grid, i);
    }
    for (size_t i = 0; i < listing->count && i < most; i++)
        add_row(grid, &listing->entries[i], is_long, &key);
    bool is_done = grid_print(grid, style, out) && !key.failed;
    buf_done(&key);
    grid_free(grid);
    return is_done;
}
