/* SPDX-License-Identifier: Apache-2.0 */
/* What one header block says: gRPC's own fields, read out, and the rest as metadata. */
#ifndef WIRE_FIELDS_H
#define WIRE_FIELDS_H

#include "wire/headers.h"

struct wire_fields {
    struct wire_headers metadata;
    size_t list_bytes; /* of all fields, also those not kept */
    struct slice path;
    struct slice message; /* grpc-message, decoded */
    uint64_t timeout_ns;
    long http_status; /* -1: none */
    long grpc_status; /* -1: none */
    bool is_post;
    bool is_grpc;           /* content-type */
    bool is_identity;       /* grpc-encoding */
    enum fkv_status status; /* of reading the block */
    char problem[160];      /* says why when it isn't OK */
};

void wire_fields_init(struct wire_fields *fields, const struct alloc *alloc);
void wire_fields_done(struct wire_fields *fields);
void wire_fields_clear(struct wire_fields *fields); /* before another block */

/* Counts a field that isn't looked at. */
void wire_fields_count(struct wire_fields *fields, struct slice name, struct slice value);

/* Once a block is bad, or longer than `bytes_max`, the rest of it is skipped. */
void wire_fields_add(struct wire_fields *fields, struct slice name, struct slice value,
                     size_t bytes_max);

#endif
