/* SPDX-License-Identifier: Apache-2.0 */
/* Arrow Flight in C: serve any Flight service, and call any Flight server.
 *
 * A service is a table with a function per RPC; what it has no function for is answered with
 * UNIMPLEMENTED. One that gives a table:
 *
 *     static void do_get(void *context, struct fkv_flight_call *call, struct fkv_bytes ticket)
 *     {
 *         struct ArrowArrayStream table;
 *         ... open the table that the ticket names ...
 *         fkv_flight_send_stream(call, &table);
 *         fkv_flight_end(call);
 *     }
 *     const struct fkv_flight_service service = {.size = sizeof service, .do_get = do_get};
 *     fkv_flight_server_start(&service, config, &server, &error);
 *
 * Clients are those of flightkv.h: the functions here call on a struct fkv_client.
 *
 * Conventions are those of flightkv.h. Bytes and messages that are given to a function need only
 * live until it returns. Those that a callback gets live until it returns.
 * https://arrow.apache.org/docs/format/Flight.html */
#ifndef FLIGHTKV_FLIGHT_H
#define FLIGHTKV_FLIGHT_H

#include "flightkv/flightkv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- messages ---- */

struct fkv_bytes {
    const void *data;
    size_t size;
};

enum fkv_flight_descriptor_type {
    FKV_FLIGHT_UNKNOWN = 0,
    FKV_FLIGHT_PATH = 1,
    FKV_FLIGHT_CMD = 2,
};

struct fkv_flight_descriptor {
    enum fkv_flight_descriptor_type type;
    struct fkv_bytes cmd;
    const struct fkv_bytes *path;
    size_t path_count;
};

struct fkv_flight_time {
    int64_t seconds; /* since 1970 */
    int32_t nanos;
};

/* The location that means "the connection you have". */
#define FKV_FLIGHT_REUSE_CONNECTION "arrow-flight-reuse-connection://?"

struct fkv_flight_endpoint {
    struct fkv_bytes ticket;
    const struct fkv_bytes *locations; /* URIs; none: the same server */
    size_t location_count;
    bool has_expiration;
    struct fkv_flight_time expiration;
    struct fkv_bytes app_metadata;
};

struct fkv_flight_info {
    const struct ArrowSchema *schema; /* NULL: none */
    struct fkv_flight_descriptor descriptor;
    const struct fkv_flight_endpoint *endpoints;
    size_t endpoint_count;
    int64_t total_records; /* -1: not known */
    int64_t total_bytes;
    bool ordered;
    struct fkv_bytes app_metadata;
};

struct fkv_flight_poll_info {
    const struct fkv_flight_info *info;             /* as far as it is known; NULL: not yet */
    const struct fkv_flight_descriptor *descriptor; /* to poll with again; NULL: it is complete */
    bool has_progress;
    double progress; /* 0 to 1 */
    bool has_expiration;
    struct fkv_flight_time expiration;
};

enum fkv_flight_cancel_status {
    FKV_FLIGHT_CANCEL_UNSPECIFIED = 0,
    FKV_FLIGHT_CANCELLED = 1,
    FKV_FLIGHT_CANCELLING = 2,
    FKV_FLIGHT_NOT_CANCELLABLE = 3,
};

enum fkv_flight_close_status {
    FKV_FLIGHT_CLOSE_UNSPECIFIED = 0,
    FKV_FLIGHT_CLOSED = 1,
    FKV_FLIGHT_CLOSING = 2,
    FKV_FLIGHT_NOT_CLOSEABLE = 3,
};

enum fkv_flight_option_type {
    FKV_FLIGHT_OPTION_NONE = 0, /* erases the option */
    FKV_FLIGHT_OPTION_STRING = 1,
    FKV_FLIGHT_OPTION_BOOL = 2,
    FKV_FLIGHT_OPTION_INT64 = 3,
    FKV_FLIGHT_OPTION_DOUBLE = 4,
    FKV_FLIGHT_OPTION_STRINGS = 5,
};

