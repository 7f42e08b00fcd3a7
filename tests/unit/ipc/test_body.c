/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in parts: finding bytes in them, and reading record batches from them. */
#include "tables.h"

#include "ipc/body.h"

static struct fkv_error error;

static void bytes_are_found_where_they_are(void **state)
{
    (void)state;
    uint8_t whole[100], elsewhere[100];
    struct block own, theirs;
    block_init(&own, whole, sizeof whole, NULL);
    block_init(&theirs, elsewhere, sizeof elsewhere, NULL);
    const struct ipc_body_part parts[] = {{10, {elsewhere, 20}}, {30, {elsewhere + 50, 10}}};
    struct ipc_body body = ipc_body_of_block(&own);
    body.parts = parts;
    body.part_count = 2;
    body.parts_owner = &theirs;
    const struct {
        uint64_t offset, size;
        const uint8_t *where; /* NULL: not in one piece */
    } rows[] = {{0, 10, whole},          {0, 11, NULL},
                {9, 1, whole + 9},       {10, 20, elsewhere},
                {10, 21, NULL},          {29, 1, elsewhere + 19},
                {29, 2, NULL},           {30, 10, elsewhere + 50},
                {39, 1, elsewhere + 59}, {39, 2, NULL},
                {40, 60, whole + 40},    {99, 1, whole + 99},
                {40, 61, NULL},          {100, 1, NULL},
                {0, UINT64_MAX, NULL},   {50, UINT64_MAX, NULL},
                {UINT64_MAX, 1, NULL},   {12, 3, elsewhere + 2}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slice found;
        struct block *owner;
        bool is_found = ipc_body_find(&body, rows[i].offset, rows[i].size, &found, &owner);
        assert_int_equal(is_found, rows[i].where != NULL);
        if (!is_found)
            continue;
        assert_ptr_equal(found.data, rows[i].where);
        assert_int_equal(found.size, rows[i].size);
        assert_ptr_equal(owner,
                         found.data >= elsewhere && found.data < elsewhere + 100 ? &theirs : &own);
    }
    body.bytes = slice_of(NULL, 0); /* parts are all there is */
    struct slice found;
    struct block *owner;
    assert_true(ipc_body_find(&body, 10, 20, &found, &owner));
    assert_false(ipc_body_find(&body, 0, 10, &found, &owner));
}

/* The body with each buffer of more than 8 bytes in a part, `shift` bytes off a multiple of 64. */
struct scattered {
    struct block *memory;
    struct buf parts;
    struct ipc_body body;
};

static void scatter(struct scattered *s, const struct ipc_message *message, struct block *body,
                    size_t shift)
{
    size_t used = 0, size = body->size + (message->buffer_count + 1) * 128;
    s->memory = block_new(alloc_system(), size);
    memset(s->memory->data, 0x5a, size);
    buf_init(&s->parts, alloc_system(), SIZE_MAX);
    for (uint32_t i = 0; i < message->buffer_count; i++) {
        struct ipc_buffer place = ipc_message_buffer(message, i);
        if (place.length <= 8)
            continue;
        uint8_t *target = s->memory->data + used + shift;
        memcpy(target, body->data + place.offset, (size_t)place.length);
        const struct ipc_body_part part = {(uint64_t)place.offset,
                                           slice_of(target, (size_t)place.length)};
        assert_true(buf_append(&s->parts, &part, sizeof part));
        used += ((size_t)place.length + shift + 63) / 64 * 64;
    }
    s->body = ipc_body_of_block(body);
    s->body.parts = (const void *)s->parts.data;
    s->body.part_count = s->parts.size / sizeof(struct ipc_body_part);
    s->body.parts_owner = s->memory;
}

static void scattered_done(struct scattered *s)
{
    buf_done(&s->parts);
    block_unref(s->memory);
}

static void read_as_text(const struct table_messages *m, bool is_scattered, size_t shift,
                         struct buf *ret)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray array;
    bool is_batch = false;
    struct ipc_reader *reader =
        ipc_reader_new(alloc_system(), &IPC_LIMITS_DEFAULT, IPC_READER_CHECK_VALUES);
    buf_init(ret, alloc_system(), 64 << 20);
    for (size_t i = 0; i < m->count; i++) {
        struct ipc_message message;
        struct scattered s;
        if (!is_scattered || m->bodies[i] == NULL) {
            assert_ok(
                ipc_reader_message(reader, m->headers[i], m->bodies[i], &is_batch, &array, &error));
        } else {
            assert_ok(ipc_message_decode(m->headers[i], &IPC_LIMITS_DEFAULT, &message, &error));
            scatter(&s, &message, m->bodies[i], shift);
            assert_ok(ipc_reader_parts(reader, m->headers[i], &s.body, &is_batch, &array, &error));
            scattered_done(&s);
        }
        if (i == 0)
            assert_ok(ipc_reader_schema(reader, &schema, &error));
        if (is_batch) {
            arrow_array_text(ret, &schema, &array, 100);
            array.release(&array);
        }
    }
    schema.release(&schema);
    ipc_reader_free(reader);
}

/* Every type, dictionaries and compression, whether the parts are aligned or not. */
static void batches_are_read_from_parts(void **state)
{
    (void)state;
    static const char *const paths[] = {TABLES_EVERY_TYPE, "tests/golden/ipc/replaced.stream"};
    for (size_t p = 0; p < 2; p++) {
        struct table_messages m;
        struct buf expected;
        table_messages_init(&m, table_load(paths[p]));
        read_as_text(&m, false, 0, &expected);
        assert_true(expected.size > 100);
        for (size_t shift = 0; shift < 9; shift++) {
            struct buf found;
            read_as_text(&m, true, shift, &found);
            assert_true(slice_equal(buf_slice(&expected), buf_slice(&found)));
            buf_done(&found);
        }
        buf_done(&expected);
        table_messages_done(&m);
    }
}

