/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/demo_machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "base/text.h"

enum { line_size = 512, path_size = 1024 };

/* The number behind `name` in a file of lines "name: number kB" or "name number". */
static bool read_field(const char *path, const char *name, uint64_t *ret)
{
    char line[line_size];
    bool is_found = false;
    size_t size = strlen(name);
    FILE *file = fopen(path, "re");
    while (file != NULL && !is_found && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, size) != 0 || (line[size] != ':' && line[size] != ' '))
            continue;
        *ret = strtoull(line + size + 1, NULL, 10) * (line[size] == ':' ? 1024 : 1);
        is_found = true;
    }
    if (file != NULL)
        fclose(file);
    return is_found;
}

/* A file that holds one number; false for "max" and what isn't there. */
static bool read_number(const char *folder, const char *name, uint64_t *ret)
{
    char path[path_size], line[line_size];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    bool is_number =
        file != NULL && fgets(line, sizeof line, file) != NULL && line[0] >= '0' && line[0] <= '9';
    if (is_number)
        *ret = strtoull(line, NULL, 10);
    if (file != NULL)
        fclose(file);
    return is_number;
}

/* What is left of one control group's limit; pages that the kernel can drop count as free. */
static uint64_t group_available(const char *folder, const char *limit, const char *usage)
{
    char path[path_size];
    uint64_t most, used = 0, files = 0;
    if (!read_number(folder, limit, &most) || !read_number(folder, usage, &used))
        return UINT64_MAX;
    snprintf(path, sizeof path, "%.900s/memory.stat", folder);
    read_field(path, "inactive_file", &files);
    used = used > files ? used - files : 0;
    return most > used ? most - used : 0;
}

/* The least of a group's and its parents'. `path` is the group's below `root`; it is cut. */
static uint64_t groups_available(const char *root, char *path, const char *limit, const char *usage)
{
    uint64_t least = UINT64_MAX;
    for (;;) {
        char folder[path_size];
        snprintf(folder, sizeof folder, "%s%.800s", root, path);
        uint64_t available = group_available(folder, limit, usage);
        least = available < least ? available : least;
        char *slash = strrchr(path, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

/* Both hierarchies: "0::/path" is version 2's, "9:memory:/path" version 1's. */
static uint64_t all_groups_available(void)
{
    char line[line_size];
    uint64_t least = UINT64_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        uint64_t available = UINT64_MAX;
        line[strcspn(line, "\n")] = '\0';
        char *memory = strstr(line, ":memory:");
        if (strncmp(line, "0::", 3) == 0)
            available =
                groups_available("/sys/fs/cgroup", line + 3, "memory.max", "memory.current");
        else if (memory != NULL)
            available = groups_available("/sys/fs/cgroup/memory", memory + strlen(":memory:"),
                                         "memory.limit_in_bytes", "memory.usage_in_bytes");
        least = available < least ? available : least;
    }
    if (file != NULL)
        fclose(file);
    return least;
}

uint64_t demo_memory_available(void)
{
    uint64_t machine = 0;
    read_field("/proc/meminfo", "MemAvailable", &machine);
    uint64_t groups = all_groups_available();
    struct rlimit limit;
    uint64_t least = machine < groups ? machine : groups;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < least)
        least = limit.rlim_cur;
    return least;
}

uint64_t demo_disk_free(const char *path)
{
    char folder[path_size];
    struct statvfs about;
    if (snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder)
        return 0;
    while (statvfs(*folder != '\0' ? folder : ".", &about) != 0) {
        char *slash = strrchr(folder, '/');
        if (*folder == '\0' || strcmp(folder, "/") == 0)
            return 0;
        *(slash == folder ? folder + 1 : slash != NULL ? slash : folder) = '\0';
    }
    return (uint64_t)about.f_bavail * about.f_frsize;
}

uint64_t demo_choose_size(uint64_t memory, uint64_t disk, char *ret_reason, size_t reason_size)
{
    static const uint64_t sizes[] = {UINT64_C(2) << 30, UINT64_C(1) << 30, UINT64_C(512) << 20,
                                     UINT64_C(256) << 20};
    enum { size_count = sizeof sizes / sizeof sizes[0] };
    char have[text_figure_size], need[text_figure_size];
    size_t i = 0;
    /* The file takes a little more than the table. */
    while (i < size_count &&
           (demo_memory_factor * sizes[i] > memory || sizes[i] + sizes[i] / 8 > disk))
        i++;
    if (i == 0) {
        snprintf(ret_reason, reason_size, "the largest; %d times as much memory is available",
                 demo_memory_factor);
    } else if (demo_memory_factor * sizes[i - 1] > memory) {
        snprintf(ret_reason, reason_size, "the next larger needs %s of memory, %s are available",
                 text_size(need, demo_memory_factor * sizes[i - 1]), text_size(have, memory));
    } else {
        snprintf(ret_reason, reason_size, "the next larger needs %s of disk, %s are free",
                 text_size(need, sizes[i - 1] + sizes[i - 1] / 8), text_size(have, disk));
    }
    return i < size_count ? sizes[i] : 0;
}

uint64_t demo_process_memory(int pid, const char *field)
{
    char path[path_size];
    uint64_t bytes = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    read_field(path, field, &bytes);
    return bytes;
}
