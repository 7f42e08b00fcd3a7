/* SPDX-License-Identifier: Apache-2.0 */
#include "server/users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/status.h"
#include "base/text.h"
#include "server/password.h"

/* Both point into struct users' text. */
struct user {
    const char *name;
    const char *hash;
    uint64_t id;
};

struct users {
    const struct alloc *alloc;
    atomic_uint owners;
    uint64_t *ids; /* sorted */
    char *text;    /* the file, with NULs behind names and hashes */
    struct user *items;
    size_t count;
};

static const struct user *find_user(const struct users *users, const char *name)
{
    for (size_t i = 0; i < users->count; i++)
        if (strcmp(users->items[i].name, name) == 0)
            return &users->items[i];
    return NULL;
}

/* ---- a line ---- */

static bool is_name(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 127)
            return false;
    return size > 0 && size <= user_name_bytes_max && text_is_utf8(slice_of(name, size));
}

static void trim_end(char *line)
{
    size_t size = strlen(line);
    while (size > 0 && (line[size - 1] == ' ' || line[size - 1] == '\t' || line[size - 1] == '\r'))
        line[--size] = '\0';
}

static enum fkv_status parse_line(struct users *users, char *line, size_t number,
                                  struct fkv_error *error)
{
    trim_end(line);
    if (line[0] == '\0' || line[0] == '#')
        return FKV_OK;
    char *colon = strchr(line, ':');
    if (colon == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT, "line %zu has no ':', expected USER:HASH",
                          number);
    *colon = '\0';
    if (!is_name(line))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "line %zu: the user's name must be 1 to %d bytes of UTF-8 without "
                          "control characters",
                          number, user_name_bytes_max);
    if (!password_is_hash(colon + 1))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "line %zu: what follows the user's name is not a whole hash of a strong "
                          "method (yescrypt, scrypt, bcrypt, sha512crypt), as \"flightkv passwd\" "
                          "or mkpasswd make it",
                          number);
    if (find_user(users, line) != NULL)
        return status_set(error, FKV_INVALID_ARGUMENT, "line %zu names a user for the second time",
                          number);
    users->items[users->count++] = (struct user){.name = line, .hash = colon + 1};
    return FKV_OK;
}

/* ---- the text ---- */

static size_t count_lines(struct slice text)
{
    size_t count = 1;
    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] == '\n';
    return count;
}

static enum fkv_status parse_lines(struct users *users, size_t size, struct fkv_error *error)
{
    char *line = users->text, *end = users->text + size;
    for (size_t number = 1; line <= end; number++) {
        char *line_end = memchr(line, '\n', (size_t)(end - line));
        line_end = line_end != NULL ? line_end : end;
        *line_end = '\0';
        if (strlen(line) != (size_t)(line_end - line))
            return status_set(error, FKV_INVALID_ARGUMENT, "line %zu has a zero byte", number);
        enum fkv_status status = parse_line(users, line, number, error);
        if (status != FKV_OK)
            return status;
        line = line_end + 1;
    }
    if (users->count == 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "there is no user in it, expected lines of USER:HASH");
    return FKV_OK;
}

enum fkv_status users_parse(const struct alloc *alloc, struct slice text, struct users **ret,
                            struct fkv_error *error)
{
    struct users *users = alloc_zero(alloc, sizeof *users);
    if (users == NULL)
        return status_no_memory(error, sizeof *users);
    users->alloc = alloc;
    atomic_init(&users->owners, 1);
    users->text = alloc_text(alloc, (const char *)text.data, text.size);
    users->items = alloc_array(alloc, count_lines(text), sizeof *users->items);
    users->ids = alloc_array(alloc, count_lines(text), sizeof *users->ids);
    enum fkv_status status = users->text != NULL && users->items != NULL && users->ids != NULL
                                 ? parse_lines(users, text.size, error)
                                 : status_no_memory(error, text.size);
    if (status != FKV_OK) {
        users_free(users);
        return status;
    }
    *ret = users;
    return FKV_OK;
}

struct users *users_ref(struct users *users)
{
    atomic_fetch_add(&users->owners, 1);
    return users;
}

void users_free(struct users *users)
{
    if (users == NULL || atomic_fetch_sub(&users->owners, 1) > 1)
        return;
    alloc_free(users->alloc, users->ids);
    alloc_free(users->alloc, users->items);
    alloc_free(users->alloc, users->text);
    alloc_free(users->alloc, users);
}

/* ---- the file ---- */

static enum fkv_status read_all(int fd, struct buf *ret, struct fkv_error *error)
{
    uint8_t bytes[4096];
    ssize_t size;
    while ((size = read(fd, bytes, sizeof bytes)) != 0) {
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return status_set(error, FKV_INVALID_ARGUMENT, "it can't be read: %s", strerror(errno));
        if (ret->size + (size_t)size > users_file_bytes_max)
            return status_set(error, FKV_INVALID_ARGUMENT, "it is longer than %d bytes, the limit",
                              users_file_bytes_max);
        if (!buf_append(ret, bytes, (size_t)size))
            return status_no_memory(error, (size_t)size);
    }
    return FKV_OK;
}

static enum fkv_status read_users(const struct alloc *alloc, int fd, struct users **ret,
                                  struct fkv_error *error)
{
    struct buf text;
    buf_init(&text, alloc, users_file_bytes_max);
    enum fkv_status status = read_all(fd, &text, error);
    if (status == FKV_OK)
        status = users_parse(alloc, buf_slice(&text), ret, error);
    buf_done(&text);
    return status;
}

enum fkv_status users_read(const struct alloc *alloc, const char *path, struct users **ret,
                           bool *ret_is_exposed, struct fkv_error *error)
{
    struct stat file;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return status_set(error, FKV_INVALID_ARGUMENT, "%s can't be opened: %s", path,
                          strerror(errno));
    enum fkv_status status = read_users(alloc, fd, ret, error);
    if (status != FKV_OK)
        status_prefix(error, status, "%s", path);
    else
        *ret_is_exposed = fstat(fd, &file) == 0 && (file.st_mode & (S_IROTH | S_IWOTH)) != 0;
    close(fd);
    return status;
}

/* ---- asking ---- */

size_t users_count(const struct users *users)
{
    return users->count;
}

static int compare_ids(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

void users_number(struct users *users, const struct users *before, uint64_t *next)
{
    for (size_t i = 0; i < users->count; i++) {
        struct user *user = &users->items[i];
        const struct user *old = before != NULL ? find_user(before, user->name) : NULL;
        bool is_same = old != NULL && strcmp(old->hash, user->hash) == 0;
        user->id = is_same ? old->id : (*next)++;
        users->ids[i] = user->id;
    }
    qsort(users->ids, users->count, sizeof *users->ids, compare_ids);
}

bool users_have(const struct users *users, uint64_t id)
{
    return bsearch(&id, users->ids, users->count, sizeof id, compare_ids) != NULL;
}

enum fkv_status users_check(const struct users *users, const char *name, const char *password,
                            uint64_t *ret_id, struct fkv_error *error)
{
    const struct user *user = find_user(users, name);
    const char *hash = user != NULL ? user->hash : users->items[0].hash;
    enum fkv_status status = password_check(users->alloc, hash, password, error);
    bool is_wrong = status == FKV_UNAUTHENTICATED || (status == FKV_OK && user == NULL);
    if (is_wrong)
        status = status_set(error, FKV_UNAUTHENTICATED, "the user's name or the password is wrong");
    if (status == FKV_OK)
        *ret_id = user->id;
    return status;
}
