/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_files.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"
#include "cli/bench_plot.h"
#include "cli/bench_report.h"

static enum fkv_status open_file(const char *path, struct bench_file *ret, struct fkv_error *error)
{
    enum fkv_status status = output_open(path, &ret->output, error);
    ret->is_open = status == FKV_OK;
    return status;
}

/* "a.hgrm" with "put" is "a.put.hgrm"; "a" is "a.put", ".a" is ".a.put". */
static enum fkv_status open_hgrm(const char *path, enum bench_kind kind, struct bench_file *ret,
                                 struct fkv_error *error)
{
    char name[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t stem = dot != NULL && dot != base ? (size_t)(dot - path) : strlen(path);
    struct stat about;
    if (*base == '\0' || (stat(path, &about) == 0 && S_ISDIR(about.st_mode)))
        return status_set(error, FKV_INVALID_ARGUMENT, "cannot write '%s': it is a folder", path);
    int size = snprintf(name, sizeof name, "%.*s.%s%s", (int)stem, path, bench_kind_names[kind],
                        path + stem);
    if (size < 0 || size >= (int)sizeof name)
        return status_set(error, FKV_INVALID_ARGUMENT, "cannot write '%s': the path is too long",
                          path);
    return open_file(name, ret, error);
}

/* No file for what isn't done. */
int bench_files_open(const struct cli *cli, const struct bench_options *options,
                     struct bench_files *ret)
{
    const uint64_t shares[bench_kinds] = {options->pick.puts, options->pick.gets};
    struct fkv_error error;
    enum fkv_status status = FKV_OK;
    *ret = (struct bench_files){0};
    if (options->plot != NULL)
        status = open_file(options->plot, &ret->plot, &error);
    for (int kind = 0; status == FKV_OK && options->hgrm != NULL && kind < bench_kinds; kind++) {
        if (shares[kind] > 0)
            status = open_hgrm(options->hgrm, (enum bench_kind)kind, &ret->hgrm[kind], &error);
    }
    if (status == FKV_OK)
        return CLI_DONE;
    bench_files_abort(ret);
    return cli_fail(cli, &error);
}

static FILE *stream_of(const struct bench_file *file)
{
    int copy = dup(file->output.fd);
    FILE *out = copy >= 0 ? fdopen(copy, "w") : NULL;
    if (out == NULL && copy >= 0)
        close(copy);
    return out;
}

/* Ends the writing; the file is there then, or it is said why it isn't. */
static int finish(const struct cli *cli, struct bench_file *file, FILE *out)
{
    struct fkv_error error;
    bool is_written = !ferror(out);
    if (fclose(out) != 0 || !is_written)
        return cli_error(cli, CLI_FAILED, "cannot write '%s': %s", file->output.path,
                         strerror(errno));
    file->is_open = false;
    return output_commit(&file->output, &error) == FKV_OK ? CLI_DONE : cli_fail(cli, &error);
}

static int write_plot(const struct cli *cli, const struct bench_options *options,
                      const struct bench_result *result, struct bench_file *file)
{
    FILE *out = stream_of(file);
    if (out == NULL)
        return cli_no_memory(cli);
    bench_plot(options, result, out);
    return finish(cli, file, out);
}

static int write_hgrm(const struct cli *cli, const struct histogram *histogram,
                      struct bench_file *file)
{
    FILE *out = stream_of(file);
    if (out == NULL)
        return cli_no_memory(cli);
    histogram_print(histogram, 1e3, out);
    return finish(cli, file, out);
}

int bench_files_write(const struct cli *cli, const struct bench_options *options,
                      const struct bench_result *result, struct bench_files *files)
{
    int exit_code = CLI_DONE;
    if (files->plot.is_open)
        exit_code = write_plot(cli, options, result, &files->plot);
    for (int kind = 0; exit_code == CLI_DONE && kind < bench_kinds; kind++) {
        if (files->hgrm[kind].is_open)
            exit_code = write_hgrm(cli, result->sums[kind].latency, &files->hgrm[kind]);
    }
    return exit_code;
}

void bench_files_abort(struct bench_files *files)
{
    if (files->plot.is_open)
        output_abort(&files->plot.output);
    for (int kind = 0; kind < bench_kinds; kind++) {
        if (files->hgrm[kind].is_open)
            output_abort(&files->hgrm[kind].output);
    }
    *files = (struct bench_files){0};
}
