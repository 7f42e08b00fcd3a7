/* SPDX-License-Identifier: Apache-2.0 */
/* libflightkv: put and get Arrow tables by key over Arrow Flight, and serve them.
 *
 * Tables go in and come out as struct ArrowArrayStream (the Arrow C Stream interface), so any Arrow
 * library's tables fit without a copy. A program that puts and gets:
 *
 *     struct fkv_error error;
 *     struct fkv_client *client;
 *     if (fkv_client_open("grpc+tcp://localhost:6666", NULL, &client, &error) != FKV_OK) ...
 *     fkv_put(client, "prices", 6, &stream_in, NULL, NULL, &error);
 *     fkv_get(client, "prices", 6, NULL, &stream_out, &error);
 *     ...
 *     fkv_client_close(client);
 *
 * Conventions
 * - Errors: every call that can fail returns a status and fills the caller's struct fkv_error
 *   (status.h; NULL is allowed). Outputs are untouched on failure.
 * - Options structs begin with `size`, to be set to sizeof the struct, so that later versions can
 *   add members; members left 0 mean the default, NULL in place of the struct means all defaults.
 *   A caller built with another version is served: members that its struct lacks are 0; members
 *   that only its version has must be 0, else INVALID_ARGUMENT, as for a size that was never set.
 * - Threads: one client, one thread at a time; fkv_client_cancel alone may be called from any
 *   thread. Different clients are independent. A server runs in threads of its own.
 * - Callbacks: a client isn't called from the callbacks of its own calls (FAILED_PRECONDITION), and
 *   not closed there; another client may be.
 * - Keys are 1 to 4,096 bytes, any but a leading NUL.
 */
#ifndef FLIGHTKV_H
#define FLIGHTKV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flightkv/arrow_abi.h"
#include "flightkv/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FKV_DEFAULT_URI "grpc+tcp://localhost:6666"

/* "0.1.0" */
FKV_API const char *fkv_version(void);

/* ---- client ---- */

struct fkv_client;

/* How tables come from the server. */
enum fkv_transport {
    FKV_TRANSPORT_AUTO = 0, /* by shared memory where that can be, else over the connection */
    FKV_TRANSPORT_SHM = 1,  /* by shared memory, or not at all */
    FKV_TRANSPORT_UNIX = 2, /* over a Unix socket: grpc+unix:// */
    FKV_TRANSPORT_TCP = 3,  /* over TCP, with TLS or without: grpc+tcp://, grpc+tls:// */
};

struct fkv_client_options {
    size_t size;
    uint64_t connect_timeout_ms; /* until the server has answered in HTTP/2; 0 = 10,000 */
    uint64_t call_timeout_ms;    /* deadline of each call; 0 = none */
    /* For grpc+tls:// only; files in PEM, read when the client is opened. */
    const char *tls_ca_file;   /* who may sign the server's certificate; NULL: the system's store */
    const char *tls_cert_file; /* the client's own certificate, for servers that ask for one */
    const char *tls_key_file;  /* and its key, without a passphrase */
    bool tls_insecure;         /* encrypt, but don't check who the server is */
    const char *user;          /* for servers that ask for one; NULL: none */
    const char *password;      /* goes with `user` */
    /* Asked about ten times a second while a call waits or moves bytes, in the thread that called;
     * answers false to have the call cancelled. For callers that must look after signals in
     * between, as interpreters do. NULL: nobody is asked. */
    bool (*keep_on)(void *context);
    void *keep_on_context;
    /* UNIX and TCP go together with a URI of that kind, else INVALID_ARGUMENT. SHM makes opening
     * fail with FAILED_PRECONDITION where memory can't be shared; a small table, and one that is
     * over what the server lets a client map at a time, comes over the connection all the same. */
    enum fkv_transport transport;
    /* Look for an answer again and again for so long before sleeping: saves the time of waking up,
     * and takes a whole core meanwhile. At most 1,000,000. 0: for 100 us at most, of a server on
     * this host without TLS, and rarely while answers take longer. */
    uint64_t busy_poll_us;
};

