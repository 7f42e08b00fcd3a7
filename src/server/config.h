/* SPDX-License-Identifier: Apache-2.0 */
/* The server's configuration: one table (config.c) gives each option its name, type, default, range
 * and help; the command line, the embedding program and the documentation all read that table. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <limits.h>

#include "base/log.h"
#include "flightkv/flightkv.h"
#include "host/host.h"
#include "ipc/limits.h"

enum server_shm { SERVER_SHM_OFF, SERVER_SHM_ON };

struct fkv_server_config {
    struct net_uri listen[host_listeners_max];
    uint64_t listen_count;
    uint64_t unix_mode;          /* permissions of Unix sockets' files */
    char advertise[net_uri_max]; /* "": nothing */
    uint64_t insecure;
    char tls_cert_file[PATH_MAX]; /* "": none */
    char tls_key_file[PATH_MAX];
    char tls_client_ca_file[PATH_MAX];
    char auth_file[PATH_MAX]; /* "": none, everybody is served */
    uint64_t token_lifetime_ns;
    uint64_t shm;              /* enum server_shm */
    char shm_folder[PATH_MAX]; /* of the control socket; "": the default */
    uint64_t shm_group;        /* whose members are let in, and 1; 0: none */
    uint64_t shm_clients_max;
    uint64_t shm_leased_bytes; /* of one client; 0: half of memory_bytes */
    uint64_t workers;
    uint64_t busy_poll_ns;
    uint64_t memory_bytes; /* 0: half of what the machine or cgroup has */
    uint64_t warm_bytes;
    uint64_t warm_idle_ns;
    uint64_t huge_pages;
    uint64_t connections_max;
    uint64_t streams_max;
    uint64_t sessions_max;
    uint64_t session_idle_ns;
    uint64_t header_bytes_max;
    uint64_t message_bytes_max;
    uint64_t request_bytes_max;
    uint64_t app_metadata_bytes_max;
    uint64_t ipc_header_bytes_max;
    uint64_t ipc_depth_max;
    uint64_t ipc_fields_max;
    uint64_t decompressed_bytes_max;
    uint64_t handshake_timeout_ns;
    uint64_t upload_timeout_ns;
    uint64_t stall_timeout_ns;
    uint64_t idle_timeout_ns;
    uint64_t drain_timeout_ns;
    uint64_t log_level; /* enum log_level */
};

void server_config_init(struct fkv_server_config *config);

/* What IPC messages of clients may make the server do. */
struct ipc_limits server_config_ipc_limits(const struct fkv_server_config *config);

/* The machine's memory, or the cgroup's limit where that is less. */
uint64_t server_machine_memory_bytes(void);

#endif
