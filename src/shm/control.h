/* SPDX-License-Identifier: Apache-2.0 */
/* The control connection of the same-host path: a Unix socket that keeps packets apart
 * (SOCK_SEQPACKET).
 *
 *     client -> server   hello     magic (8), nonce (16)
 *     server -> client   welcome   magic (8), token (16), bytes to map (8); a descriptor goes along
 *     client -> server   release   ids of leases (8 each), any number of times
 *
 * The nonce was given by the server over the Flight connection: it proves that both connections
 * lead to the same server, and that who asks may make calls. The token is what later gets show.
 * Leases last until they are released, at most as long as the connection. A server that doesn't
 * like what it hears closes. A path that a lying server names leads nowhere in general: almost
 * nothing else listens for packets. */
#ifndef SHM_CONTROL_H
#define SHM_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"

enum {
    shm_path_max = 107, /* what a Unix socket's address holds */
    shm_nonce_size = 16,
    shm_token_size = 16,
    shm_ids_max = 64, /* of a release */
};

struct shm_welcome {
    uint8_t token[shm_token_size];
    uint64_t map_bytes;
};

/* A connected, non-blocking, close-on-exec descriptor, or -errno. Never waits. */
int shm_control_connect(const char *path);

/* These send a packet, or fail with -errno; -EAGAIN when there is no room now. */
int shm_send_hello(int fd, const uint8_t nonce[shm_nonce_size]);
int shm_send_welcome(int fd, const struct shm_welcome *welcome, int file);
int shm_send_release(int fd, const uint64_t *ids, size_t count);

/* A packet that came: 1; 0 when the other side has closed; -EAGAIN when there is none yet; another
 * -errno, -EBADMSG for one that isn't what is expected. *ret_file is the caller's to close. */
int shm_receive_welcome(int fd, struct shm_welcome *ret, int *ret_file);
int shm_receive_hello(int fd, uint8_t ret_nonce[shm_nonce_size]);
int shm_receive_release(int fd, uint64_t ret_ids[shm_ids_max], size_t *ret_count);

/* Hex digits of `size` bytes, with a NUL behind them; and back, false when it isn't that. */
void shm_hex(const uint8_t *bytes, size_t size, char *ret);
bool shm_unhex(struct slice text, uint8_t *ret, size_t size);

#endif