/* An option of a session; of the values the one that `type` names. */
struct fkv_flight_option {
    struct fkv_bytes name;
    enum fkv_flight_option_type type;
    struct fkv_bytes string;
    bool boolean;
    int64_t int64;
    double real;
    const struct fkv_bytes *strings;
    size_t string_count;
};

struct fkv_flight_options {
    const struct fkv_flight_option *options;
    size_t count;
};

enum fkv_flight_option_problem {
    FKV_FLIGHT_OPTION_UNSPECIFIED = 0,
    FKV_FLIGHT_OPTION_INVALID_NAME = 1,
    FKV_FLIGHT_OPTION_INVALID_VALUE = 2,
    FKV_FLIGHT_OPTION_ERROR = 3,
};

struct fkv_flight_option_error {
    struct fkv_bytes name;
    enum fkv_flight_option_problem problem;
};

struct fkv_flight_option_errors {
    const struct fkv_flight_option_error *errors;
    size_t count;
};

/* A record batch on its way, with what goes along. The array is the holder's to release;
 * array.release NULL: only app_metadata. */
struct fkv_flight_batch {
    struct ArrowArray array;
    bool has_app_metadata;
    struct fkv_bytes app_metadata;
};

/* A field of a call's metadata. Names are lower-case; the value of one that ends in "-bin" is any
 * bytes, of all others printable ASCII. */
struct fkv_flight_header {
    const char *name;
    struct fkv_bytes value;
};

/* ---- services ---- */

/* One RPC that a service answers. Its functions are called in one thread of the server and must not
 * block; a call is used only from inside them. Several calls run at the same time in several
 * threads: what they share is the service's to guard. */
struct fkv_flight_call;

/* A function answers by any number of fkv_flight_send_..., then fkv_flight_end or fkv_flight_fail,
 * at once or later from a callback of fkv_flight_receive. The RPCs with one answer take one. */
struct fkv_flight_service {
    size_t size; /* of this struct */
    void *context;

    /* fkv_flight_send_payload; what the client sends: fkv_flight_receive_payloads. */
    void (*handshake)(void *context, struct fkv_flight_call *call);
    /* fkv_flight_send_info, several times */
    void (*list_flights)(void *context, struct fkv_flight_call *call, struct fkv_bytes criteria);
    void (*get_flight_info)(void *context, struct fkv_flight_call *call,
                            const struct fkv_flight_descriptor *descriptor);
    /* fkv_flight_send_poll_info */
    void (*poll_flight_info)(void *context, struct fkv_flight_call *call,
                             const struct fkv_flight_descriptor *descriptor);
    /* fkv_flight_send_schema_result; without this row get_flight_info's schema is given */
    void (*get_schema)(void *context, struct fkv_flight_call *call,
                       const struct fkv_flight_descriptor *descriptor);
    /* fkv_flight_send_stream, or fkv_flight_send_schema and fkv_flight_send_batch */
    void (*do_get)(void *context, struct fkv_flight_call *call, struct fkv_bytes ticket);
    /* Called when the first message is there. fkv_flight_receive; fkv_flight_send_payload answers
     * a PutResult's app_metadata. */
    void (*do_put)(void *context, struct fkv_flight_call *call,
                   const struct fkv_flight_descriptor *descriptor);
    /* The same, and batches go both ways. */
    void (*do_exchange)(void *context, struct fkv_flight_call *call,
                        const struct fkv_flight_descriptor *descriptor);
    /* Actions other than those below, and those whose row is NULL. fkv_flight_send_payload answers
     * a result's body. */
    void (*do_action)(void *context, struct fkv_flight_call *call, struct fkv_bytes type,
                      struct fkv_bytes body);
    /* fkv_flight_send_action_type; without this row the actions below that have one are listed. */
    void (*list_actions)(void *context, struct fkv_flight_call *call);

