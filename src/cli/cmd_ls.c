/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/grid.h"
#include "cli/json.h"
#include "cli/progress.h"

struct entry {
    struct slice key; /* owned */
    int64_t rows;
    int64_t columns;
    int64_t bytes;
};

struct listing {
    struct entry *entries;
    size_t count;
    size_t capacity;
    bool has_failed;
};

static void listing_done(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        alloc_free(alloc_system(), (void *)listing->entries[i].key.data);
    alloc_free(alloc_system(), listing->entries);
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
    if (key != NULL)
        listing->entries[listing->count++] = (struct entry){
            slice_of(key, info->key_size), info->rows, info->schema.n_children, info->bytes};
    return key != NULL;
}

static int compare(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    size_t size = a->key.size < b->key.size ? a->key.size : b->key.size;
    int order = memcmp(a->key.data, b->key.data, size);
    return order != 0 ? order : (a->key.size > b->key.size) - (a->key.size < b->key.size);
}

static bool print_json(const struct cli *cli, const struct listing *listing)
{
    struct doc *array = doc_array();
    for (size_t i = 0; i < listing->count; i++) {
        const struct entry *entry = &listing->entries[i];
        struct doc *object = doc_object();
        doc_set_key(object, entry->key.data, entry->key.size);
        doc_set_count(object, "rows", (uint64_t)entry->rows);
        doc_set_count(object, "columns", (uint64_t)entry->columns);
        doc_set_count(object, "bytes", (uint64_t)entry->bytes);
        doc_append(array, object);
    }
    bool is_done = doc_print(array, cli->out);
    doc_free(array);
    return is_done;
}

static bool print_plain(const struct cli *cli, const struct listing *listing)
{
    struct buf key;
    buf_init(&key, alloc_system(), SIZE_MAX / 2);
    for (size_t i = 0; i < listing->count; i++) {
        const struct entry *entry = &listing->entries[i];
        buf_clear(&key);
        text_escape(&key, entry->key);
        fprintf(cli->out, "%s\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\n", buf_c_text(&key),
                entry->rows, entry->columns, entry->bytes);
    }
    bool is_done = !key.failed;
    buf_done(&key);
    return is_done;
}

/* `key` with all of it escaped that a shell or xargs doesn't take as it stands, also the dash that
 * would make an option of it. */
static void escape_word(struct buf *out, struct buf *escaped, struct slice key)
{
    buf_clear(escaped);
    text_escape(escaped, key);
    for (const char *at = buf_c_text(escaped); *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (is_plain || c >= 0x80 || strchr(out->size > 0 ? "%_./,+-" : "%_./,+", c) != NULL)
            buf_byte(out, c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static bool print_keys(const struct cli *cli, const struct listing *listing)
{
    struct buf word, escaped;
    buf_init(&word, alloc_system(), SIZE_MAX / 2);
    buf_init(&escaped, alloc_system(), SIZE_MAX / 2);
    for (size_t i = 0; i < listing->count; i++) {
        buf_clear(&word);
        escape_word(&word, &escaped, listing->entries[i].key);
        fprintf(cli->out, "%s\n", buf_c_text(&word));
    }
    bool is_done = !word.failed && !escaped.failed;
    buf_done(&word);
    buf_done(&escaped);
    return is_done;
}

static void add_row(struct grid *grid, const struct entry *entry, struct buf *key)
{
    char figure[text_figure_size];
    buf_clear(key);
    text_escape(key, entry->key);
    grid_cell(grid, buf_slice(key));
    grid_cell(grid, slice_text(text_count(figure, (uint64_t)entry->rows)));
    grid_cell(grid, slice_text(text_count(figure, (uint64_t)entry->columns)));
    grid_cell(grid, slice_text(text_size(figure, (uint64_t)entry->bytes)));
}

static bool print_pretty(const struct cli *cli, const struct listing *listing)
{
    static const char *const titles[] = {"key", "rows", "columns", "size"};
    struct grid *grid = grid_new(4);
    struct buf key;
    buf_init(&key, alloc_system(), SIZE_MAX / 2);
    for (size_t i = 0; i < 4; i++) {
        grid_dim_cell(grid, slice_text(titles[i]));
        if (i > 0)
            grid_align_right(grid, i);
    }
    for (size_t i = 0; i < listing->count; i++)
        add_row(grid, &listing->entries[i], &key);
    struct grid_style style = {.width = terminal_width(cli->out, 0), .has_color = cli->has_color};
    bool is_done = grid_print(grid, &style, cli->out) && !key.failed;
    buf_done(&key);
    grid_free(grid);
    return is_done;
}

static int print(const struct cli *cli, struct listing *listing, bool only_keys,
                 const char *pattern)
{
    bool is_done;
    if (listing->count > 1)
        qsort(listing->entries, listing->count, sizeof *listing->entries, compare);
    if (only_keys)
        is_done = print_keys(cli, listing);
    else if (cli->json)
        is_done = print_json(cli, listing);
    else if (!cli->out_is_terminal)
        is_done = print_plain(cli, listing);
    else if (listing->count == 0)
        is_done = fprintf(cli->err, "No keys%s%s.\n", pattern != NULL ? " like " : "",
                          pattern != NULL ? pattern : "") > 0;
    else
        is_done = print_pretty(cli, listing);
    return is_done ? CLI_DONE : cli_no_memory(cli);
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    struct fkv_error error;
    struct listing listing = {0};
    if (cli->json && parsed_has(parsed, "keys"))
        return cli_error(cli, CLI_USAGE, "ls: --json and --keys can't go together");
    bool has_pattern = parsed->argument_count > 0;
    int exit_code = has_pattern ? cli_pattern(cli, parsed->arguments[0]) : CLI_DONE;
    if (exit_code == CLI_DONE)
        exit_code = cli_connect(cli);
    if (exit_code != CLI_DONE)
        return exit_code;
    const char *pattern = has_pattern ? buf_c_text(&cli->key) : NULL;
    if (fkv_list(cli->client, pattern, on_table, &listing, &error) != FKV_OK)
        exit_code = cli_fail(cli, &error);
    else if (listing.has_failed)
        exit_code = cli_no_memory(cli);
    else
        exit_code = print(cli, &listing, parsed_has(parsed, "keys"), pattern);
    listing_done(&listing);
    return exit_code;
}

static const struct option options[] = {
    {.name = "keys",
     .help = "Print the keys alone, with %XX also for what a shell or xargs reads specially"},
    {0},
};

const struct command cmd_ls = {
    .name = "ls",
    .arguments = "[PATTERN]",
    .summary = "List the keys, with rows, columns and size",
    .details =
        "PATTERN is a glob: * is anything, ? one byte, [a-z] one of a range. Into a pipe, a line\n"
        "is key, rows, columns and bytes, with a tab between. Keys are shown with %XX for bytes\n"
        "that can't be printed and %25 for a percent sign; PATTERN is read likewise.\n",
    .examples = "  flightkv ls\n"
                "  flightkv ls 'prices/*'\n"
                "  flightkv ls --keys 'tmp/*' | xargs -r flightkv rm\n"
                "  flightkv ls --json\n",
    .options = options,
    .arguments_most = 1,
    .flags = COMMAND_CALLS_SERVER | COMMAND_HAS_JSON,
    .completes = COMPLETE_KEYS,
    .run = run,
};
