/* SPDX-License-Identifier: Apache-2.0 */
/* Two tables are read side by side, however either is cut into batches:
 *
 *     left   |---------|-----------------|----|
 *     right  |---|---------------|------------|
 *     runs   |---|-----|---------|-------|----|
 *
 * Within a run, columns are compared one after the other, each up to the first row in which one
 * before it differs. */
#include "cli/commands.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "base/text.h"
#include "cli/batches.h"
#include "cli/cell_diff.h"
#include "cli/json.h"
#include "cli/schema_diff.h"
#include "cli/table_files.h"
#include "cli/transfer.h"
#include "cli/value.h"
#include "cli/width.h"

enum { sentence_max = 1 << 20 };

struct side {
    const char *name; /* as it was typed */
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray batch; /* release NULL: none yet, or at the end */
    int64_t at;              /* the row in it */
};

struct diff {
    struct cli *cli;
    struct side left;
    struct side right;
    struct fkv_client *other; /* the second key's; NULL: a file */
    struct table_files files; /* of a file */
    struct transfer transfer;
    struct tap tap; /* the right side's; the left one's is the transfer's */
    struct fkv_progress so_far;
    int64_t column; /* where they differ */
};

/* ---- opening ---- */

static enum fkv_status open_key(struct fkv_client *client, const struct buf *key,
                                struct ArrowArrayStream *ret, struct fkv_error *error)
{
    struct fkv_get_options options = {.size = sizeof options, .flags = FKV_GET_CHECK_VALUES};
    return fkv_get(client, key->data, key->size, &options, ret, error);
}

/* A second connection, for a client has one stream at a time. */
static int connect_other(struct diff *diff)
{
    struct fkv_client *first = diff->cli->client;
    diff->cli->client = NULL;
    int exit_code = cli_connect(diff->cli);
    diff->other = diff->cli->client;
    diff->cli->client = first;
    return exit_code;
}

static int open_file(struct diff *diff, const char *name)
{
    struct fkv_error error;
    struct table_source_options options = {0};
    if (table_files_open(&name, 1, &options, &diff->files, &error) != FKV_OK)
        return cli_error(diff->cli, CLI_FAILED, "%s", error.message);
    diff->right.stream = diff->files.stream;
    return CLI_DONE;
}

/* A key, or else a file of that name. */
static int open_right(struct diff *diff, const char *name)
{
    struct fkv_error error;
    struct cli *cli = diff->cli;
    if (strcmp(name, "-") == 0)
        return open_file(diff, name);
    int exit_code = cli_key(cli, name);
    if (exit_code == CLI_DONE)
        exit_code = connect_other(diff);
    if (exit_code != CLI_DONE)
        return exit_code;
    enum fkv_status status = open_key(diff->other, &cli->key, &diff->right.stream, &error);
    if (status == FKV_NOT_FOUND && access(name, F_OK) == 0)
        return open_file(diff, name);
    if (status == FKV_NOT_FOUND)
        return cli_error(cli, CLI_NO_KEY, "%s, and no such file; \"flightkv ls\" lists the keys",
                         error.message);
    return status == FKV_OK ? CLI_DONE : cli_fail(cli, &error);
}

static int open_left(struct diff *diff, const char *name)
{
    struct fkv_error error;
    struct fkv_table_info info;
    struct cli *cli = diff->cli;
    int exit_code = cli_key(cli, name);
    if (exit_code == CLI_DONE)
        exit_code = cli_connect(cli);
    if (exit_code != CLI_DONE)
        return exit_code;
    if (fkv_info(cli->client, cli->key.data, cli->key.size, &info, &error) != FKV_OK)
        return cli_fail_key(cli, &error);
    int64_t rows = info.rows, bytes = info.bytes;
    fkv_table_info_done(&info);
    if (open_key(cli->client, &cli->key, &diff->left.stream, &error) != FKV_OK)
        return cli_fail_key(cli, &error);
    transfer_begin(&diff->transfer, cli, "Comparing");
    diff->transfer.rows = rows;
    diff->transfer.bytes = bytes;
    return CLI_DONE;
}

static void side_done(struct side *side)
{
    if (side->batch.release != NULL)
        side->batch.release(&side->batch);
    if (side->schema.release != NULL)
        side->schema.release(&side->schema);
    if (side->stream.release != NULL)
        side->stream.release(&side->stream);
}

static void diff_done(struct diff *diff)
{
    side_done(&diff->left);
    side_done(&diff->right);
    table_files_done(&diff->files);
    fkv_client_close(diff->other);
}

/* ---- comparing ---- */

enum outcome { EQUAL, SCHEMA_DIFFERS, VALUE_DIFFERS, ROWS_DIFFER };

