/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "base/status.h"
#include "wire/internal.h"

/* The length of our DATA frames was measured with 512 MiB in messages of 2 MiB between two
 * processes over loopback TCP, on two cores that had other work too. Processor seconds a GB, both
 * ends together, medians of five:
 *
 *              16 KiB   64 KiB   256 KiB   1 MiB   4 MiB
 *     get        0.90     0.87      0.91    0.79    0.80
 *     put        0.85     0.84      0.83    0.78    0.80
 *
 * Runs of one length differ by more than that. 1 MiB loses nothing, and calls on one connection
 * take turns about every millisecond. */
const struct wire_limits wire_limits_default = {
    /* More than a client has at once on one connection; times the next it bounds what the header
     * lists of a connection's calls can hold: here 16 MiB. */
    .streams_max = 256,
    /* Four times what gRPC's clients announce for themselves: tokens and cookies fit. */
    .header_bytes_max = 64 << 10,
    /* A frame isn't gathered, so a long one costs nothing; senders have their own limits. */
    .frame_bytes_max = 1 << 20,
    .send_frame_bytes_max = 1 << 20,
    /* Credit goes back in halves of a window. Half of this is several times what a socket's buffers
     * hold, so that a sender never waits for it; and it is what a held call makes its sender
     * keep on the way. */
    .stream_window_bytes = 16 << 20,
    /* Held calls don't use it up (call.c): it has to be no more than a stream's, and is larger for
     * the sake of calls side by side. */
    .connection_window_bytes = 64 << 20,
    /* What the prefix of a message can say. The receivers know what they gather. */
    .message_bytes_max = UINT32_MAX,
    /* Frames that wait for a slow socket: some turns of the pump's. Copied bytes are the least part
     * of them, but a peer that makes us answer (PING, SETTINGS) can fill it. */
    .output_bytes_max = 1 << 20,
};

static enum fkv_status session_init(struct wire_session *session, const char *authority,
                                    struct fkv_error *error)
{
    if (authority != NULL) {
        session->authority = alloc_text(session->alloc, authority, strlen(authority));
        if (session->authority == NULL)
            return status_no_memory(error, strlen(authority));
    }
    return wire_h2_new(session, error);
}

enum fkv_status wire_session_new(const struct alloc *alloc, enum wire_role role,
                                 const struct wire_limits *limits, const struct wire_events *events,
                                 const char *authority, struct wire_session **ret,
                                 struct fkv_error *error)
{
    struct wire_session *session = alloc_zero(alloc, sizeof *session);
    if (session == NULL)
        return status_no_memory(error, sizeof *session);
    session->alloc = alloc;
    session->role = role;
    session->limits = *limits;
    if (events != NULL)
        session->events = *events;
    list_init(&session->calls);
    list_init(&session->attention);
    list_init(&session->closed);
    list_init(&session->spares);
    wire_pieces_init(&session->output, alloc);
    wire_copier_init(&session->copier, alloc);
    enum fkv_status status = session_init(session, authority, error);
    if (status != FKV_OK)
        wire_session_free(session);
    else
        *ret = session;
    return status;
}

void wire_session_free_closed(struct wire_session *session)
{
    struct list *node;
    while ((node = list_shift(&session->closed)) != NULL)
        wire_call_free(list_entry(node, struct wire_call, link));
}

void wire_session_free(struct wire_session *session)
{
    if (session == NULL)
        return;
    wire_session_lose(session,
                      session->has_failed ? session->error.message : "the connection was closed");
    wire_session_free_closed(session);
    wire_call_free_spares(session);
    wire_h2_free(session);
    wire_pieces_done(&session->output);
    wire_copier_done(&session->copier);
    alloc_free(session->alloc, session->authority);
    alloc_free(session->alloc, session);
}

void wire_session_lose(struct wire_session *session, const char *message)
{
    session->refuses_calls = true;
    while (!list_empty(&session->calls))
        wire_call_close(list_entry(session->calls.next, struct wire_call, link), FKV_UNAVAILABLE,
                        message);
}

void wire_session_fail(struct wire_session *session, enum fkv_status status, const char *format,
                       ...)
{
    session->refuses_calls = true;
    if (session->has_failed)
        return;
    session->has_failed = true;
    session->error.status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(session->error.message, sizeof session->error.message, format, args);
    va_end(args);
}

