/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that a server says lie in shared memory, and a server that lies about them. */
#include "harness/test.h"

#include "exchange/incoming.h"
#include "flight/body_refs.h"
#include "harness/ipc_stream.h"
#include "ipc/message.h"

static struct fkv_error error;

enum { map_bytes = 1 << 16 };

static enum fkv_status get_block(void *context, size_t size, struct block **ret,
                                 struct fkv_error *why)
{
    (void)context;
    *ret = block_new(alloc_system(), size);
    return *ret != NULL ? FKV_OK : status_no_memory(why, size);
}

static const struct exchange_memory memory = {.get = get_block};

/* The first batch of a stream whose schema `incoming` has been given. */
struct batch {
    struct buf file;
    struct slice header, body;
    struct ipc_message message;
};

static void make_data(struct slice header, struct flight_data_reader *data)
{
    *data = (struct flight_data_reader){.has_header = true};
    buf_init(&data->header, alloc_system(), SIZE_MAX);
    assert_true(buf_append(&data->header, header.data, header.size));
}

static enum fkv_status end(struct exchange_incoming *incoming, struct slice header,
                           struct ArrowArray *ret)
{
    struct flight_data_reader data;
    enum exchange_kind kind;
    make_data(header, &data);
    ret->release = NULL;
    enum fkv_status status = exchange_incoming_message(incoming, &data, &kind, ret, &error);
    buf_done(&data.header);
    return status;
}

static void open_batch(struct exchange_incoming *incoming, struct batch *ret)
{
    struct ArrowArray none;
    struct slice rest;
    exchange_incoming_init(incoming, alloc_system(), &memory, &IPC_LIMITS_DEFAULT,
                           IPC_READER_CHECK_VALUES);
    assert_true(ipc_stream_load("tests/golden/valid/primitive.stream", &ret->file));
    rest = buf_slice(&ret->file);
    assert_true(ipc_stream_next(&rest, &ret->header));
    assert_ok(exchange_incoming_body(incoming, slice_of(NULL, 0), 0, &error));
    assert_ok(end(incoming, ret->header, &none));
    assert_true(ipc_stream_next(&rest, &ret->header));
    assert_ok(ipc_message_decode(ret->header, &IPC_LIMITS_DEFAULT, &ret->message, &error));
    ret->body = slice_take(&rest, (size_t)ret->message.body_length);
    assert_true(ret->body.size > 0 && ret->body.size < map_bytes);
}

static void add(struct buf *refs, uint64_t body_offset, uint64_t arena_offset, uint64_t size)
{
    assert_true(flight_refs_add(refs, &(struct flight_ref){body_offset, arena_offset, size}));
}

/* The next bytes, at most `step`; at an even step, those that have a place are written there. */
static enum fkv_status take_some(struct exchange_incoming *incoming, struct slice *rest,
                                 size_t step)
{
    size_t size = step < rest->size ? step : rest->size;
    if (step % 2 != 0)
        return exchange_incoming_bytes(incoming, slice_take(rest, size), &error);
    uint8_t *target = exchange_incoming_target(incoming, &size);
    assert_non_null(target);
    struct slice bytes = slice_take(rest, size);
    memcpy(target, bytes.data, bytes.size);
    return exchange_incoming_bytes(incoming, slice_of(target, bytes.size), &error);
}

/* Every second buffer in shared memory, the rest as bytes that come in pieces of `step`. */
static void a_body_comes_half_and_half(void **state)
{
    (void)state;
    for (size_t step = 1; step < 100; step += 13) {
        struct exchange_incoming incoming;
        struct batch batch;
        struct ArrowArray array;
        struct buf refs, bytes;
        struct block *map = block_new(alloc_system(), map_bytes);
        open_batch(&incoming, &batch);
        exchange_incoming_share(&incoming, block_slice(map), map);
        buf_init(&refs, alloc_system(), SIZE_MAX);
        buf_init(&bytes, alloc_system(), SIZE_MAX);
        uint64_t at = 0, place_in_map = 128;
        for (uint32_t i = 0; i < batch.message.buffer_count; i += 2) {
            struct ipc_buffer place = ipc_message_buffer(&batch.message, i);
            if (place.length == 0)
                continue;
            assert_true(buf_append(&bytes, batch.body.data + at, (size_t)place.offset - at));
            memcpy(map->data + place_in_map, batch.body.data + place.offset, (size_t)place.length);
            add(&refs, (uint64_t)place.offset, place_in_map, (uint64_t)place.length);
            place_in_map += ((uint64_t)place.length + 63) / 64 * 64;
            at = (uint64_t)(place.offset + place.length);
        }
        assert_true(buf_append(&bytes, batch.body.data + at, batch.body.size - at));
        assert_ok(exchange_incoming_body(&incoming, buf_slice(&refs), bytes.size, &error));
        struct slice rest = buf_slice(&bytes);
        while (rest.size > 0)
            assert_ok(take_some(&incoming, &rest, step));
        assert_ok(end(&incoming, batch.header, &array));
        assert_int_equal(array.length, batch.message.rows);
        exchange_incoming_done(&incoming);
        assert_false(block_is_mine(map)); /* the array keeps it */
        array.release(&array);
        assert_true(block_is_mine(map));
        block_unref(map);
        buf_done(&refs);
        buf_done(&bytes);
        buf_done(&batch.file);
    }
}

static void lies_about_places_are_refused(void **state)
{
    (void)state;
    struct exchange_incoming incoming;
    struct batch batch;
    struct ArrowArray array;
    struct block *map = block_new(alloc_system(), map_bytes);
    memset(map->data, 0, map_bytes);
    uint64_t size = 0;
    for (int i = 0; i < 8; i++) {
        struct buf refs;
        open_batch(&incoming, &batch);
        size = batch.body.size;
        buf_init(&refs, alloc_system(), SIZE_MAX);
        if (i != 0)
            exchange_incoming_share(&incoming, block_slice(map), map);
        switch (i) {
        case 0: /* nothing was shared */
            add(&refs, 0, 0, size);
            break;
        case 1: /* behind the map */
            add(&refs, 0, map_bytes - size + 1, size);
            break;
        case 2: /* longer than the header says */
            add(&refs, 0, 0, size + 8);
            break;
        case 3: /* shorter */
            add(&refs, 0, 0, size - 8);
            break;
        case 4: /* a buffer is torn */
            add(&refs, 0, 0, 3);
            add(&refs, 3, 64, size - 3);
            break;
        case 5: /* with a hole */
            add(&refs, 8, 0, size - 8);
            break;
        case 6: /* not a list */
            assert_true(buf_byte(&refs, 1));
            break;
        case 7: /* far away */
            add(&refs, UINT64_MAX - 8, 0, 8);
            break;
        }
        enum fkv_status status = exchange_incoming_body(&incoming, buf_slice(&refs), 0, &error);
        if (status == FKV_OK)
            status = end(&incoming, batch.header, &array);
        assert_int_equal(status, FKV_INVALID_ARGUMENT);
        exchange_incoming_done(&incoming);
        buf_done(&refs);
        buf_done(&batch.file);
        assert_true(block_is_mine(map));
    }
    block_unref(map);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(a_body_comes_half_and_half),
              cmocka_unit_test(lies_about_places_are_refused));
}
