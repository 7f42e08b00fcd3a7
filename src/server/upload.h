/* SPDX-License-Identifier: Apache-2.0 */
/* The receiving half of DoPut and DoExchange: FlightData in, verified message by message, its
 * bodies received in the table's own memory, or copied there once; stored at the commit, whole or
 * not at all. The functions that take a message are for the members of the same name of a
 * host_stream. */
#ifndef SERVER_UPLOAD_H
#define SERVER_UPLOAD_H

#include "ipc/verify.h"
#include "server/append.h"
#include "server/cache.h"

struct upload {
    struct cache *cache;
    const struct alloc *alloc;
    struct ipc_verifier *verifier;
    struct store_put *store;
    struct store_table *table; /* once committed */
    struct buf key;
    struct ipc_message message; /* the current one; kind 0 when it has no header */
    uint8_t *body;
    uint64_t messages;
    uint64_t first;   /* once committed: index in the table of the upload's first message */
    bool is_verified; /* to its end */
    bool is_append;
    bool is_exchange; /* for errors; set after upload_init */
    struct append append;
};

/* upload_done also when this fails. */
enum fkv_status upload_init(struct upload *upload, struct cache *cache, const struct alloc *alloc,
                            bool is_append, struct fkv_error *error);
void upload_done(struct upload *upload);

enum fkv_status upload_on_body(struct upload *upload, const struct flight_data_reader *data,
                               uint64_t size, struct fkv_error *error);
enum fkv_status upload_on_body_bytes(struct upload *upload, struct slice bytes,
                                     struct fkv_error *error);
uint8_t *upload_target(struct upload *upload, size_t *size);
enum fkv_status upload_on_message_end(struct upload *upload, struct fkv_error *error);

/* At the end: `table` is there, and etag in the call's trailing metadata. */
enum fkv_status upload_commit(struct upload *upload, struct host_call *call,
                              struct fkv_error *error);

/* After the commit: the table, whose reference goes to the caller. */
struct store_table *upload_take(struct upload *upload);

/* Whether the schema has come. */
bool upload_has_schema(const struct upload *upload);

/* The upload's messages so far, before and after the commit; fewer when one was taken back. */
uint64_t upload_count(const struct upload *upload);
struct store_message upload_at(const struct upload *upload, uint64_t index);

/* Names the key in an error; for what goes wrong once it is known. */
enum fkv_status upload_name_key(const struct upload *upload, enum fkv_status status,
                                struct fkv_error *error);

#endif
