/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata that a client sends with its calls: fields that its user set for all of them,
 * cookies that servers set, and those of the one call. */
#ifndef CLIENT_FIELDS_H
#define CLIENT_FIELDS_H

#include "base/buf.h"
#include "base/list.h"
#include "flightkv/flight.h"
#include "wire/session.h"

struct client_fields {
    const struct alloc *alloc;
    struct list fields;  /* struct field */
    struct list cookies; /* struct field with an expiry */
    size_t cookie_count;
};

void client_fields_init(struct client_fields *fields, const struct alloc *alloc);
void client_fields_done(struct client_fields *fields); /* also one of zeros */

/* Adds all of `from`, which isn't changed meanwhile, to one without any. */
enum fkv_status client_fields_copy(struct client_fields *ret, const struct client_fields *from,
                                   struct fkv_error *error);
bool client_fields_are_empty(const struct client_fields *fields);

/* Sets the field, or drops it when value.data is NULL. */
enum fkv_status client_fields_set(struct client_fields *fields, const char *name,
                                  struct slice value, struct fkv_error *error);

/* Keeps what is in the "set-cookie" fields of an answer; of too many or too large ones what it can.
 * False when out of memory: then the call must fail, for later ones would be of no session. */
bool client_fields_take_cookies(struct client_fields *fields, struct wire_metadata metadata);

/* All fields of one call, `own` the library's. Its pairs are views of what they were made of. */
struct client_metadata {
    const struct alloc *alloc;
    struct wire_pair *pairs;
    size_t count;
    struct buf cookie;
};

/* *ret is to be given to client_metadata_done in any case. */
enum fkv_status client_fields_collect(struct client_fields *fields, const char *agent,
                                      struct wire_metadata own,
                                      const struct fkv_flight_call_options *options,
                                      struct client_metadata *ret, struct fkv_error *error);
void client_metadata_done(struct client_metadata *metadata);

#endif
