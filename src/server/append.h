/* SPDX-License-Identifier: Apache-2.0 */
/* What a put that appends does beside a plain one: its schema must mean what the table's means, its
 * dictionaries get the table's ids, and those that the table has in force already are dropped.
 *
 *     at the schema          append_begin: what is under the key is the base, if anything is
 *     a dictionary's header  append_header: under the table's id
 *     a dictionary's end     append_settle: dropped, if it is the one in force
 *     at the end             append_commit: once more, if another version has come meanwhile
 *
 * A dictionary with others inside is dropped only if these were, because readers may keep it
 * together with the inner ones that it was read with. Metadata isn't lost: what has app_metadata is
 * kept, and that of the schema becomes a message of its own. */
#ifndef SERVER_APPEND_H
#define SERVER_APPEND_H

#include "server/dictionaries.h"

struct append {
    const struct alloc *alloc;
    const struct ipc_limits *limits;
    const struct ipc_schema *put_schema; /* the verifier's */
    struct ipc_schema *table_schema;     /* NULL: there is no table */
    struct ipc_id_map ids;
    bool *is_dropped;    /* by index in ids.pairs */
    bool *is_kept;       /* likewise: the put changes it */
    struct buf in_force; /* of struct table_dictionary: the base's, once needed */
    bool has_in_force;
    struct buf dropped; /* of struct table_dictionary: the base's messages */
    struct buf header;
};

void append_init(struct append *append, const struct alloc *alloc, const struct ipc_limits *limits);
void append_done(struct append *append);

/* `put_schema` lives as long. Where there is a table under the put's key, the put extends it.
 * FAILED_PRECONDITION names the first difference between the schemas. */
enum fkv_status append_begin(struct append *append, struct store *store, struct slice key,
                             struct store_put *put, const struct ipc_schema *put_schema,
                             struct fkv_error *error);

/* The header under which a message of the put is stored: `message`'s own or one valid until the
 * next call. */
enum fkv_status append_header(struct append *append, const struct ipc_message *message,
                              struct slice *ret, struct fkv_error *error);

/* The put's last message, `message` with its own ids, has its body. */
enum fkv_status append_settle(struct append *append, struct store_put *put,
                              const struct ipc_message *message, struct fkv_error *error);

/* As store_put_append. */
enum fkv_status append_commit(struct append *append, struct store_put *put,
                              struct store_table **ret, struct fkv_error *error);

#endif