#define FKV_BUSY_POLL_NEVER UINT64_MAX

/* Connects, and logs the user in. `uri` NULL: the environment's FLIGHTKV_SERVER, else
 * FKV_DEFAULT_URI. grpc+tcp://HOST:PORT, grpc+unix:///PATH or grpc+tls://HOST:PORT, whose server
 * must show a certificate for HOST. INVALID_ARGUMENT for a URI that isn't one, or a file that can't
 * be used; UNAVAILABLE when nothing listens there; UNAUTHENTICATED when the server's certificate is
 * refused, or the server refuses the password; FAILED_PRECONDITION when it speaks no TLS, or asks
 * for no user where one is given: the message names the address. What listens and doesn't answer as
 * a Flight server makes the first call UNAVAILABLE, after connect_timeout_ms at most.
 *
 * User and password are copied. They are exchanged for a token (Flight's Handshake, with the
 * password in `authorization: Basic`), which goes with every call and is renewed in time; without
 * TLS, others on the network can read both. A call that is refused with UNAUTHENTICATED all the
 * same is made again once with a new token; but an fkv_put isn't, because its stream can be read
 * only once, nor is a call of batches of flight.h. */
FKV_API enum fkv_status fkv_client_open(const char *uri, const struct fkv_client_options *options,
                                        struct fkv_client **ret, struct fkv_error *error);

/* Closes and frees. A stream from fkv_get that isn't at its end gives UNAVAILABLE from then on;
 * arrays taken from it stay valid. NULL is allowed. */
FKV_API void fkv_client_close(struct fkv_client *client);

/* How the last get's batches came, or come: not AUTO. If not by shared memory, *ret_why (may be
 * NULL) says why not, "" before the first get; valid until the next call on the client. */
FKV_API enum fkv_transport fkv_client_transport(const struct fkv_client *client,
                                                const char **ret_why);

/* Any thread, also a signal handler: the call in progress ends with CANCELLED. */
FKV_API void fkv_client_cancel(struct fkv_client *client);

/* Told after every batch; answers false to cancel the call. */
struct fkv_progress {
    uint64_t rows;
    uint64_t batches;
    uint64_t bytes; /* of batch bodies */
};
typedef bool (*fkv_progress_callback)(void *context, const struct fkv_progress *progress);

enum fkv_put_mode {
    FKV_PUT_REPLACE = 0, /* in place of what was there */
    FKV_PUT_APPEND = 1,  /* behind what is there, if anything is */
};

struct fkv_put_options {
    size_t size;
    uint64_t timeout_ms;  /* 0: the client's */
    bool path_descriptor; /* name the table by a PATH descriptor of one segment, not by a CMD */
    fkv_progress_callback progress;
    void *progress_context;
    enum fkv_put_mode mode;
};

/* Stores the stream's table under the key: whole or not at all. Takes
 * the stream over and releases it, also on failure. `ret` may be NULL. Buffers are sent from where
 * they are; batches keep their boundaries.
 * INVALID_ARGUMENT for a bad key or table, RESOURCE_EXHAUSTED when the server has no room,
 * FAILED_PRECONDITION when a table is to be appended to that has another schema: the message names
 * the first difference. */
FKV_API enum fkv_status fkv_put(struct fkv_client *client, const void *key, size_t key_size,
                                struct ArrowArrayStream *stream,
                                const struct fkv_put_options *options, struct fkv_progress *ret,
                                struct fkv_error *error);

enum {
    /* Check every offset, index, run end, view and UTF-8 value on arrival, so that whoever put the
     * table can't make a consumer read outside its buffers. Without it are checked: framing,
     * FlatBuffers structure, schema, counts, and every buffer's place and least length. */
    FKV_GET_CHECK_VALUES = 1,
};