    /* The standard actions, in the order in which they are listed. */
    void (*cancel_flight_info)(void *context, struct fkv_flight_call *call,
                               const struct fkv_flight_info *info); /* fkv_flight_send_status */
    void (*renew_flight_endpoint)(void *context, struct fkv_flight_call *call,
                                  const struct fkv_flight_endpoint *endpoint);
    void (*set_session_options)(void *context, struct fkv_flight_call *call,
                                const struct fkv_flight_option *options, size_t count);
    void (*get_session_options)(void *context, struct fkv_flight_call *call);
    void (*close_session)(void *context, struct fkv_flight_call *call); /* fkv_flight_send_status */
};

/* ---- asked of a call ---- */

/* Metadata of the request by lower-case name; data NULL when absent. Valid as long as the call. */
FKV_API struct fkv_bytes fkv_flight_call_header(const struct fkv_flight_call *call,
                                                const char *name);
/* All of it, one after the other, in the order in which it came; false behind the last one. */
FKV_API bool fkv_flight_call_header_at(const struct fkv_flight_call *call, size_t index,
                                       struct fkv_bytes *ret_name, struct fkv_bytes *ret_value);

/* Milliseconds that the client gave the call; UINT64_MAX: no deadline. When they have passed the
 * call is over. */
FKV_API uint64_t fkv_flight_call_timeout_ms(const struct fkv_flight_call *call);

/* Called once when the call is over, however it ended (the last that is heard of it): to release
 * what belongs to it. A later one takes the place of an earlier one. */
FKV_API void fkv_flight_call_on_closed(struct fkv_flight_call *call,
                                       void (*on_closed)(void *context), void *context);

/* ---- answers ---- */

/* Metadata of the answer: ahead of its first message, and behind its last. */
FKV_API void fkv_flight_set_header(struct fkv_flight_call *call, const char *name,
                                   struct fkv_bytes value);
FKV_API void fkv_flight_set_trailer(struct fkv_flight_call *call, const char *name,
                                    struct fkv_bytes value);

/* Each sends one message. What can't be sent (out of memory; a schema or array that isn't one) ends
 * the call with the error; sending on a call that is over does nothing. */
FKV_API void fkv_flight_send_info(struct fkv_flight_call *call, const struct fkv_flight_info *info);
FKV_API void fkv_flight_send_poll_info(struct fkv_flight_call *call,
                                       const struct fkv_flight_poll_info *poll);
FKV_API void fkv_flight_send_endpoint(struct fkv_flight_call *call,
                                      const struct fkv_flight_endpoint *endpoint);
FKV_API void fkv_flight_send_schema_result(struct fkv_flight_call *call,
                                           const struct ArrowSchema *schema);
FKV_API void fkv_flight_send_action_type(struct fkv_flight_call *call, const char *type,
                                         const char *description);
/* The bytes of a HandshakeResponse, a PutResult or an action's result. */
FKV_API void fkv_flight_send_payload(struct fkv_flight_call *call, struct fkv_bytes payload);
/* An enum fkv_flight_cancel_status or fkv_flight_close_status. */
FKV_API void fkv_flight_send_status(struct fkv_flight_call *call, int status);
FKV_API void fkv_flight_send_options(struct fkv_flight_call *call,
                                     const struct fkv_flight_option *options, size_t count);
FKV_API void fkv_flight_send_option_errors(struct fkv_flight_call *call,
                                           const struct fkv_flight_option_error *errors,
                                           size_t count);

/* The schema, once, ahead of the batches. It stays the caller's. */
FKV_API void fkv_flight_send_schema(struct fkv_flight_call *call, const struct ArrowSchema *schema);

/* Takes the array over (also when it can't be sent); its buffers are sent from where they are. What
 * isn't sent yet waits in memory; meanwhile a client that sends too is held back. */
FKV_API void fkv_flight_send_batch(struct fkv_flight_call *call, struct fkv_flight_batch *batch);

