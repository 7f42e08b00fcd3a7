/* SPDX-License-Identifier: Apache-2.0 */
/* A stream between a producer and a consumer that keeps what went wrong on the producer's side. A
 * consumer such as a writer hands on a text at best; the tap keeps the status, too, so that "no
 * room on the server" and "the file is damaged" stay apart. */
#ifndef CLI_TAP_H
#define CLI_TAP_H

#include <stdatomic.h>

#include "flightkv/flightkv.h"

struct tap {
    struct ArrowArrayStream inner;
    const atomic_bool *stop;  /* true: the next get_next fails; may be NULL */
    struct fkv_error failure; /* status FKV_OK: the producer didn't fail */
};

/* Takes `inner` over and gives the stream to consume in its place; the tap must outlive it. */
struct ArrowArrayStream tap_stream(struct tap *tap, struct ArrowArrayStream *inner,
                                   const atomic_bool *stop);

/* The producer's failure if there was one, else the consumer's. Gives its status. */
enum fkv_status tap_blame(const struct tap *tap, struct fkv_error *error);

#endif
