/* SPDX-License-Identifier: Apache-2.0 */
/* The chained digest of a table, its etag (see store.h), and the hash of keys. */
#ifndef STORE_DIGEST_H
#define STORE_DIGEST_H

#include <stdalign.h>
#include <stdbool.h>

#include "base/slice.h"
#include "store/store.h"

enum { digest_size = 16, digest_state_size = 576 };

struct digest {
    alignas(64) uint8_t state[digest_state_size]; /* of the message begun */
    uint8_t value[digest_size];                   /* of the messages ended */
};

/* A message is begun, its body given front to back, and ended. The first one is the schema. */
void digest_schema(struct digest *digest, struct slice header);
void digest_begin(struct digest *digest, const struct store_message *message, size_t body_bytes);
void digest_body(struct digest *digest, struct slice bytes);
void digest_end(struct digest *digest);

/* Goes on behind the messages that have this etag. */
void digest_resume(struct digest *digest, const char etag[store_etag_size + 1]);

void digest_text(const struct digest *digest, char ret[store_etag_size + 1]);

uint64_t digest_key(struct slice key, uint64_t seed);

#endif