/* Takes the stream over and sends its schema and all its batches, asking for each when there is
 * room to send it; get_next is called in the server's thread and must not block. Nothing but
 * fkv_flight_end goes behind it. */
FKV_API void fkv_flight_send_stream(struct fkv_flight_call *call, struct ArrowArrayStream *stream);

/* The answer is complete: OK goes behind what was sent. */
FKV_API void fkv_flight_end(struct fkv_flight_call *call);
/* Ends the call with an error; what was not sent yet is dropped. */
FKV_API void fkv_flight_fail(struct fkv_flight_call *call, enum fkv_status status,
                             const char *message);

/* ---- what the client sends ---- */

struct fkv_flight_receiver {
    /* The schema, once, ahead of the batches. It may be taken: by a copy of the struct and release
     * NULL in the original; else it is released. */
    void (*on_schema)(void *context, struct fkv_flight_call *call, struct ArrowSchema *schema);
    /* Likewise the array, which may outlive the server. Its values are checked as with
     * FKV_GET_CHECK_VALUES. */
    void (*on_batch)(void *context, struct fkv_flight_call *call, struct fkv_flight_batch *batch);
    /* The client has sent its last message. */
    void (*on_end)(void *context, struct fkv_flight_call *call);
};

/* From inside do_put and do_exchange: where what comes goes. The receiver must outlive the call;
 * members may be NULL. */
FKV_API void fkv_flight_receive(struct fkv_flight_call *call,
                                const struct fkv_flight_receiver *receiver, void *context);

struct fkv_flight_payload_receiver {
    void (*on_payload)(void *context, struct fkv_flight_call *call, struct fkv_bytes payload);
    void (*on_end)(void *context, struct fkv_flight_call *call);
};

/* From inside handshake. */
FKV_API void fkv_flight_receive_payloads(struct fkv_flight_call *call,
                                         const struct fkv_flight_payload_receiver *receiver,
                                         void *context);

/* The user and password in the payload of a handshake, valid as long as the call; INVALID_ARGUMENT
 * when it is something else. */
FKV_API enum fkv_status fkv_flight_read_basic_auth(struct fkv_flight_call *call,
                                                   struct fkv_bytes payload,
                                                   struct fkv_bytes *ret_user,
                                                   struct fkv_bytes *ret_password,
                                                   struct fkv_error *error);

/* ---- servers ---- */

struct fkv_flight_server;

/* Listens and serves in threads of its own, by the options of fkv_server_config_set that aren't
 * about stored tables ("listen", "insecure", "workers", "memory" and "warm", limits, timeouts,
 * "log-level"; NULL: all defaults). "memory" bounds what clients send: messages while they come,
 * and batches until they are released; what is over it is refused with RESOURCE_EXHAUSTED. The
 * service is copied. Errors as fkv_server_start. */
FKV_API enum fkv_status fkv_flight_server_start(const struct fkv_flight_service *service,
                                                const struct fkv_server_config *config,
                                                struct fkv_flight_server **ret,
                                                struct fkv_error *error);
FKV_API const char *fkv_flight_server_uri(const struct fkv_flight_server *server, size_t index);
FKV_API void fkv_flight_server_stop(struct fkv_flight_server *server); /* as fkv_server_stop */

/* ---- clients ---- */

/* A field that goes with every call of the client from now on, in place of one of that name; data
 * NULL: no more. INVALID_ARGUMENT for a name or value that can't be sent. Cookies that a server
 * sets are kept and sent back by themselves. */
FKV_API enum fkv_status fkv_flight_client_header(struct fkv_client *client, const char *name,
                                                 struct fkv_bytes value, struct fkv_error *error);

struct fkv_flight_call_options {
    size_t size;
    uint64_t timeout_ms; /* 0: the client's */
    const struct fkv_flight_header *headers;
    size_t header_count;
    /* Gets each field of the answer's headers, then of its trailers; may be NULL. */
    void (*on_header)(void *context, struct fkv_bytes name, struct fkv_bytes value);
    void *context;
};