/* A buffer that begins in one part and ends in another, or isn't in any. */
static void torn_buffers_are_refused(void **state)
{
    (void)state;
    struct table_messages m;
    struct ArrowArray array;
    bool is_batch = false;
    table_messages_init(&m, table_load(TABLES_EVERY_TYPE));
    for (int is_bare = 0; is_bare < 2; is_bare++) {
        struct ipc_reader *reader = ipc_reader_new(alloc_system(), &IPC_LIMITS_DEFAULT, 0);
        enum fkv_status status = FKV_OK;
        for (size_t i = 0; i < m.count && status == FKV_OK; i++) {
            struct ipc_body body = ipc_body_of_block(m.bodies[i]);
            struct ipc_body_part halves[2] = {{0, {body.bytes.data, 33}}};
            if (m.bodies[i] != NULL && body.size > 64) {
                halves[1] =
                    (struct ipc_body_part){33, {body.bytes.data + 33, (size_t)body.size - 33}};
                body.parts = halves;
                body.part_count = 2;
                body.parts_owner = m.bodies[i];
                if (is_bare != 0) {
                    body.part_count = 0;
                    body.bytes = slice_of(NULL, 0);
                }
            }
            is_batch = false;
            status = ipc_reader_parts(reader, m.headers[i], &body, &is_batch, &array, &error);
            if (status == FKV_OK && is_batch)
                array.release(&array);
        }
        assert_int_equal(status, FKV_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "one piece"));
        ipc_reader_free(reader);
    }
    table_messages_done(&m);
}

/* ---- memory that another process changes ---- */

/* Spoils the parts at the n-th allocation: the reader asks for memory between its looks at them. */
struct spoiler {
    struct alloc alloc;
    struct block *memory; /* NULL: nothing to be spoilt */
    size_t requests, spoil_at;
};

static void spoil(struct spoiler *s)
{
    if (s->memory == NULL || ++s->requests != s->spoil_at)
        return;
    for (size_t at = 0; at < s->memory->size; at++)
        s->memory->data[at] ^= 0x15;
}

static void *spoiling_resize(void *context, void *pointer, size_t size)
{
    spoil(context);
    return alloc_resize(alloc_system(), pointer, size);
}

static void *spoiling_aligned(void *context, size_t alignment, size_t size)
{
    spoil(context);
    return alloc_aligned(alloc_system(), alignment, size);
}

static void spoiling_free(void *context, void *pointer)
{
    (void)context;
    alloc_free(alloc_system(), pointer);
}

/* Reads up to the message, which is spoilt meanwhile. */
static enum fkv_status read_spoilt(const struct table_messages *m, size_t index,
                                   struct spoiler *spoiler, size_t spoil_at)
{
    struct ArrowArray array;
    struct ipc_message message;
    struct scattered s;
    bool is_batch = false;
    *spoiler = (struct spoiler){
        .alloc = {spoiling_resize, spoiling_free, spoiling_aligned, spoiler}, .spoil_at = spoil_at};
    struct ipc_reader *reader = ipc_reader_new(&spoiler->alloc, &IPC_LIMITS_DEFAULT, 0);
    for (size_t i = 0; i < index; i++) {
        assert_ok(
            ipc_reader_message(reader, m->headers[i], m->bodies[i], &is_batch, &array, &error));
        if (is_batch)
            array.release(&array);
    }
    assert_ok(ipc_message_decode(m->headers[index], &IPC_LIMITS_DEFAULT, &message, &error));
    scatter(&s, &message, m->bodies[index], 0);
    spoiler->memory = s.memory;
    is_batch = false;
    enum fkv_status status =
        ipc_reader_parts(reader, m->headers[index], &s.body, &is_batch, &array, &error);
    spoiler->memory = NULL;
    if (status == FKV_OK && is_batch)
        array.release(&array);
    ipc_reader_free(reader);
    scattered_done(&s);
    return status;
}

/* From when its own copy is made on, what the other does is of no consequence. */
static void compressed_parts_are_looked_at_once(void **state)
{
    (void)state;
    struct table_messages m;
    struct spoiler spoiler;
    size_t compressed = 0;
    table_messages_init(&m, table_load("tests/golden/valid/lz4.stream"));
    for (size_t i = 0; i < m.count; i++) {
        struct ipc_message message;
        assert_ok(ipc_message_decode(m.headers[i], &IPC_LIMITS_DEFAULT, &message, &error));
        if (message.codec == IPC_CODEC_NONE || m.bodies[i] == NULL || m.bodies[i]->size < 1000)
            continue;
        compressed++;
        size_t refused = 0, n = 0;
        do {
            enum fkv_status status = read_spoilt(&m, i, &spoiler, ++n);
            refused += status != FKV_OK;
            assert_true(status == FKV_OK || refused == n);
        } while (spoiler.requests >= n);
        assert_true(refused <= 2 && n > 5);
    }
    assert_true(compressed > 0);
    table_messages_done(&m);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(bytes_are_found_where_they_are),
              cmocka_unit_test(batches_are_read_from_parts),
              cmocka_unit_test(torn_buffers_are_refused),
              cmocka_unit_test(compressed_parts_are_looked_at_once));
}