/* Sees to it that there is a row, or that the side is at its end. */
static enum fkv_status fill(struct side *side, struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    while (status == FKV_OK && (side->batch.release == NULL || side->at == side->batch.length)) {
        if (side->batch.release != NULL)
            side->batch.release(&side->batch);
        side->at = 0;
        status = batches_next(&side->stream, &side->schema, &side->batch, error);
        if (status == FKV_OK && side->batch.release == NULL)
            return FKV_OK;
    }
    return status;
}

static struct cell column_cell(const struct side *side, int64_t column)
{
    return cell_of(side->schema.children[column], side->batch.children[column],
                   side->batch.offset + side->at);
}

/* `ret` is `count`, or the first row that differs, in diff->column. */
static enum fkv_status compare_run(struct diff *diff, int64_t count, int64_t *ret,
                                   struct fkv_error *error)
{
    int64_t same = count;
    for (int64_t i = 0; i < diff->left.schema.n_children && same > 0; i++) {
        struct cell left = column_cell(&diff->left, i), right = column_cell(&diff->right, i);
        int64_t rows;
        if (!cell_diff_rows(&left, &right, same, &rows))
            return status_set(error, FKV_INVALID_ARGUMENT,
                              "a value of column %" PRId64 " at about row %" PRIu64
                              " can't be read: the table is damaged",
                              i, diff->so_far.rows + (uint64_t)rows);
        if (rows < same)
            diff->column = i;
        same = rows;
    }
    *ret = same;
    return FKV_OK;
}

/* At the end of a run that is the same, both sides are at its end. */
static enum fkv_status compare_rows(struct diff *diff, enum outcome *ret, struct fkv_error *error)
{
    struct side *left = &diff->left, *right = &diff->right;
    for (;;) {
        enum fkv_status status = fill(left, error);
        if (status == FKV_OK)
            status = fill(right, error);
        if (status != FKV_OK)
            return status;
        bool left_ends = left->batch.release == NULL, right_ends = right->batch.release == NULL;
        if (left_ends || right_ends) {
            *ret = left_ends && right_ends ? EQUAL : ROWS_DIFFER;
            return FKV_OK;
        }
        int64_t same, a = left->batch.length - left->at, b = right->batch.length - right->at;
        int64_t count = a < b ? a : b;
        status = compare_run(diff, count, &same, error);
        if (status != FKV_OK)
            return status;
        left->at += same;
        right->at += same;
        diff->so_far.rows += (uint64_t)same;
        if (same < count) {
            *ret = VALUE_DIFFERS;
            return FKV_OK;
        }
        transfer_progress(&diff->transfer, &diff->so_far);
    }
}

/* `why` says how the schemas differ. */
static enum fkv_status compare(struct diff *diff, struct buf *why, enum outcome *ret,
                               struct fkv_error *error)
{
    enum fkv_status status = batches_schema(&diff->left.stream, &diff->left.schema, error);
    if (status == FKV_OK)
        status = batches_schema(&diff->right.stream, &diff->right.schema, error);
    if (status != FKV_OK)
        return status;
    struct schema_side left = {&diff->left.schema, diff->left.name};
    struct schema_side right = {&diff->right.schema, diff->right.name};
    *ret = SCHEMA_DIFFERS;
    return schema_diff(why, &left, &right) ? FKV_OK : compare_rows(diff, ret, error);
}

/* ---- telling ---- */

struct difference {
    struct buf path; /* "column.field[2]" */
    struct buf left;
    struct buf right;
};

static void find_difference(const struct diff *diff, struct difference *ret)
{
    struct cell left = column_cell(&diff->left, diff->column);
    struct cell right = column_cell(&diff->right, diff->column);
    const char *name = left.schema->name;
    struct buf path;
    buf_init(&path, alloc_system(), sentence_max);
    buf_text(&path, name != NULL ? name : "");
    cell_diff(&left, &right, &path);
    buf_init(&ret->path, alloc_system(), 4 * (size_t)sentence_max);
    buf_init(&ret->left, alloc_system(), sentence_max);
    buf_init(&ret->right, alloc_system(), sentence_max);
    width_escape(&ret->path, buf_slice(&path), 0);
    value_literal(&ret->left, &left);
    value_literal(&ret->right, &right);
    buf_done(&path);
}

static void difference_done(struct difference *difference)
{
    buf_done(&difference->path);
    buf_done(&difference->left);
    buf_done(&difference->right);
}

