/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/config.h"

#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"

/* A reading of the file; `error` keeps what was wrong first. */
struct reading {
    const char *path;
    struct parsed *parsed;
    struct config *config;
    struct fkv_error error;
};

/* ---- where the file is ---- */

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0';
}

/* False: there is no home either. A relative XDG_CONFIG_HOME counts as none, as its definition
 * says. */
static bool find_path(char ret[PATH_MAX])
{
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int size = 0;
    if (base != NULL && base[0] == '/')
        size = snprintf(ret, PATH_MAX, "%s/flightkv/config", base);
    else if (home != NULL && *home != '\0')
        size = snprintf(ret, PATH_MAX, "%s/.config/flightkv/config", home);
    return size > 0 && size < PATH_MAX;
}

/* ---- what it says ---- */

static int refuse(struct reading *reading, const char *format, ...) FKV_PRINTF(2, 3);

static int refuse(struct reading *reading, const char *format, ...)
{
    if (reading->error.status != FKV_OK)
        return 0;
    va_list args;
    va_start(args, format);
    vsnprintf(reading->error.message, sizeof reading->error.message, format, args);
    va_end(args);
    reading->error.status = FKV_INVALID_ARGUMENT;
    return 0; /* to inih: this line is wrong */
}

/* On the command line; what the file has said itself comes first in `parsed`. */
static bool was_said(const struct parsed *parsed, const char *name)
{
    for (size_t i = parsed->default_count; i < parsed->value_count; i++) {
        if (strcmp(parsed->values[i].option->name, name) == 0)
            return true;
    }
    return false;
}

/* What the environment says goes before; and a password goes with the name that it belongs to. */
static bool is_overruled(const struct reading *reading, const char *name)
{
    if (strcmp(name, "server") == 0)
        return is_set("FLIGHTKV_SERVER");
    if (strcmp(name, "password-file") == 0)
        return is_set("FLIGHTKV_PASSWORD") || was_said(reading->parsed, "user");
    return false;
}

/* "~/x" is in the home, "x" beside the config file. To be freed. */
static char *full_path(const struct reading *reading, const char *value)
{
    char path[PATH_MAX];
    const char *home = getenv("HOME");
    int folder = (int)(strrchr(reading->path, '/') - reading->path), size;
    if (value[0] == '~' && value[1] == '/' && home != NULL)
        size = snprintf(path, sizeof path, "%s%s", home, value + 1);
    else if (value[0] == '/')
        size = snprintf(path, sizeof path, "%s", value);
    else
        size = snprintf(path, sizeof path, "%.*s/%s", folder, reading->path, value);
    return size < PATH_MAX ? alloc_text(alloc_system(), path, (size_t)size) : NULL;
}

static int add(struct reading *reading, const struct option *option, char *text)
{
    struct config *config = reading->config;
    size_t size = (config->count + 1) * sizeof *config->texts;
    char **texts = text != NULL ? alloc_resize(alloc_system(), config->texts, size) : NULL;
    if (texts == NULL) {
        alloc_free(alloc_system(), text);
        return refuse(reading, "out of memory, or a path is too long");
    }
    config->texts = texts;
    texts[config->count++] = text;
    return parsed_add_default(reading->parsed, option, text) ? 1 : refuse(reading, "out of memory");
}

static int take_switch(struct reading *reading, const struct option *option, const char *value)
{
    static const char *const on[] = {"yes", "true", "on", "1"};
    static const char *const off[] = {"no", "false", "off", "0"};
    for (size_t i = 0; i < sizeof on / sizeof on[0]; i++) {
        if (strcmp(value, on[i]) == 0)
            return add(reading, option, alloc_text(alloc_system(), "", 0));
        if (strcmp(value, off[i]) == 0)
            return 1;
    }
    return refuse(reading, "%s: '%s' is neither yes nor no", option->name, value);
}

static int unknown_name(struct reading *reading, const char *name)
{
    const char *names[64];
    size_t count = 0;
    const struct option *option;
    while (count < sizeof names / sizeof names[0] && (option = client_option_at(count)) != NULL)
        names[count++] = option->name;
    const char *nearest = text_nearest(name, names, count);
    if (nearest != NULL)
        return refuse(reading, "unknown name '%s'; did you mean '%s'?", name, nearest);
    return refuse(reading,
                  "unknown name '%s'; expected one that \"flightkv help ping\" has, as in "
                  "\"server = URI\"",
                  name);
}

/* inih's handler: 0 marks the line as wrong. */
static int take_line(void *context, const char *section, const char *name, const char *value)
{
    struct reading *reading = context;
    const struct option *option;
    if (*section != '\0')
        return refuse(reading, "there are no sections, but here is [%s]", section);
    for (size_t i = 0; (option = client_option_at(i)) != NULL; i++) {
        if (strcmp(option->name, name) != 0)
            continue;
        if (option->argument == NULL)
            return take_switch(reading, option, value);
        if (*value == '\0')
            return refuse(reading, "%s has no value", name);
        if (is_overruled(reading, name))
            return 1;
        if (strcmp(option->argument, "FILE") == 0)
            return add(reading, option, full_path(reading, value));
        return add(reading, option, alloc_text(alloc_system(), value, strlen(value)));
    }
    return unknown_name(reading, name);
}

/* Who runs under another user's HOME, as with su, can't see into it, and has no file there. */
static bool is_nothing_there(const char *path, int error)
{
    return error == ENOENT || error == ENOTDIR || (error == EACCES && access(path, F_OK) != 0);
}

int config_apply(const struct cli *cli, struct parsed *parsed, struct config *ret)
{
    char path[PATH_MAX];
    *ret = (struct config){0};
    if (!find_path(path))
        return CLI_DONE;
    FILE *file = fopen(path, "re");
    if (file == NULL && is_nothing_there(path, errno))
        return CLI_DONE;
    if (file == NULL)
        return cli_error(cli, CLI_FAILED, "cannot read '%s': %s", path, strerror(errno));
    struct reading reading = {.path = path, .parsed = parsed, .config = ret};
    int line = ini_parse_file(file, take_line, &reading);
    bool has_failed = ferror(file) != 0;
    fclose(file);
    if (has_failed)
        return cli_error(cli, CLI_FAILED, "cannot read '%s': %s", path, strerror(errno));
    if (line == 0)
        return CLI_DONE;
    if (reading.error.status == FKV_OK)
        snprintf(reading.error.message, sizeof reading.error.message,
                 "expected \"name = value\", in at most 200 bytes");
    return cli_error(cli, CLI_USAGE, "%s:%d: %s", path, line, reading.error.message);
}

void config_done(struct config *config)
{
    for (size_t i = 0; i < config->count; i++)
        alloc_free(alloc_system(), config->texts[i]);
    alloc_free(alloc_system(), config->texts);
    *config = (struct config){0};
}
