/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option_values.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"

const char *option_text(const struct parsed *parsed, const char *name, const char *fallback)
{
    const char *value = parsed_value(parsed, name);
    return value != NULL ? value : fallback;
}

int option_count(const struct cli *cli, const struct parsed *parsed, const char *name,
                 uint64_t fallback, uint64_t least, uint64_t most, uint64_t *ret)
{
    const char *text = parsed_value(parsed, name);
    char *end;
    *ret = fallback;
    if (text == NULL)
        return CLI_DONE;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < least ||
        value > most)
        return cli_error(cli, CLI_USAGE, "--%s: '%s' isn't a whole number from %llu to %llu", name,
                         text, (unsigned long long)least, (unsigned long long)most);
    *ret = value;
    return CLI_DONE;
}

int option_duration(const struct cli *cli, const struct parsed *parsed, const char *name,
                    uint64_t fallback_ns, uint64_t *ret_ns)
{
    const char *text = parsed_value(parsed, name);
    uint64_t ns = fallback_ns;
    if (text != NULL && (!text_parse_duration(text, &ns) || ns < NS_PER_MS))
        return cli_error(cli, CLI_USAGE,
                         "--%s: '%s' isn't a duration of at least 1ms; expected one like "
                         "\"500ms\", \"30s\" or \"5m\"",
                         name, text);
    *ret_ns = ns;
    return CLI_DONE;
}

int option_shape(const struct cli *cli, const struct parsed *parsed, const char *size,
                 uint64_t columns, struct numbers_options *ret)
{
    uint64_t bytes, seed, batch_rows;
    size = option_text(parsed, "size", size);
    if (!text_parse_size(size, &bytes))
        return cli_error(cli, CLI_USAGE,
                         "--size: '%s' isn't a size; expected one like \"2GiB\" or "
                         "\"512MiB\"",
                         size);
    int exit_code = option_count(cli, parsed, "columns", columns, 1, numbers_columns_max, &columns);
    if (exit_code == CLI_DONE)
        exit_code = option_count(cli, parsed, "seed", 0, 0, UINT64_MAX, &seed);
    if (exit_code == CLI_DONE)
        exit_code =
            option_count(cli, parsed, "batch-rows", numbers_batch_rows, 1, 1 << 30, &batch_rows);
    if (exit_code != CLI_DONE)
        return exit_code;
    uint64_t rows = bytes / (columns * sizeof(double));
    if (rows == 0)
        return cli_error(
            cli, CLI_USAGE, "--size: '%s' is less than one row of %llu columns, %llu bytes", size,
            (unsigned long long)columns, (unsigned long long)(columns * sizeof(double)));
    *ret = (struct numbers_options){.rows = (int64_t)rows,
                                    .columns = (int64_t)columns,
                                    .batch_rows = (int64_t)(batch_rows < rows ? batch_rows : rows),
                                    .seed = seed};
    return CLI_DONE;
}