struct fkv_get_options {
    size_t size;
    uint64_t timeout_ms; /* with `streams`, of each call */
    unsigned flags;      /* FKV_GET_... */
    /* Only these columns, in this order: names separated by commas, fields of structs by dots
     * ("a,b.c"). In a name, %2C is a comma, %2E a dot, %25 a percent sign. NULL: all.
     * INVALID_ARGUMENT for one that isn't there. */
    const char *columns;
    /* Only these rows: "START:STOP", half-open, counted from 0; either may be left out, and both
     * are cut to what is there. NULL: all. Batches are cut, and may come in several parts. */
    const char *rows;
    /* No message from the server is larger: batches come in parts. 0: no limit. */
    uint64_t max_message_bytes;
    /* Over how many connections at once, each with a thread of the library's, at most 64; 0 and 1:
     * over the client's own, without a thread, as always where memory is shared. Batches keep their
     * order; about 64 MiB are received ahead of the consumer, or a 256th of the table for each
     * connection where that is more. A table that changes meanwhile ends the stream with
     * NOT_FOUND. */
    uint64_t streams;
};

/* Gives the table under the key as a stream. Batches are received as they are asked for; their
 * arrays are views of the received memory, freed when they are released, and may outlive stream
 * and client. Where the server is on this host and lets this user in, they are views of its memory,
 * mapped read-only: then nothing is received, and the server holds the table until the last array
 * is released, whatever happens to the key. Until the stream is at its end, failed or is released,
 * the client is busy: other calls on it give FAILED_PRECONDITION. NOT_FOUND when there is no such
 * key. Errors later on: fkv_stream_error. */
FKV_API enum fkv_status fkv_get(struct fkv_client *client, const void *key, size_t key_size,
                                const struct fkv_get_options *options, struct ArrowArrayStream *ret,
                                struct fkv_error *error);

/* The full error behind a failed get_schema or get_next of a stream that this library made.
 * Returns its status (FKV_OK when it didn't fail; FKV_UNKNOWN for a foreign stream). */
FKV_API enum fkv_status fkv_stream_error(struct ArrowArrayStream *stream, struct fkv_error *error);

/* ---- several puts and gets at a time ---- */

/* Puts and gets that don't wait for one another, on the client's one connection: as Redis has
 * pipelines, MGET and MSET. Those that were begun are sent together when a result is awaited, and
 * each result comes as soon as the server has given all of it, in whatever order, with its own
 * status. There is no order among calls on the same key, either, other than in Redis: a get may
 * miss what a put begun before it puts, and of two puts any may stay. Who needs one takes the first
 * call's result before the second is begun. To get many keys:
 *
 *     struct fkv_pipeline *pipeline = NULL;
 *     struct fkv_pipeline_result result;
 *     size_t begun = 0;
 *     bool more = fkv_pipeline_open(client, NULL, &pipeline, &error) == FKV_OK;
 *     while (more) {
 *         for (; begun < count && fkv_pipeline_room(pipeline) > 0; begun++)
 *             fkv_pipeline_get(pipeline, keys[begun], sizes[begun], NULL, begun, &error);
 *         if (fkv_pipeline_next(pipeline, &result, &more, &error) == FKV_OK && more)
 *             use(keys[result.tag], &result);
 *     }
 *     fkv_pipeline_close(pipeline);
 *
 * It is for small tables: a get's table is received whole before it is given, so a pipeline holds
 * `depth` of them at most. Large ones work, and don't hold up the others; fkv_get doesn't hold
 * them. Where tables come by shared memory, they do here. Until the pipeline is closed the client
 * is busy: other calls on it give FAILED_PRECONDITION. It belongs to the client's thread, and isn't
 * called from the callbacks of its puts. */
struct fkv_pipeline;

struct fkv_pipeline_options {
    size_t size;
    /* Calls begun whose results weren't taken, at most 256; 0 = 16. The server may take fewer at a
     * time: then the others wait here. */
    uint64_t depth;
};

