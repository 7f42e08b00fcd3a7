/* SPDX-License-Identifier: Apache-2.0 */
/* Messages whose structure is right and whose values lie: what the reader lets through must not
 * lead a consumer who follows every value out of any buffer. The gaps between the buffers of a body
 * are poisoned, so that the address sanitizer sees the first byte too far. */
#include "tables.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum { rows_max = 300 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* One of the message's buffers that has bytes. */
static struct ipc_buffer some_buffer(const struct ipc_message *message, uint64_t *random)
{
    uint32_t count = message->buffer_count;
    for (uint32_t i = 0; i < 50 && count > 0; i++) {
        uint32_t index = (uint32_t)(next_random(random) % count);
        struct ipc_buffer buffer = ipc_message_buffer(message, index);
        if (buffer.length > 0)
            return buffer;
    }
    return (struct ipc_buffer){0, 0};
}

/* Makes a number in the buffer another one: a little off, negative, or huge. */
static void spoil(struct block *body, const struct ipc_message *message, uint64_t *random)
{
    static const int64_t added[] = {1, -1, 2, 7, 64, -64, 256, INT16_MAX, INT32_MAX, INT32_MIN};
    struct ipc_buffer buffer = some_buffer(message, random);
    size_t width = (size_t)1 << next_random(random) % 4, value = 0;
    if ((size_t)buffer.length < width)
        return;
    size_t index = next_random(random) % ((size_t)buffer.length / width);
    uint8_t *at = body->data + buffer.offset + index * width;
    memcpy(&value, at, width);
    value += (size_t)added[next_random(random) % (sizeof added / sizeof added[0])];
    memcpy(at, &value, width);
}

/* Forbids all of the body but its buffers. */
static void guard(struct block *body, const struct ipc_message *message)
{
    ASAN_POISON_MEMORY_REGION(body->data, body->size);
    for (uint32_t i = 0; i < message->buffer_count; i++) {
        struct ipc_buffer buffer = ipc_message_buffer(message, i);
        ASAN_UNPOISON_MEMORY_REGION(body->data + buffer.offset, (size_t)buffer.length);
    }
}

/* Reads all messages, number `victim` spoiled, and follows the values of every batch that comes
 * out. Gives how many did. */
static int read_spoiled(const struct table_messages *m, size_t victim, uint64_t *random,
                        struct buf *text)
{
    struct fkv_error error = {0};
    struct block *bodies[table_messages_max] = {0};
    struct ipc_reader *reader =
        ipc_reader_new(alloc_system(), &IPC_LIMITS_DEFAULT, IPC_READER_CHECK_VALUES);
    struct ArrowSchema schema = {.release = NULL};
    enum fkv_status status = FKV_OK;
    int batches = 0;
    for (size_t i = 0; i < m->count && status == FKV_OK; i++) {
        struct ipc_message message;
        struct ArrowArray array;
        bool is_batch = false;
        assert_ok(ipc_message_decode(m->headers[i], &IPC_LIMITS_DEFAULT, &message, &error));
        bodies[i] = block_new(alloc_system(), m->bodies[i]->size);
        memcpy(bodies[i]->data, m->bodies[i]->data, m->bodies[i]->size);
        if (i == victim)
            spoil(bodies[i], &message, random);
        guard(bodies[i], &message);
        status = ipc_reader_message(reader, m->headers[i], bodies[i], &is_batch, &array, &error);
        if (status == FKV_OK && i == 0)
            status = ipc_reader_schema(reader, &schema, &error);
        if (status == FKV_OK && is_batch) {
            batches++;
            arrow_array_text(text, &schema, &array, rows_max);
            array.release(&array);
        }
    }
    ipc_reader_free(reader);
    for (size_t i = 0; i < m->count && bodies[i] != NULL; i++) {
        ASAN_UNPOISON_MEMORY_REGION(bodies[i]->data, bodies[i]->size);
        block_unref(bodies[i]);
    }
    if (schema.release != NULL)
        schema.release(&schema);
    return batches;
}

/* The table at `path` with room between its buffers. */
static bool open_spaced(const char *path, struct table_messages *m)
{
    struct fkv_error error = {0};
    struct ipc_writer_options options = {
        .codec = IPC_CODEC_NONE, .alignment = 64, .dictionary_deltas = true};
    int fd;
    enum fkv_status status = table_copy(alloc_system(), open(path, O_RDONLY | O_CLOEXEC),
                                        IPC_FILE_STREAM, &options, &fd, &error);
    if (status == FKV_UNIMPLEMENTED) /* big-endian */
        return false;
    assert_int_equal(status, FKV_OK);
    table_messages_init(m, table_load_fd(fd));
    close(fd);
    return true;
}

static void spoil_table(const char *path)
{
    struct table_messages m;
    struct buf text;
    if (!open_spaced(path, &m))
        return;
    uint64_t random = 0x9e3779b97f4a7c15 + m.bytes.size;
    const char *rounds = getenv("FKV_MUTATIONS");
    int count = rounds != NULL ? (int)strtol(rounds, NULL, 10) : 60, whole = 0;
    buf_init(&text, alloc_system(), 1 << 20);
    int batches = read_spoiled(&m, SIZE_MAX, &random, &text);
    for (int i = 0; i < count; i++) {
        buf_clear(&text);
        whole += read_spoiled(&m, next_random(&random) % m.count, &random, &text) == batches;
    }
    assert_true(whole > 0 || count == 0); /* not everything that is spoiled is dangerous */
    buf_done(&text);
    table_messages_done(&m);
}

static void never_leads_out_of_buffers(void **state)
{
    (void)state;
    assert_true(table_each("tests/golden/ipc", ".stream", spoil_table) > 0);
    table_each("tests/golden/valid", ".stream", spoil_table);
    table_each(table_golden(), ".stream", spoil_table);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(never_leads_out_of_buffers));
}
