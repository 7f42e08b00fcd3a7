/* SPDX-License-Identifier: Apache-2.0 */
/* The loader. The module names Arrow's libraries by soname only, so whoever loads them first
 * decides where they come from: each place of the list in formats.h is tried by loading libarrow
 * and libparquet from there and the module behind them, and the first place that works is kept. */
#include "formats/formats.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/status.h"
#include "formats/module.h"

/* Given by the build that made the module; without it there is none to load. */
#ifndef FKV_ARROW_LIBRARY
#define FKV_ARROW_LIBRARY ""
#define FKV_PARQUET_LIBRARY ""
#define FKV_ARROW_MAJOR "*"
#endif

#define MODULE_NAME "flightkv_formats.so"

struct formats {
    void *library;
    const struct formats_module *module;
};

static bool is_file(const char *path)
{
    return access(path, R_OK) == 0;
}

/* The folder that the program lies in, without its last slash. */
static bool program_folder(char ret[PATH_MAX])
{
    ssize_t size = readlink("/proc/self/exe", ret, PATH_MAX - 1);
    if (size <= 0)
        return false;
    ret[size] = '\0';
    char *slash = strrchr(ret, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

/* Whether the program lies in build/NAME of the project's own tree. */
static bool is_in_source_tree(const char *folder)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/../../tools/deps.sh", folder) < (int)sizeof path &&
           is_file(path);
}

static enum fkv_status module_path(char ret[PATH_MAX], struct fkv_error *error)
{
    const char *named = getenv("FLIGHTKV_FORMATS");
    if (named != NULL && *named != '\0') {
        snprintf(ret, PATH_MAX, "%s", named);
        if (is_file(ret))
            return FKV_OK;
        return status_set(error, FKV_UNIMPLEMENTED,
                          "FLIGHTKV_FORMATS names '%s', which can't be read: %s", named,
                          strerror(errno));
    }
    char folder[PATH_MAX];
    if (!program_folder(folder))
        folder[0] = '\0';
    static const char *const places[] = {"%s/" MODULE_NAME, "%s/../lib/flightkv/" MODULE_NAME};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        int size = snprintf(ret, PATH_MAX, places[i], folder);
        if (size < PATH_MAX && is_file(ret))
            return FKV_OK;
    }
    return status_set(error, FKV_UNIMPLEMENTED,
                      "Parquet, CSV and JSON need the module " MODULE_NAME ", which isn't beside "
                      "the program "
                      "(%s): %s, or use an Arrow IPC file (.arrow)",
                      folder,
                      is_in_source_tree(folder)
                          ? "run \"make deps && make\" in the project"
                          : "install Arrow C++ or run \".venv/bin/pip install pyarrow\" in the "
                            "project, and build again");
}

/* Loads the module; it must find Arrow among what is loaded or on the system's path. */
static struct formats *load_module(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return NULL;
    formats_module_entry entry;
    void *symbol = dlsym(library, FORMATS_MODULE_ENTRY);
    memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from object to function */
    struct formats *formats = symbol == NULL || entry()->version != formats_module_version
                                  ? NULL
                                  : alloc_zero(alloc_system(), sizeof *formats);
    if (formats == NULL) {
        dlclose(library);
        return NULL;
    }
    *formats = (struct formats){library, entry()};
    return formats;
}

/* Arrow runs threads, so it is never unloaded again once a module works with it. */
static struct formats *load_from(const char *folder, const char *module)
{
    char path[PATH_MAX];
    void *arrow = NULL, *parquet = NULL;
    struct formats *formats = NULL;
    if (snprintf(path, sizeof path, "%s/" FKV_ARROW_LIBRARY, folder) < (int)sizeof path)
        arrow = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (arrow != NULL &&
        snprintf(path, sizeof path, "%s/" FKV_PARQUET_LIBRARY, folder) < (int)sizeof path)
        parquet = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (parquet != NULL)
        formats = load_module(module);
    if (formats == NULL && parquet != NULL)
        dlclose(parquet);
    if (formats == NULL && arrow != NULL)
        dlclose(arrow);
    return formats;
}

/* The folder of the pyarrow package that python3 on the PATH would import; not that of the current
 * folder, which "-c" would have looked at first. */
static struct formats *load_from_python(const char *module)
{
    static const char command[] =
        "python3 -c 'import sys; sys.path = [p for p in sys.path if p]\n"
        "import importlib.util as u; s = u.find_spec(\"pyarrow\")\n"
        "print(s.submodule_search_locations[0] if s else \"\")' 2>/dev/null </dev/null";
    FILE *python = popen(command, "re");
    if (python == NULL)
        return NULL;
    char folder[PATH_MAX];
    bool is_there = fgets(folder, sizeof folder, python) != NULL;
    pclose(python);
    if (!is_there)
        return NULL;
    folder[strcspn(folder, "\n")] = '\0';
    return folder[0] == '/' ? load_from(folder, module) : NULL;
}

/* A .venv in `folder`, or in one above it. */
static struct formats *load_from_venv(char *folder, const char *module)
{
    for (;;) {
        char pattern[PATH_MAX];
        glob_t found;
        int size = snprintf(pattern, sizeof pattern, "%s/.venv/lib/python3*/site-packages/pyarrow",
                            folder);
        if (size < (int)sizeof pattern && glob(pattern, GLOB_ONLYDIR, NULL, &found) == 0) {
            struct formats *formats = NULL;
            for (size_t i = 0; i < found.gl_pathc && formats == NULL; i++)
                formats = load_from(found.gl_pathv[i], module);
            globfree(&found);
            if (formats != NULL)
                return formats;
        }
        char *slash = strrchr(folder, '/');
        if (slash == NULL)
            return NULL;
        *slash = '\0';
    }
}

