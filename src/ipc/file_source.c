/* SPDX-License-Identifier: Apache-2.0 */
/* A message on disk:
 *
 *     ff ff ff ff   length (int32)   header, padded   body
 *     length (int32)   header, padded   body               before Arrow 0.15
 *
 * A length of 0, or the end of the bytes, ends the stream. */
#include "ipc/file_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"

/* What may be asked for at once on the word of a stream whose size isn't known. */
static const size_t trusted_bytes = (size_t)64 << 20;
static const uint32_t continuation = UINT32_MAX;

void file_source_init(struct file_source *source, const struct alloc *alloc, int fd,
                      const struct ipc_limits *limits)
{
    *source = (struct file_source){.alloc = alloc, .fd = fd, .limits = *limits, .size = UINT64_MAX};
    buf_init(&source->header, alloc, (size_t)limits->header_bytes_max);
    struct stat st;
    off_t base = lseek(fd, 0, SEEK_CUR);
    if (base >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        source->is_regular = true;
        source->base = base;
        source->size = st.st_size > base ? (uint64_t)(st.st_size - base) : 0;
        int seals = fcntl(fd, F_GET_SEALS);
        source->is_sealed =
            seals >= 0 && (seals & F_SEAL_WRITE) != 0 && (seals & F_SEAL_SHRINK) != 0;
    }
}

void file_source_done(struct file_source *source)
{
    buf_done(&source->header);
    block_unref(source->last);
    source->last = NULL;
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}

/* One read(2) or pread(2); waits where the descriptor doesn't. */
static ssize_t read_once(struct file_source *source, uint8_t *target, size_t size)
{
    for (;;) {
        ssize_t got = source->is_regular
                          ? pread(source->fd, target, size, source->base + (off_t)source->offset)
                          : read(source->fd, target, size);
        if (got >= 0)
            return got;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            poll(&(struct pollfd){.fd = source->fd, .events = POLLIN}, 1, -1);
        else if (errno != EINTR)
            return -1;
    }
}

static size_t take_ahead(struct file_source *source, uint8_t *target, size_t size)
{
    if (size > source->ahead_size)
        size = source->ahead_size;
    memcpy(target, source->ahead, size);
    source->ahead_size -= size;
    memmove(source->ahead, source->ahead + size, source->ahead_size);
    source->offset += size;
    return size;
}

/* As many of `size` bytes as there are. */
static enum fkv_status read_some(struct file_source *source, uint8_t *target, size_t size,
                                 size_t *ret, struct fkv_error *error)
{
    size_t used = take_ahead(source, target, size);
    while (used < size) {
        ssize_t got = read_once(source, target + used, size - used);
        if (got < 0)
            return status_set(error, FKV_UNAVAILABLE, "can't read at byte %llu: %s",
                              (unsigned long long)source->offset, strerror(errno));
        if (got == 0)
            break;
        used += (size_t)got;
        source->offset += (uint64_t)got;
    }
    *ret = used;
    return FKV_OK;
}

static enum fkv_status cut_off(const struct file_source *source, struct fkv_error *error)
{
    uint64_t end = source->is_regular ? source->size : source->offset;
    return status_set(error, FKV_INVALID_ARGUMENT,
                      "the data ends at byte %llu, in the middle of a message",
                      (unsigned long long)end);
}

/* How many bytes there can be from here on. */
static uint64_t left_in(const struct file_source *source)
{
    return source->offset < source->size ? source->size - source->offset : 0;
}

enum fkv_status file_source_peek(struct file_source *source, uint8_t *target, size_t size,
                                 size_t *ret, struct fkv_error *error)
{
    uint64_t offset = source->offset;
    size_t got;
    enum fkv_status status = read_some(source, target, size, &got, error);
    if (status != FKV_OK)
        return status;
    source->offset = offset;
    if (!source->is_regular) {
        memcpy(source->ahead, target, got);
        source->ahead_size = got;
    }
    *ret = got;
    return FKV_OK;
}

enum fkv_status file_source_read(struct file_source *source, uint8_t *target, size_t size,
                                 struct fkv_error *error)
{
    size_t got;
    if (size > left_in(source))
        return cut_off(source, error);
    enum fkv_status status = read_some(source, target, size, &got, error);
    if (status == FKV_OK && got < size)
        status = cut_off(source, error);
    return status;
}

enum fkv_status file_source_drain(struct file_source *source, uint8_t *tail, size_t size,
                                  struct fkv_error *error)
{
    enum { kept = 8 };
    uint8_t bytes[kept + 4096] = {0};
    size_t got;
    do {
        enum fkv_status status = read_some(source, bytes + kept, sizeof bytes - kept, &got, error);
        if (status != FKV_OK)
            return status;
        memmove(bytes, bytes + got, kept);
    } while (got > 0);
    memcpy(tail, bytes + kept - size, size);
    return FKV_OK;
}

/* The header's length; 0 at the end. */
static enum fkv_status read_length(struct file_source *source, uint32_t *ret,
                                   struct fkv_error *error)
{
    uint8_t word[4];
    size_t got;
    enum fkv_status status = read_some(source, word, sizeof word, &got, error);
    if (status != FKV_OK)
        return status;
    if (got == 0) {
        *ret = 0;
        return FKV_OK;
    }
    if (got < sizeof word)
        return cut_off(source, error);
    if (load_le32(word) == continuation) {
        status = file_source_read(source, word, sizeof word, error);
        if (status != FKV_OK)
            return status;
    }
    *ret = load_le32(word);
    return FKV_OK;
}