/* INVALID_ARGUMENT for a depth over 256; FAILED_PRECONDITION while the client is busy. */
FKV_API enum fkv_status fkv_pipeline_open(struct fkv_client *client,
                                          const struct fkv_pipeline_options *options,
                                          struct fkv_pipeline **ret, struct fkv_error *error);

/* Cancels what is on its way, drops what wasn't taken, and frees. NULL is allowed. */
FKV_API void fkv_pipeline_close(struct fkv_pipeline *pipeline);

/* How many calls can be begun now. */
FKV_API size_t fkv_pipeline_room(const struct fkv_pipeline *pipeline);

/* Begins a get, with the options of fkv_get but `streams`, which is INVALID_ARGUMENT here. Key and
 * options are copied; `tag` comes with the result. FAILED_PRECONDITION when there is no room. */
FKV_API enum fkv_status fkv_pipeline_get(struct fkv_pipeline *pipeline, const void *key,
                                         size_t key_size, const struct fkv_get_options *options,
                                         uint64_t tag, struct fkv_error *error);

/* Begins a put, as fkv_put. Takes the stream over, also on failure; it is read, and `progress`
 * called, while results are awaited. A put that fails here has no result. */
FKV_API enum fkv_status fkv_pipeline_put(struct fkv_pipeline *pipeline, const void *key,
                                         size_t key_size, struct ArrowArrayStream *stream,
                                         const struct fkv_put_options *options, uint64_t tag,
                                         struct fkv_error *error);

struct fkv_pipeline_result {
    uint64_t tag;
    enum fkv_status status; /* as of fkv_get and fkv_put */
    struct fkv_error error; /* where status isn't OK */
    /* Of a get, the caller's, and may outlive pipeline and client; release NULL: there is none. */
    struct ArrowArrayStream table;
    struct fkv_progress progress; /* of a put */
};

/* Waits for the next result; *ret_more false, and *ret untouched, when no call is left. A lost
 * connection gives UNAVAILABLE to every call that is on its way; those that wait go over a new one.
 * fkv_client_cancel gives CANCELLED to all that were begun. Deadlines count from a call's begin. A
 * get that is refused with UNAUTHENTICATED is made again once with a new token, as fkv_get's.
 * FAILED_PRECONDITION from a callback; nothing else fails here. */
FKV_API enum fkv_status fkv_pipeline_next(struct fkv_pipeline *pipeline,
                                          struct fkv_pipeline_result *ret, bool *ret_more,
                                          struct fkv_error *error);

/* A table as the server lists it. Pointers are valid during the callback, or until
 * fkv_table_info_done for fkv_info. */
struct fkv_table_info {
    const void *key;
    size_t key_size;
    int64_t rows;
    int64_t bytes; /* of batch bodies */
    struct ArrowSchema schema;
    /* What the server says besides: a flightkv server's is JSON (docs/PROTOCOL.md). */
    const void *app_metadata;
    size_t app_metadata_size;
};

/* Calls `on_table` for every key that fits the glob (NULL or "": all), in no order; it answers
 * false to end the listing, and may take the schema: by a copy of the struct and release NULL in
 * the original. `*`, `?`, `[a-z]` and `\` as in Redis' KEYS. */
FKV_API enum fkv_status fkv_list(struct fkv_client *client, const char *pattern,
                                 bool (*on_table)(void *context, struct fkv_table_info *info),
                                 void *context, struct fkv_error *error);

/* NOT_FOUND when there is no such key. */
FKV_API enum fkv_status fkv_info(struct fkv_client *client, const void *key, size_t key_size,
                                 struct fkv_table_info *ret, struct fkv_error *error);
FKV_API void fkv_table_info_done(struct fkv_table_info *info);

/* NOT_FOUND when there is no such key. */
FKV_API enum fkv_status fkv_delete(struct fkv_client *client, const void *key, size_t key_size,
                                   struct fkv_error *error);

/* Flight's DoAction: `on_result` (may be NULL) gets each result's body; false ends the call. */
FKV_API enum fkv_status fkv_action(struct fkv_client *client, const char *type, const void *body,
                                   size_t body_size,
                                   bool (*on_result)(void *context, const void *body, size_t size),
                                   void *context, struct fkv_error *error);