static enum fkv_status failure(const struct wire_session *session, struct fkv_error *error)
{
    return status_set(error, session->error.status, "%s", session->error.message);
}

/* Every connection begins with these 24 bytes (RFC 9113 section 3.4); HTTP/1.1 and TLS clients, and
 * those of other protocols, end here. The log then shows what they said. */
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* The first byte of a TLS alert, with which TLS servers answer our preface, would be that of a
 * first frame longer than any may be. */
static bool check_answer(struct wire_session *session, struct slice bytes)
{
    enum { tls_alert = 0x15 };
    if (session->stats.bytes_fed > 0 || bytes.data[0] != tls_alert)
        return true;
    wire_session_fail(session, FKV_UNAVAILABLE,
                      "the server speaks TLS, expected HTTP/2 without; grpc+tls:// is for servers "
                      "with TLS");
    return false;
}

static bool check_preface(struct wire_session *session, struct slice bytes)
{
    size_t have = (size_t)session->stats.bytes_fed;
    if (session->role == WIRE_CLIENT)
        return check_answer(session, bytes);
    if (have >= sizeof preface - 1)
        return true;
    size_t size = sizeof preface - 1 - have;
    if (size > bytes.size)
        size = bytes.size;
    if (memcmp(bytes.data, preface + have, size) == 0)
        return true;
    char shown[sizeof preface];
    for (size_t i = 0; i < size; i++)
        shown[i] = bytes.data[i] >= 0x20 && bytes.data[i] < 0x7f ? (char)bytes.data[i] : '.';
    wire_session_fail(session, FKV_UNAVAILABLE,
                      "the client doesn't speak HTTP/2: expected its preface, got '%.*s'",
                      (int)size, shown);
    return false;
}

enum fkv_status wire_session_feed(struct wire_session *session, struct slice bytes,
                                  struct fkv_error *error)
{
    wire_session_free_closed(session);
    if (!session->has_failed && bytes.size > 0 && check_preface(session, bytes)) {
        session->stats.bytes_fed += bytes.size;
        session->is_busy = true;
        wire_h2_feed(session, bytes);
        session->is_busy = false;
        /* Now, so that answers to PING are quick and a violation is known before more is fed. */
        wire_h2_write_controls(session);
    }
    return session->has_failed ? failure(session, error) : FKV_OK;
}

uint8_t *wire_session_target(struct wire_session *session, size_t *size)
{
    return session->has_failed ? NULL : wire_h2_target(session, size);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

size_t wire_session_next(struct wire_session *session, struct iovec *iov, size_t capacity,
                         size_t bytes_max)
{
    wire_session_free_closed(session);
    uint64_t target = least(bytes_max, session->limits.output_bytes_max);
    session->is_busy = true;
    while (!session->has_failed && session->output.bytes < target &&
           !list_empty(&session->attention))
        wire_call_attend(list_entry(list_shift(&session->attention), struct wire_call, attention));
    wire_h2_write(session, target);
    session->is_busy = false;
    return wire_pieces_iov(&session->output, iov, capacity, bytes_max);
}

void wire_session_sent(struct wire_session *session, size_t bytes)
{
    session->stats.bytes_sent += bytes;
    wire_pieces_drop(&session->output, bytes);
}

enum wire_state wire_session_state(struct wire_session *session)
{
    if (session->output.bytes > 0)
        return WIRE_HAS_OUTPUT;
    if (session->has_failed)
        return WIRE_OVER;
    if (!list_empty(&session->attention) || wire_h2_wants_write(session))
        return WIRE_HAS_OUTPUT;
    if (wire_h2_wants_read(session))
        return WIRE_LISTENS;
    return session->awaits_peer ? WIRE_AWAITS_CLOSE : WIRE_OVER;
}

void wire_session_drain(struct wire_session *session)
{
    session->refuses_calls = true;
    if (session->has_failed || session->has_drained)
        return;
    session->has_drained = true;
    session->awaits_peer = session->role == WIRE_SERVER && session->stats.calls_open > 0;
    wire_h2_goaway(session);
    if (!session->is_busy)
        wire_h2_write_controls(session);
}

struct wire_session_stats wire_session_stats(const struct wire_session *session)
{
    struct wire_session_stats stats = session->stats;
    stats.output_bytes = session->output.bytes;
    return stats;
}