/* Frees what the functions below give as a pointer; NULL is allowed. */
FKV_API void fkv_flight_free(const void *message);

FKV_API enum fkv_status fkv_flight_get_info(struct fkv_client *client,
                                            const struct fkv_flight_descriptor *descriptor,
                                            const struct fkv_flight_call_options *options,
                                            struct fkv_flight_info **ret, struct fkv_error *error);
FKV_API enum fkv_status fkv_flight_poll_info(struct fkv_client *client,
                                             const struct fkv_flight_descriptor *descriptor,
                                             const struct fkv_flight_call_options *options,
                                             struct fkv_flight_poll_info **ret,
                                             struct fkv_error *error);
FKV_API enum fkv_status fkv_flight_get_schema(struct fkv_client *client,
                                              const struct fkv_flight_descriptor *descriptor,
                                              const struct fkv_flight_call_options *options,
                                              struct ArrowSchema *ret, struct fkv_error *error);

/* The callbacks of these answer false to end the call early, which is no error. */
FKV_API enum fkv_status fkv_flight_list(struct fkv_client *client, struct fkv_bytes criteria,
                                        const struct fkv_flight_call_options *options,
                                        bool (*on_info)(void *context,
                                                        const struct fkv_flight_info *info),
                                        void *context, struct fkv_error *error);
FKV_API enum fkv_status fkv_flight_action(struct fkv_client *client, struct fkv_bytes type,
                                          struct fkv_bytes body,
                                          const struct fkv_flight_call_options *options,
                                          bool (*on_result)(void *context, struct fkv_bytes body),
                                          void *context, struct fkv_error *error);
FKV_API enum fkv_status fkv_flight_list_actions(
    struct fkv_client *client, const struct fkv_flight_call_options *options,
    bool (*on_action)(void *context, struct fkv_bytes type, struct fkv_bytes description),
    void *context, struct fkv_error *error);

/* The standard actions. */
FKV_API enum fkv_status fkv_flight_cancel_info(struct fkv_client *client,
                                               const struct fkv_flight_info *info,
                                               const struct fkv_flight_call_options *options,
                                               enum fkv_flight_cancel_status *ret,
                                               struct fkv_error *error);
FKV_API enum fkv_status fkv_flight_renew_endpoint(struct fkv_client *client,
                                                  const struct fkv_flight_endpoint *endpoint,
                                                  const struct fkv_flight_call_options *options,
                                                  struct fkv_flight_endpoint **ret,
                                                  struct fkv_error *error);
/* `ret` has the options that weren't set, and why; also when there are none. */
FKV_API enum fkv_status
fkv_flight_set_session_options(struct fkv_client *client, const struct fkv_flight_option *set,
                               size_t set_count, const struct fkv_flight_call_options *options,
                               struct fkv_flight_option_errors **ret, struct fkv_error *error);
FKV_API enum fkv_status
fkv_flight_get_session_options(struct fkv_client *client,
                               const struct fkv_flight_call_options *options,
                               struct fkv_flight_options **ret, struct fkv_error *error);
FKV_API enum fkv_status fkv_flight_close_session(struct fkv_client *client,
                                                 const struct fkv_flight_call_options *options,
                                                 enum fkv_flight_close_status *ret,
                                                 struct fkv_error *error);

/* Where the endpoint's data is: `client` itself when it names no location or says so; else a new
 * client, to be closed by the caller, at the first of its locations that answers. The new one has
 * the time-outs and TLS options of `client`. Its user, headers and cookies go along only to the
 * very address that `client` was opened for (scheme, host and port as written): a server that names
 * another one can't have a password or token sent there. Who trusts a location opens a client for
 * it. */
FKV_API enum fkv_status fkv_flight_endpoint_client(struct fkv_client *client,
                                                   const struct fkv_flight_endpoint *endpoint,
                                                   struct fkv_client **ret,
                                                   struct fkv_error *error);