/* ---- server ---- */

/* Options by name, the same as the program's: fkv_server_config_set(c, "memory", "2GiB", &e). */
struct fkv_server_config;

FKV_API struct fkv_server_config *fkv_server_config_new(void); /* NULL: out of memory */
FKV_API void fkv_server_config_free(struct fkv_server_config *config);

/* "listen" may be set several times; every other option's last value counts. NULL or "" as the
 * value of a switch ("insecure") turns it on. INVALID_ARGUMENT names option, value and what was
 * expected; NOT_FOUND for an unknown name. */
FKV_API enum fkv_status fkv_server_config_set(struct fkv_server_config *config, const char *name,
                                              const char *value, struct fkv_error *error);

struct fkv_server_option {
    const char *name;          /* "memory" */
    const char *argument;      /* "SIZE"; NULL for a switch */
    const char *default_value; /* as text for people */
    const char *help;          /* one sentence without its dot */
    const char *group;         /* "Listening", "TLS", "Authentication", "Memory", "Limits", ... */
};

/* The options in the order in which to show them; NULL behind the last one. */
FKV_API const struct fkv_server_option *fkv_server_option(size_t index);

struct fkv_server;

/* Listens and serves in threads of its own; returns when every listener is ready. The config stays
 * the caller's (NULL: all defaults). UNAVAILABLE when an address is taken; FAILED_PRECONDITION for
 * an address that isn't loopback without "insecure", or TLS and "auth-file"; INVALID_ARGUMENT for
 * an "auth-file" that can't be read or has a bad line. */
FKV_API enum fkv_status fkv_server_start(const struct fkv_server_config *config,
                                         struct fkv_server **ret, struct fkv_error *error);

/* The listeners' URIs with their real ports; NULL behind the last one. Valid as long as the server.
 */
FKV_API const char *fkv_server_uri(const struct fkv_server *server, size_t index);

/* Reads the files of "auth-file" and of the TLS options anew, for logins and connections from now
 * on; tokens of users who are gone, or have another hash, hold no more. One thread at a time. On
 * failure (INVALID_ARGUMENT names the file) all stays as it was; FAILED_PRECONDITION when the
 * server has none of these files. What came of it is logged. `error` may be NULL. */
FKV_API enum fkv_status fkv_server_reload(struct fkv_server *server, struct fkv_error *error);

/* No more accepting; calls in flight end, at most for "drain-timeout"; then everything is freed. */
FKV_API void fkv_server_stop(struct fkv_server *server);

/* ---- Arrow IPC files and streams ---- */

enum fkv_ipc_format { FKV_IPC_STREAM, FKV_IPC_FILE };
enum fkv_compression { FKV_UNCOMPRESSED, FKV_LZ4, FKV_ZSTD };

/* Reads an IPC stream or file (told apart by its first bytes) batch by batch from a descriptor,
 * which the stream takes over, also on failure. Every value is checked (FKV_GET_CHECK_VALUES). A
 * memfd sealed by F_SEAL_WRITE and F_SEAL_SHRINK isn't copied: arrays are views on a map of it. */
FKV_API enum fkv_status fkv_ipc_read(int fd, struct ArrowArrayStream *ret, struct fkv_error *error);

struct fkv_ipc_write_options {
    size_t size;
    enum fkv_ipc_format format;
    enum fkv_compression compression;
    fkv_progress_callback progress;
    void *progress_context;
};

/* Takes the stream over and writes all of it to the descriptor, which stays the caller's. `ret` may
 * be NULL. The bytes of progress are those of the file. */
FKV_API enum fkv_status fkv_ipc_write(struct ArrowArrayStream *stream, int fd,
                                      const struct fkv_ipc_write_options *options,
                                      struct fkv_progress *ret, struct fkv_error *error);

#ifdef __cplusplus
}
#endif
#endif
