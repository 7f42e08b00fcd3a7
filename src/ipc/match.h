/* SPDX-License-Identifier: Apache-2.0 */
/* Whether two tables can be one: schemas that mean the same though their bytes differ, and the ids
 * under which each of them has its dictionaries. */
#ifndef IPC_MATCH_H
#define IPC_MATCH_H

#include "ipc/message.h"

/* Compares what a schema means: metadata version, endianness, fields with their names, types,
 * nullability, dictionary encoding and metadata (in any order), the schema's own metadata.
 * Dictionary ids may differ. FAILED_PRECONDITION names the first difference, with its path, what
 * the table has and what was put. */
enum fkv_status ipc_schema_match(const struct ipc_schema *table, const struct ipc_schema *put,
                                 struct fkv_error *error);

/* One of the put's dictionaries. */
struct ipc_id_pair {
    int64_t put_id;
    int64_t table_id;
    const struct ipc_field *field; /* the put's first with this id */
};

struct ipc_id_map {
    const struct alloc *alloc;
    struct ipc_id_pair *pairs; /* by put_id, rising */
    uint32_t count;
};

/* Pairs the ids of two schemas that match, field by field; lives as long as `put`.
 * FAILED_PRECONDITION when fields share a dictionary in one schema and not in the other. */
enum fkv_status ipc_id_map_init(struct ipc_id_map *map, const struct alloc *alloc,
                                const struct ipc_schema *table, const struct ipc_schema *put,
                                struct fkv_error *error);
void ipc_id_map_done(struct ipc_id_map *map); /* also zeroed ones */

/* NULL when the put has no such id. */
struct ipc_id_pair *ipc_id_map_find(const struct ipc_id_map *map, int64_t put_id);

/* Whether two dictionary batches have the same values by their bytes, whatever their ids. */
bool ipc_message_same_values(const struct ipc_message *a, struct slice a_body,
                             const struct ipc_message *b, struct slice b_body);

/* Appends the header of a dictionary batch under another id to `ret`. RESOURCE_EXHAUSTED. */
enum fkv_status ipc_message_rename(const struct alloc *alloc, const struct ipc_message *message,
                                   int64_t id, struct buf *ret, struct fkv_error *error);

#endif
