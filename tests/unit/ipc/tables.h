/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and files as test data: where they lie, descriptors of them, their text. */
#ifndef TEST_IPC_TABLES_H
#define TEST_IPC_TABLES_H

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arrow_text.h"
#include "harness/test.h"
#include "ipc/file.h"

#define TABLES_EVERY_TYPE "tests/golden/ipc/every_type.stream"

/* A regular file in memory that holds `bytes`, read from its begin. */
static inline int table_fd(struct slice bytes)
{
    int fd = memfd_create("table", MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    for (size_t done = 0; done < bytes.size;) {
        ssize_t size = write(fd, bytes.data + done, bytes.size - done);
        assert_true(size > 0);
        done += (size_t)size;
    }
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* The same, so that it is mapped instead of read. */
static inline int table_sealed_fd(struct slice bytes)
{
    int fd = table_fd(bytes);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK), 0);
    return fd;
}

/* All of a file; to be given to free. */
static inline struct slice table_load_fd(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    assert_non_null(bytes);
    assert_int_equal(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
    return slice_of(bytes, (size_t)st.st_size);
}

static inline struct slice table_load(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("can't open %s", path);
    struct slice bytes = table_load_fd(fd);
    close(fd);
    return bytes;
}

/* The text of a stream's schema and of at most `rows_max` rows of each batch; takes it over. */
static inline enum fkv_status table_text(struct ArrowArrayStream *stream, int64_t rows_max,
                                         struct buf *out)
{
    struct ArrowSchema schema;
    struct ArrowArray array;
    int code = stream->get_schema(stream, &schema);
    if (code == 0) {
        arrow_schema_text(out, &schema);
        while ((code = stream->get_next(stream, &array)) == 0 && array.release != NULL) {
            buf_printf(out, "batch of %lld\n", (long long)array.length);
            arrow_array_text(out, &schema, &array, rows_max);
            array.release(&array);
        }
        schema.release(&schema);
    }
    const struct fkv_error *error = ipc_stream_error(stream);
    enum fkv_status status = error != NULL ? error->status : FKV_OK;
    assert_true((code == 0) == (status == FKV_OK));
    stream->release(stream);
    return status;
}

/* Reads what `fd` gives (closed) and writes its text. */
static inline enum fkv_status table_read(const struct alloc *alloc, int fd, int64_t rows_max,
                                         struct buf *out, struct fkv_error *error)
{
    struct ArrowArrayStream stream;
    enum fkv_status status = ipc_file_read(alloc, fd, &IPC_LIMITS_DEFAULT, &stream, error);
    return status == FKV_OK ? table_text(&stream, rows_max, out) : status;
}

/* Reads what `fd` gives (closed) and writes it into *ret_fd, a file in memory, begin to be read. */
static inline enum fkv_status table_copy(const struct alloc *alloc, int fd,
                                         enum ipc_file_format format,
                                         const struct ipc_writer_options *options, int *ret_fd,
                                         struct fkv_error *error)
{
    struct ArrowArrayStream stream;
    enum fkv_status status = ipc_file_read(alloc, fd, &IPC_LIMITS_DEFAULT, &stream, error);
    if (status != FKV_OK)
        return status;
    struct ipc_write_result result;
    int target = table_fd(slice_of("", 0));
    status = ipc_file_write(alloc, &stream, target, format, options, NULL, NULL, &result, error);
    if (status != FKV_OK) {
        close(target);
        return status;
    }
    assert_int_equal(lseek(target, 0, SEEK_CUR), result.bytes);
    assert_int_equal(lseek(target, 0, SEEK_SET), 0);
    *ret_fd = target;
    return FKV_OK;
}

/* Calls `visit` for the files of a folder whose names end like this, and of the folders in it.
 * Gives their number. */
static inline size_t table_each(const char *folder, const char *ending,
                                void (*visit)(const char *path))
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        size_t size = strlen(path), end = strlen(ending);
        if (entry->d_name[0] == '.')
            continue;
        struct stat st;
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            count += table_each(path, ending, visit);
        } else if (size >= end && strcmp(path + size - end, ending) == 0) {
            visit(path);
            count++;
        }
    }
    if (dir != NULL)
        closedir(dir);
    return count;
}

enum { table_messages_max = 200 };

/* A stream's messages, each with its body in a block of its own. */
struct table_messages {
    struct slice bytes;
    struct slice headers[table_messages_max];
    struct block *bodies[table_messages_max];
    size_t count;
};

/* Takes the bytes over. */
static inline void table_messages_init(struct table_messages *m, struct slice bytes)
{
    struct fkv_error error = {0};
    *m = (struct table_messages){.bytes = bytes};
    struct slice rest = m->bytes;
    while (rest.size >= 8 && load_le32(rest.data + 4) != 0) {
        struct ipc_message message;
        assert_true(m->count < table_messages_max);
        uint32_t length = load_le32(slice_take(&rest, 8).data + 4);
        struct slice header = slice_take(&rest, length);
        assert_ok(ipc_message_decode(header, &IPC_LIMITS_DEFAULT, &message, &error));
        struct slice body = slice_take(&rest, (size_t)message.body_length);
        m->headers[m->count] = header;
        m->bodies[m->count] = block_new(alloc_system(), body.size);
        memcpy(m->bodies[m->count++]->data, body.data, body.size);
    }
}

static inline void table_messages_done(struct table_messages *m)
{
    for (size_t i = 0; i < m->count; i++)
        block_unref(m->bodies[i]);
    free((void *)(uintptr_t)m->bytes.data);
}

/* Golden files of Arrow's own, where they are at hand. */
static inline const char *table_golden(void)
{
    const char *folder = getenv("FKV_GOLDEN");
    return folder != NULL ? folder : "../shared/golden";
}

#endif
