/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/demo_dataset.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/demo_machine.h"
#include "cli/numbers.h"
#include "cli/transfer.h"

static const char default_folder[] = "build/demo";

enum { folder_size = 512, path_size = 600, reason_size = 256 };

/* ---- reading ---- */

int demo_dataset_read(const struct cli *cli, const char *path, struct demo_table *ret)
{
    struct fkv_error error;
    struct table_source source;
    struct transfer transfer;
    struct demo_table table = {0};
    if (table_source_open(path, &(struct table_source_options){0}, &source, &error) != FKV_OK)
        return cli_error(cli, CLI_FAILED, "%s", error.message);
    if (cli->err_is_terminal)
        fputs("Reading the file", cli->err);
    transfer_begin(&transfer, cli, "Reading");
    struct ArrowArrayStream stream = transfer_stream(&transfer, &source.stream);
    enum fkv_status status = demo_table_collect(&stream, &table, &error);
    transfer_end(&transfer);
    if (cli->err_is_terminal)
        fputs("\r\033[K", cli->err);
    int exit_code = CLI_DONE;
    if (status != FKV_OK || transfer_is_interrupted(&transfer))
        exit_code = transfer_fail(&transfer, cli, &error, cli_fail);
    else if (demo_table_bytes(&table) == 0)
        exit_code = cli_error(cli, CLI_FAILED, "'%s' holds nothing to measure with", path);
    table_source_done(&source);
    if (exit_code == CLI_DONE)
        *ret = table;
    else
        demo_table_done(&table);
    return exit_code;
}

/* ---- making ---- */

struct dataset {
    const struct cli *cli;
    uint64_t size;
    char folder[folder_size];
    char path[path_size];
    bool is_temporary;
};

static int choose_folder(struct dataset *dataset, const char *wanted)
{
    struct stat about;
    bool has_default = stat(default_folder, &about) == 0 && S_ISDIR(about.st_mode);
    const char *temporary = getenv("TMPDIR");
    dataset->is_temporary = wanted == NULL && !has_default;
    if (dataset->is_temporary)
        snprintf(dataset->folder, folder_size, "%s/flightkv-demo-XXXXXX",
                 temporary != NULL ? temporary : "/tmp");
    else
        snprintf(dataset->folder, folder_size, "%s", wanted != NULL ? wanted : default_folder);
    if (dataset->is_temporary && mkdtemp(dataset->folder) == NULL)
        return cli_error(dataset->cli, CLI_FAILED, "cannot make the folder '%s': %s",
                         dataset->folder, strerror(errno));
    return CLI_DONE;
}

static int choose_size(struct dataset *dataset)
{
    const struct cli *cli = dataset->cli;
    char size[text_figure_size], memory_text[text_figure_size], disk_text[text_figure_size];
    char reason[reason_size];
    uint64_t memory = demo_memory_available(), disk = demo_disk_free(dataset->folder);
    dataset->size = demo_choose_size(memory, disk, reason, sizeof reason);
    if (dataset->size == 0)
        return cli_error(cli, CLI_FAILED,
                         "%s of memory and %s of disk are too little for the smallest size, "
                         "256 MiB; name a smaller one by --size",
                         text_size(memory_text, memory), text_size(disk_text, disk));
    if (!cli->json)
        fprintf(cli->out, "Size: %s, %s\n", text_size(size, dataset->size), reason);
    return CLI_DONE;
}

static void choose_name(struct dataset *dataset)
{
    const uint64_t mib = 1 << 20;
    bool is_whole = dataset->size % mib == 0;
    snprintf(dataset->path, path_size, "%s/numbers-%" PRIu64 "%s.parquet", dataset->folder,
             is_whole ? dataset->size / mib : dataset->size, is_whole ? "MiB" : "B");
}

static enum fkv_status write_numbers(struct dataset *dataset, struct table_sink *sink,
                                     struct transfer *transfer, struct fkv_error *error)
{
    struct ArrowArrayStream numbers;
    struct numbers_options options = {.rows = (int64_t)(dataset->size / demo_row_bytes),
                                      .columns = demo_columns,
                                      .batch_rows = numbers_batch_rows};
    enum fkv_status status = numbers_stream(&options, &numbers, error);
    if (status != FKV_OK)
        return status;
    transfer->rows = options.rows;
    transfer->bytes = (int64_t)dataset->size;
    struct ArrowArrayStream stream = transfer_stream(transfer, &numbers);
    return table_sink_write(sink, &stream, transfer_progress, transfer, NULL, error);
}

static int generate(struct dataset *dataset)
{
    struct fkv_error error;
    struct table_sink sink;
    struct transfer transfer;
    int exit_code = transfer_sink(dataset->cli, dataset->path, TABLE_UNKNOWN, NULL, &sink);
    if (exit_code != CLI_DONE)
        return exit_code;
    sink.plain = true;
    transfer_begin(&transfer, dataset->cli, "Generating");
    enum fkv_status status = write_numbers(dataset, &sink, &transfer, &error);
    transfer_end(&transfer);
    if (status != FKV_OK || transfer_is_interrupted(&transfer))
        exit_code = transfer_fail(&transfer, dataset->cli, &error, cli_fail);
    table_sink_done(&sink);
    return exit_code;
}

static int generate_and_read(struct dataset *dataset, struct demo_table *ret)
{
    const struct cli *cli = dataset->cli;
    bool is_there = access(dataset->path, R_OK) == 0;
    if (!cli->json)
        fprintf(cli->out, "%s %s\n", is_there ? "Using" : "Generating", dataset->path);
    fflush(cli->out);
    struct demo_table table;
    int exit_code = is_there ? CLI_DONE : generate(dataset);
    if (exit_code == CLI_DONE)
        exit_code = demo_dataset_read(cli, dataset->path, &table);
    if (exit_code != CLI_DONE)
        return exit_code;
    if (demo_table_bytes(&table) != dataset->size) {
        demo_table_done(&table);
        return cli_error(cli, CLI_FAILED, "'%s' isn't the table that its name says; remove it",
                         dataset->path);
    }
    *ret = table;
    return CLI_DONE;
}

int demo_dataset_make(const struct cli *cli, uint64_t size, const char *folder,
                      struct demo_table *ret)
{
    struct dataset dataset = {.cli = cli, .size = size};
    int exit_code = choose_folder(&dataset, folder);
    if (exit_code != CLI_DONE)
        return exit_code;
    if (size == 0)
        exit_code = choose_size(&dataset);
    if (exit_code == CLI_DONE) {
        choose_name(&dataset);
        exit_code = generate_and_read(&dataset, ret);
    }
    if (dataset.is_temporary) {
        unlink(dataset.path);
        rmdir(dataset.folder);
    }
    return exit_code;
}