/* ---- authentication ---- */

/* A handshake of one payload; `ret` (may be NULL) is the first payload that comes back, freed by
 * fkv_flight_free, or NULL when there was none. */
FKV_API enum fkv_status fkv_flight_handshake(struct fkv_client *client, struct fkv_bytes payload,
                                             const struct fkv_flight_call_options *options,
                                             struct fkv_bytes **ret, struct fkv_error *error);

/* A handshake with user and password; the token that comes back goes with every later call. In the
 * payload (BasicAuth; the token is "auth-token-bin"), and as "authorization: Basic" (the token
 * comes as "authorization: Bearer"). */
FKV_API enum fkv_status fkv_flight_authenticate(struct fkv_client *client, const char *user,
                                                const char *password, struct fkv_error *error);
FKV_API enum fkv_status fkv_flight_authenticate_basic(struct fkv_client *client, const char *user,
                                                      const char *password,
                                                      struct fkv_error *error);

/* ---- streams of batches ---- */

/* A DoGet, DoPut or DoExchange. While it isn't closed the client is busy: other calls on it give
 * FAILED_PRECONDITION. A ticket's table without app_metadata: fkv_get takes any ticket as its key,
 * and maps it where the server is on this host; these streams always come over the connection. */
struct fkv_flight_stream;

FKV_API enum fkv_status fkv_flight_do_get(struct fkv_client *client, struct fkv_bytes ticket,
                                          const struct fkv_flight_call_options *options,
                                          struct fkv_flight_stream **ret, struct fkv_error *error);
FKV_API enum fkv_status fkv_flight_do_put(struct fkv_client *client,
                                          const struct fkv_flight_descriptor *descriptor,
                                          const struct fkv_flight_call_options *options,
                                          struct fkv_flight_stream **ret, struct fkv_error *error);
FKV_API enum fkv_status fkv_flight_do_exchange(struct fkv_client *client,
                                               const struct fkv_flight_descriptor *descriptor,
                                               const struct fkv_flight_call_options *options,
                                               struct fkv_flight_stream **ret,
                                               struct fkv_error *error);

/* The schema, once, ahead of the batches; then each batch, whose array is taken over, also on
 * failure. Both return when it is on its way. */
FKV_API enum fkv_status fkv_flight_write_schema(struct fkv_flight_stream *stream,
                                                const struct ArrowSchema *schema,
                                                struct fkv_error *error);
FKV_API enum fkv_status fkv_flight_write(struct fkv_flight_stream *stream,
                                         struct fkv_flight_batch *batch, struct fkv_error *error);
/* No more will be written. */
FKV_API enum fkv_status fkv_flight_write_end(struct fkv_flight_stream *stream,
                                             struct fkv_error *error);

/* Waits for the server's schema; FAILED_PRECONDITION when it ended without one. */
FKV_API enum fkv_status fkv_flight_read_schema(struct fkv_flight_stream *stream,
                                               struct ArrowSchema *ret, struct fkv_error *error);
/* Waits for the next batch; false behind the last one. app_metadata is valid until the next call on
 * the stream; the array is the caller's. */
FKV_API enum fkv_status fkv_flight_read(struct fkv_flight_stream *stream,
                                        struct fkv_flight_batch *ret, bool *ret_more,
                                        struct fkv_error *error);
/* DoPut: waits for the next PutResult; as fkv_flight_read. */
FKV_API enum fkv_status fkv_flight_read_result(struct fkv_flight_stream *stream,
                                               struct fkv_bytes *ret, bool *ret_more,
                                               struct fkv_error *error);

/* Ends what isn't at its end (a put or exchange is half-closed and waited for, a get cancelled),
 * frees the stream and gives how the call went. */
FKV_API enum fkv_status fkv_flight_close(struct fkv_flight_stream *stream, struct fkv_error *error);

#ifdef __cplusplus
}
#endif
#endif
