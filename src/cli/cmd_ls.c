/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/progress.h"

/* How the listing is to be shown. */
struct view {
    bool is_long;
    bool only_keys;
    enum listing_order order;
    bool is_reversed;
};

static bool print_json(const struct cli *cli, const struct listing *listing, bool is_long)
{
    struct doc *array = doc_array();
    for (size_t i = 0; i < listing->count; i++) {
        const struct entry *entry = &listing->entries[i];
        struct doc *object = doc_object();
        doc_set_key(object, entry->key.data, entry->key.size);
        doc_set_count(object, "rows", (uint64_t)entry->rows);
        doc_set_count(object, "columns", (uint64_t)entry->columns);
        doc_set_count(object, "bytes", (uint64_t)entry->bytes);
        if (is_long) {
            doc_set_count(object, "batches", (uint64_t)entry->batches);
            doc_set_number(object, "created", entry->created_s);
        }
        doc_append(array, object);
    }
    bool is_done = doc_print(array, cli->out);
    doc_free(array);
    return is_done;
}

static bool print_plain(const struct cli *cli, const struct listing *listing, bool is_long)
{
    struct buf key;
    buf_init(&key, alloc_system(), SIZE_MAX / 2);
    for (size_t i = 0; i < listing->count; i++) {
        const struct entry *entry = &listing->entries[i];
        buf_clear(&key);
        text_escape(&key, entry->key);
        fprintf(cli->out, "%s\t%" PRId64 "\t%" PRId64 "\t%" PRId64, buf_c_text(&key), entry->rows,
                entry->columns, entry->bytes);
        if (is_long)
            fprintf(cli->out, "\t%" PRId64 "\t%.6f", entry->batches, entry->created_s);
        fputc('\n', cli->out);
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

static bool print_pretty(const struct cli *cli, const struct listing *listing, bool is_long)
{
    struct grid_style style = {.width = terminal_width(cli->out, 0), .has_color = cli->has_color};
    return listing_print_grid(listing, is_long, SIZE_MAX, &style, cli->out);
}

static int print(const struct cli *cli, const struct listing *listing, const struct view *view,
                 const char *pattern)
{
    bool is_done;
    if (view->only_keys)
        is_done = print_keys(cli, listing);
    else if (cli->json)
        is_done = print_json(cli, listing, view->is_long);
    else if (!cli->out_is_terminal)
        is_done = print_plain(cli, listing, view->is_long);
    else if (listing->count == 0)
        is_done = fprintf(cli->err, "No keys%s%s.\n", pattern != NULL ? " like " : "",
                          pattern != NULL ? pattern : "") > 0;
    else
        is_done = print_pretty(cli, listing, view->is_long);
    return is_done ? CLI_DONE : cli_no_memory(cli);
}

static int choose_view(const struct cli *cli, const struct parsed *parsed, struct view *ret)
{
    const char *sort = parsed_value(parsed, "sort");
    *ret = (struct view){.is_long = parsed_has(parsed, "long"),
                         .only_keys = parsed_has(parsed, "keys"),
                         .order = ORDER_KEY,
                         .is_reversed = parsed_has(parsed, "reverse")};
    if (ret->only_keys && (cli->json || ret->is_long))
        return cli_error(cli, CLI_USAGE, "ls: --%s and --keys can't go together",
                         cli->json ? "json" : "long");
    if (sort != NULL && !listing_order_named(sort, &ret->order))
        return cli_error(cli, CLI_USAGE,
                         "--sort: '%s' isn't one of key, rows, columns, batches, size and age",
                         sort);
    return CLI_DONE;
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    struct view view;
    struct listing listing = {0};
    bool has_pattern = parsed->argument_count > 0;
    int exit_code = choose_view(cli, parsed, &view);
    if (exit_code == CLI_DONE && has_pattern)
        exit_code = cli_pattern(cli, parsed->arguments[0]);
    if (exit_code == CLI_DONE)
        exit_code = cli_connect(cli);
    if (exit_code != CLI_DONE)
        return exit_code;
    const char *pattern = has_pattern ? buf_c_text(&cli->key) : NULL;
    bool is_long = view.is_long || view.order == ORDER_AGE || view.order == ORDER_BATCHES;
    exit_code = listing_fetch(cli, pattern, is_long, &listing);
    if (exit_code == CLI_DONE) {
        listing_sort(&listing, view.order, view.is_reversed);
        exit_code = print(cli, &listing, &view, pattern);
    }
    listing_done(&listing);
    return exit_code;
}

static const struct option options[] = {
    {.name = "long", .letter = 'l', .help = "Show batches and age, too: one more call a key"},
    {.name = "sort",
     .argument = "key|rows|columns|batches|size|age",
     .default_value = "key",
     .help = "Sort by this; by size the largest is first, by age the youngest"},
    {.name = "reverse", .letter = 'r', .help = "Sort the other way round"},
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
        "is key, rows, columns and bytes, with a tab between; with -l also batches and when it "
        "was\n"
        "put, in seconds since 1970, as in --json. Keys are shown with %XX for bytes\n"
        "that can't be printed and %25 for a percent sign; PATTERN is read likewise.\n",
    .examples = "  flightkv ls\n"
                "  flightkv ls 'prices/*'\n"
                "  flightkv ls -l --sort size\n"
                "  flightkv ls --keys 'tmp/*' | xargs -r flightkv rm\n"
                "  flightkv ls --json\n",
    .options = options,
    .arguments_most = 1,
    .flags = COMMAND_CALLS_SERVER | COMMAND_HAS_JSON,
    .completes = COMPLETE_KEYS,
    .run = run,
};