static void tell_plain(const struct diff *diff, enum outcome outcome, struct buf *why,
                       struct difference *difference)
{
    FILE *out = diff->cli->out;
    char rows[text_figure_size];
    const char *left = diff->left.name, *right = diff->right.name;
    text_count(rows, diff->so_far.rows);
    bool left_ends = diff->left.batch.release == NULL;
    switch (outcome) {
    case EQUAL:
        fprintf(out, "equal: %s %s\n", rows, diff->so_far.rows == 1 ? "row" : "rows");
        break;
    case SCHEMA_DIFFERS:
        fprintf(out, "schema: %s\n", buf_c_text(why));
        break;
    case ROWS_DIFFER:
        fprintf(out, "rows: %s has %s, %s has more\n", left_ends ? left : right, rows,
                left_ends ? right : left);
        break;
    case VALUE_DIFFERS:
        fprintf(out, "row %s, column '%s': %s in %s, %s in %s%s\n", rows,
                buf_c_text(&difference->path), buf_c_text(&difference->left), left,
                buf_c_text(&difference->right), right,
                slice_equal(buf_slice(&difference->left), buf_slice(&difference->right))
                    ? "; they differ behind what is shown"
                    : "");
        break;
    }
}

static bool tell_json(const struct diff *diff, enum outcome outcome, struct buf *why,
                      struct difference *difference)
{
    static const char *const names[] = {NULL, "schema", "value", "rows"};
    struct doc *doc = doc_object();
    doc_set_bool(doc, "equal", outcome == EQUAL);
    if (outcome != EQUAL)
        doc_set_text(doc, "difference", names[outcome]);
    if (outcome == SCHEMA_DIFFERS)
        doc_set_text(doc, "schema", buf_c_text(why));
    else
        doc_set_count(doc, outcome == VALUE_DIFFERS ? "row" : "rows", diff->so_far.rows);
    if (outcome == ROWS_DIFFER)
        doc_set_text(doc, "longer", diff->left.batch.release == NULL ? "right" : "left");
    if (outcome == VALUE_DIFFERS) {
        doc_set_text(doc, "column", buf_c_text(&difference->path));
        doc_set_text(doc, "left", buf_c_text(&difference->left));
        doc_set_text(doc, "right", buf_c_text(&difference->right));
    }
    bool is_done = doc_print(doc, diff->cli->out);
    doc_free(doc);
    return is_done;
}

static int tell(const struct diff *diff, enum outcome outcome, struct buf *why)
{
    struct difference difference = {0};
    bool is_done = true;
    if (outcome == VALUE_DIFFERS)
        find_difference(diff, &difference);
    if (diff->cli->json)
        is_done = tell_json(diff, outcome, why, &difference);
    else
        tell_plain(diff, outcome, why, &difference);
    difference_done(&difference);
    if (!is_done)
        return cli_no_memory(diff->cli);
    return outcome == EQUAL ? CLI_DONE : CLI_FAILED;
}

static int compare_and_tell(struct diff *diff)
{
    struct fkv_error error;
    struct buf why;
    enum outcome outcome;
    buf_init(&why, alloc_system(), sentence_max);
    diff->left.stream = transfer_stream(&diff->transfer, &diff->left.stream);
    diff->right.stream =
        tap_stream(&diff->tap, &diff->right.stream, &diff->transfer.interrupt.has_come);
    enum fkv_status status = compare(diff, &why, &outcome, &error);
    transfer_end(&diff->transfer);
    if (status != FKV_OK && diff->tap.failure.status != FKV_OK)
        tap_blame(&diff->tap, &error);
    int exit_code = status == FKV_OK ? tell(diff, outcome, &why)
                                     : transfer_fail(&diff->transfer, diff->cli, &error, cli_fail);
    buf_done(&why);
    return exit_code;
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    const char *left = parsed->arguments[0], *right = parsed->arguments[1];
    struct diff diff = {.cli = cli, .left = {.name = left}, .right = {.name = right}};
    int exit_code = open_left(&diff, left);
    bool has_begun = exit_code == CLI_DONE;
    if (exit_code == CLI_DONE)
        exit_code = open_right(&diff, right);
    if (exit_code == CLI_DONE)
        exit_code = compare_and_tell(&diff);
    else if (has_begun)
        transfer_end(&diff.transfer);
    diff_done(&diff);
    return exit_code;
}

const struct command cmd_diff = {
    .name = "diff",
    .arguments = "KEY KEY|FILE|-",
    .summary = "Compare two tables, by schema and by cell",
    .details =
        "The second table is that of another key, or else a file, as put reads it. Both are read\n"
        "side by side, piecewise, and may be cut into batches in different ways. Rows are counted\n"
        "from 0. Metadata isn't compared; floats are by their bits, but one nan is as another.\n"
        "Exit code 0: equal; 1: different, or it failed, and then nothing is on standard output.\n",
    .examples = "  flightkv diff prices prices/copy\n"
                "  flightkv diff prices prices.parquet\n"
                "  flightkv get prices --server grpc+tcp://db1:6666 | flightkv diff prices -\n",
    .arguments_least = 2,
    .arguments_most = 2,
    .flags = COMMAND_CALLS_SERVER | COMMAND_HAS_JSON,
    .completes = COMPLETE_KEYS_AND_FILES,
    .run = run,
};
