/* SPDX-License-Identifier: Apache-2.0 */
/* What one side of a call receives: FlightData to record batches, each body in a block of its own,
 * of which the arrays are views, or in memory shared with the other side. Fed from what
 * flight_data.h hands on; used in one thread. */
#ifndef EXCHANGE_INCOMING_H
#define EXCHANGE_INCOMING_H

#include "flight/flight_data.h"
#include "ipc/reader.h"

/* Where blocks for bodies come from. */
struct exchange_memory {
    /* `size` is not 0. */
    enum fkv_status (*get)(void *context, size_t size, struct block **ret, struct fkv_error *error);
    /* Precedes writing to the first `bytes` bytes; NULL: all of a block may be written at once. */
    enum fkv_status (*fill)(void *context, struct block *block, size_t bytes,
                            struct fkv_error *error);
    void *context;
};

struct exchange_incoming {
    const struct alloc *alloc;
    struct exchange_memory memory;
    struct ipc_limits limits;
    unsigned reader_flags;
    struct ipc_reader *reader; /* NULL until the first IPC message, unless one was given */
    struct block *body;        /* of the current message; NULL: none */
    size_t filled;             /* how far in the body the next bytes go */
    uint64_t body_size;
    bool has_schema;

    /* On the same-host path. */
    struct slice shared; /* memory that bodies may lie in; size 0: none */
    struct block *shared_owner;
    struct buf parts; /* of the current message: struct ipc_body_part */
    size_t next_part; /* the next one behind `filled` */
};

enum exchange_kind {
    EXCHANGE_SCHEMA, /* exchange_incoming_schema has it from now on */
    EXCHANGE_BATCH,
    EXCHANGE_METADATA, /* only app_metadata */
    EXCHANGE_NOTHING,  /* a dictionary; a descriptor */
};

/* `reader_flags` as ipc_reader_new takes them. */
void exchange_incoming_init(struct exchange_incoming *incoming, const struct alloc *alloc,
                            const struct exchange_memory *memory, const struct ipc_limits *limits,
                            unsigned reader_flags);
void exchange_incoming_done(struct exchange_incoming *incoming);

/* A reader of before, restarted, that may know the schema to come; taken over. And the way back,
 * when all is read, or nothing more will be: NULL when there was none. */
void exchange_incoming_give_reader(struct exchange_incoming *incoming, struct ipc_reader *reader);
struct ipc_reader *exchange_incoming_take_reader(struct exchange_incoming *incoming);

/* Bodies may from now on lie in these bytes, which `owner` keeps. */
void exchange_incoming_share(struct exchange_incoming *incoming, struct slice bytes,
                             struct block *owner);

/* A body begins of which `size` bytes come, and others are where `refs` says (body_refs.h). */
enum fkv_status exchange_incoming_body(struct exchange_incoming *incoming, struct slice refs,
                                       uint64_t size, struct fkv_error *error);
enum fkv_status exchange_incoming_bytes(struct exchange_incoming *incoming, struct slice bytes,
                                        struct fkv_error *error);

/* Where the body's next bytes are wanted; see struct wire_receiver. */
uint8_t *exchange_incoming_target(struct exchange_incoming *incoming, size_t *size);

/* The message is complete. For EXCHANGE_BATCH *ret_array is filled, and the caller's to release. */
enum fkv_status exchange_incoming_message(struct exchange_incoming *incoming,
                                          const struct flight_data_reader *data,
                                          enum exchange_kind *ret, struct ArrowArray *ret_array,
                                          struct fkv_error *error);

enum fkv_status exchange_incoming_schema(const struct exchange_incoming *incoming,
                                         struct ArrowSchema *ret, struct fkv_error *error);

/* All messages have come: whether something was missing. */
enum fkv_status exchange_incoming_end(struct exchange_incoming *incoming, struct fkv_error *error);

#endif