static struct formats *load_from_venvs(const char *module)
{
    char folder[PATH_MAX];
    struct formats *formats = NULL;
    if (program_folder(folder))
        formats = load_from_venv(folder, module);
    if (formats == NULL && getcwd(folder, sizeof folder) != NULL)
        formats = load_from_venv(folder, module);
    return formats;
}

enum fkv_status formats_load(struct formats **ret, struct fkv_error *error)
{
    char module[PATH_MAX];
    enum fkv_status status = module_path(module, error);
    if (status != FKV_OK)
        return status;
    struct formats *formats = NULL;
    const char *named = getenv("FLIGHTKV_ARROW_DIR");
    if (named != NULL && *named != '\0') {
        formats = load_from(named, module);
        if (formats == NULL)
            return status_set(error, FKV_UNIMPLEMENTED,
                              "FLIGHTKV_ARROW_DIR names '%s', where " FKV_ARROW_LIBRARY
                              " and " FKV_PARQUET_LIBRARY " can't be loaded from; without it, "
                              "those of pyarrow " FKV_ARROW_MAJOR " in an active venv or in .venv "
                              "are found",
                              named);
    }
    if (formats == NULL)
        formats = load_module(module);
    if (formats == NULL)
        formats = load_from_python(module);
    if (formats == NULL)
        formats = load_from_venvs(module);
    if (formats == NULL)
        return status_set(error, FKV_UNIMPLEMENTED,
                          "Parquet, CSV and JSON need Arrow C++ (" FKV_ARROW_LIBRARY
                          "), which isn't found: run \"python3 -m venv .venv && .venv/bin/pip "
                          "install 'pyarrow==" FKV_ARROW_MAJOR ".*'\" here, or name its folder by "
                          "FLIGHTKV_ARROW_DIR, or use an Arrow IPC file (.arrow)");
    *ret = formats;
    return FKV_OK;
}

void formats_unload(struct formats *formats)
{
    if (formats == NULL)
        return;
    dlclose(formats->library);
    alloc_free(alloc_system(), formats);
}

/* A Parquet file begins and ends with "PAR1", or with "PARE" when its footer is encrypted. */
static enum fkv_status check_magic(int fd, const char *path, struct fkv_error *error)
{
    struct stat about;
    char magic[4];
    if (fstat(fd, &about) != 0)
        return status_set(error, FKV_UNKNOWN, "'%s' can't be read: %s", path, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return status_set(error, FKV_INVALID_ARGUMENT, "'%s' is a folder, not a Parquet file",
                          path);
    if (!S_ISREG(about.st_mode))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "'%s' can't be read as Parquet, which needs a regular file", path);
    if (about.st_size == 0)
        return status_set(error, FKV_INVALID_ARGUMENT, "'%s' isn't a Parquet file: it is empty",
                          path);
    if (pread(fd, magic, sizeof magic, 0) != sizeof magic ||
        (memcmp(magic, "PAR1", 4) != 0 && memcmp(magic, "PARE", 4) != 0))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "'%s' isn't a Parquet file: it doesn't begin with PAR1", path);
    if (pread(fd, magic, sizeof magic, about.st_size - 4) != sizeof magic ||
        (memcmp(magic, "PAR1", 4) != 0 && memcmp(magic, "PARE", 4) != 0))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "'%s' isn't a whole Parquet file: it doesn't end with PAR1", path);
    return FKV_OK;
}

enum fkv_status formats_parquet_read(struct formats *formats, const char *path, int64_t batch_rows,
                                     struct ArrowArrayStream *ret, int64_t *ret_rows,
                                     struct fkv_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO without a writer would hang */
    if (fd < 0 && errno == ENOENT)
        return status_set(error, FKV_NOT_FOUND, "no such file '%s'", path);
    if (fd < 0)
        return status_set(error, errno == EACCES ? FKV_PERMISSION_DENIED : FKV_UNKNOWN,
                          "'%s' can't be opened: %s", path, strerror(errno));
    enum fkv_status status = check_magic(fd, path, error);
    close(fd);
    if (status != FKV_OK)
        return status;
    return formats->module->parquet_read(path, batch_rows, ret, ret_rows, error);
}

enum fkv_status formats_parquet_write(struct formats *formats, struct ArrowArrayStream *stream,
                                      int fd, const struct formats_parquet_options *options,
                                      struct fkv_progress *ret, struct fkv_error *error)
{
    return formats->module->parquet_write(stream, fd, options, ret, error);
}

enum fkv_status formats_csv_read(struct formats *formats, int fd,
                                 const struct formats_text_options *options,
                                 struct ArrowArrayStream *ret, struct fkv_error *error)
{
    return formats->module->csv_read(fd, options, ret, error);
}

enum fkv_status formats_json_read(struct formats *formats, int fd,
                                  const struct formats_text_options *options,
                                  struct ArrowArrayStream *ret, struct fkv_error *error)
{
    return formats->module->json_read(fd, options, ret, error);
}