static enum fkv_status read_header(struct file_source *source, uint32_t length,
                                   struct fkv_error *error)
{
    if (length > source->limits.header_bytes_max)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "message header of %lu bytes at byte %llu: at most %llu are allowed",
                          (unsigned long)length, (unsigned long long)source->offset,
                          (unsigned long long)source->limits.header_bytes_max);
    if (length > left_in(source))
        return cut_off(source, error);
    buf_clear(&source->header);
    uint8_t *target = buf_extend(&source->header, length);
    if (target == NULL)
        return status_no_memory(error, length);
    return file_source_read(source, target, length, error);
}

/* A larger block with the bytes of *block, which it replaces. */
static bool grow(struct file_source *source, struct block **block, size_t used, size_t size)
{
    struct block *larger = block_new(source->alloc, size);
    if (larger == NULL)
        return false;
    memcpy(larger->data, (*block)->data, used);
    block_unref(*block);
    *block = larger;
    return true;
}

/* Where the size isn't known memory grows as the bytes come, whatever length is announced. */
static enum fkv_status read_into(struct file_source *source, struct block **block, size_t length,
                                 struct fkv_error *error)
{
    size_t used = 0;
    enum fkv_status status = FKV_OK;
    while (used < length && status == FKV_OK) {
        size_t room = (*block)->size - used;
        status = file_source_read(source, (*block)->data + used, room, error);
        used += room;
        if (status != FKV_OK || used == length)
            break;
        size_t larger = used > length / 2 ? length : used * 2;
        if (!grow(source, block, used, larger))
            status = status_no_memory(error, larger);
    }
    return status;
}

/* The last body's block for another one of about its size, else a new one. */
static struct block *take_block(struct file_source *source, size_t size)
{
    struct block *last = source->last;
    source->last = NULL;
    if (last != NULL && block_is_mine(last) && size <= source->last_size &&
        size >= source->last_size / 2) {
        last->size = size;
        return last;
    }
    block_unref(last);
    source->last_size = size;
    return block_new(source->alloc, size);
}

struct mapped {
    struct block block;
    void *pages;
    size_t size;
};

static void unmap(struct block *block)
{
    struct mapped *mapped = (struct mapped *)(void *)block;
    munmap(mapped->pages, mapped->size);
    alloc_free(mapped->block.alloc, mapped);
}

/* The next `length` bytes, which are there. */
static enum fkv_status map_body(struct file_source *source, size_t length, struct block **ret,
                                struct fkv_error *error)
{
    uint64_t offset = (uint64_t)source->base + source->offset;
    size_t distance = (size_t)(offset % (uint64_t)sysconf(_SC_PAGESIZE));
    struct mapped *mapped = alloc_zero(source->alloc, sizeof *mapped);
    if (mapped == NULL)
        return status_no_memory(error, sizeof *mapped);
    mapped->size = distance + length;
    mapped->pages = mmap(NULL, mapped->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, source->fd,
                         (off_t)(offset - distance));
    if (mapped->pages == MAP_FAILED) {
        alloc_free(source->alloc, mapped);
        return status_set(error, FKV_RESOURCE_EXHAUSTED, "can't map %zu bytes at byte %llu: %s",
                          length, (unsigned long long)source->offset, strerror(errno));
    }
    block_init(&mapped->block, (uint8_t *)mapped->pages + distance, length, unmap);
    mapped->block.alloc = source->alloc;
    source->offset += length;
    *ret = &mapped->block;
    return FKV_OK;
}

static enum fkv_status read_body(struct file_source *source, uint64_t length, struct block **ret,
                                 struct fkv_error *error)
{
    if (length == 0) {
        *ret = NULL;
        return FKV_OK;
    }
    if (length > left_in(source) || length > SIZE_MAX / 2)
        return cut_off(source, error);
    if (source->is_sealed)
        return map_body(source, (size_t)length, ret, error);
    size_t first = source->is_regular || length < trusted_bytes ? (size_t)length : trusted_bytes;
    struct block *block = take_block(source, first);
    if (block == NULL)
        return status_no_memory(error, first);
    enum fkv_status status = read_into(source, &block, (size_t)length, error);
    if (status != FKV_OK) {
        block_unref(block);
        return status;
    }
    if (length == first)
        source->last = block_ref(block);
    *ret = block;
    return FKV_OK;
}

enum fkv_status file_source_message(struct file_source *source, struct file_message *ret,
                                    bool *ret_is_end, struct fkv_error *error)
{
    uint64_t begin = source->offset;
    uint32_t length = 0;
    enum fkv_status status = read_length(source, &length, error);
    if (status != FKV_OK)
        return status;
    if (length == 0) {
        *ret_is_end = true;
        return FKV_OK;
    }
    status = read_header(source, length, error);
    struct ipc_message message;
    if (status == FKV_OK)
        status = ipc_message_decode(buf_slice(&source->header), &source->limits, &message, error);
    struct block *body = NULL;
    if (status == FKV_OK)
        status = read_body(source, (uint64_t)message.body_length, &body, error);
    if (status != FKV_OK)
        return status;
    *ret = (struct file_message){
        .header = buf_slice(&source->header), .body = body, .size = source->offset - begin};
    *ret_is_end = false;
    return FKV_OK;
}
