/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/transfer.h"

#include "base/clock.h"
#include "base/text.h"
#include "cli/json.h"

int transfer_sink(const struct cli *cli, const char *path, enum table_format format,
                  const char *compression, struct table_sink *ret)
{
    struct fkv_error error;
    enum fkv_status status = table_sink_init(path, format, compression, ret, &error);
    if (status == FKV_OK)
        return CLI_DONE;
    return cli_error(cli, status == FKV_INVALID_ARGUMENT ? CLI_USAGE : CLI_FAILED, "%s",
                     error.message);
}

void transfer_begin(struct transfer *transfer, const struct cli *cli, const char *verb)
{
    *transfer = (struct transfer){0};
    interrupt_begin(&transfer->interrupt, cli->client);
    progress_begin(&transfer->progress, cli, verb);
}

void transfer_end(struct transfer *transfer)
{
    progress_end(&transfer->progress);
    interrupt_end(&transfer->interrupt);
}

bool transfer_is_interrupted(const struct transfer *transfer)
{
    return atomic_load(&transfer->interrupt.has_come);
}

static double fraction_done(const struct transfer *transfer, const struct fkv_progress *so_far)
{
    if (transfer->source != NULL)
        return table_source_fraction(transfer->source, so_far);
    return transfer->rows > 0 ? (double)so_far->rows / (double)transfer->rows : -1;
}

bool transfer_progress(void *context, const struct fkv_progress *so_far)
{
    struct transfer *transfer = context;
    double fraction = fraction_done(transfer, so_far);
    uint64_t bytes = so_far->bytes;
    if (bytes == 0 && fraction > 0)
        bytes = (uint64_t)(fraction * (double)transfer->bytes);
    progress_update(&transfer->progress, fraction, bytes);
    return !transfer_is_interrupted(transfer);
}

struct ArrowArrayStream transfer_stream(struct transfer *transfer, struct ArrowArrayStream *inner)
{
    return tap_stream(&transfer->tap, inner, &transfer->interrupt.has_come);
}

int transfer_fail(struct transfer *transfer, const struct cli *cli, struct fkv_error *error,
                  int (*fail)(const struct cli *cli, const struct fkv_error *error))
{
    if (transfer_is_interrupted(transfer))
        return cli_error(cli, interrupt_exit_code(&transfer->interrupt), "interrupted");
    tap_blame(&transfer->tap, error);
    return fail(cli, error);
}

static int report_json(const struct cli *cli, const char *path, const struct fkv_progress *result,
                       uint64_t ns)
{
    struct doc *doc = doc_object();
    doc_set_key(doc, cli->key.data, cli->key.size);
    if (path != NULL && text_is_utf8(slice_text(path)))
        doc_set_text(doc, "file", path);
    doc_set_count(doc, "rows", result->rows);
    doc_set_count(doc, "batches", result->batches);
    doc_set_count(doc, "bytes", result->bytes);
    doc_set_number(doc, "seconds", (double)ns / 1e9);
    bool is_done = doc_print(doc, cli->out);
    doc_free(doc);
    return is_done ? CLI_DONE : cli_no_memory(cli);
}

int transfer_report(const struct transfer *transfer, const struct cli *cli, const char *did,
                    const char *path, const struct fkv_progress *result)
{
    uint64_t ns = progress_elapsed_ns(&transfer->progress);
    if (cli->json)
        return report_json(cli, path, result, ns);
    char rows[text_figure_size], batches[text_figure_size], size[text_figure_size];
    char time[text_figure_size], rate[text_figure_size];
    struct buf shown;
    buf_init(&shown, alloc_system(), 3 * cli->key.size + 1);
    text_escape(&shown, buf_slice(&cli->key));
    fprintf(cli->out, "%s %s: %s %s in %s %s, %s in %s (%s/s)\n", did, buf_c_text(&shown),
            text_count(rows, result->rows), result->rows == 1 ? "row" : "rows",
            text_count(batches, result->batches), result->batches == 1 ? "batch" : "batches",
            text_size(size, result->bytes), text_duration(time, ns),
            text_size(rate, ns > 0 ? (uint64_t)((double)result->bytes * 1e9 / (double)ns) : 0));
    buf_done(&shown);
    return CLI_DONE;
}
