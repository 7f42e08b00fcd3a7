/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pump.h"

#include <errno.h>

#include "base/counter.h"
#include "base/status.h"
#include "wire/internal.h"

/* Entries of one write; a large DATA frame has about three. */
enum { iov_max = 128 };

/* One read to where the bytes are wanted; they are still in the cache when they are looked at
 * (docs/design/013-receive-in-place.md). */
enum { target_bytes_max = 256 << 10 };

struct wire_pump {
    const struct alloc *alloc;
    struct net_transport *transport;
    struct wire_session *session;
    struct wire_pump_options options;
    bool has_output; /* the session had, when the last turn ended */
    bool has_ended;  /* nothing is written any more, and what comes is of no interest */
};

static void close_both(struct wire_pump *pump)
{
    wire_session_free(pump->session);
    pump->session = NULL;
    net_close(pump->transport);
    pump->transport = NULL;
}

/* The session's calls hear the reason first; then the owner, who may free the pump. */
static void end(struct wire_pump *pump, const struct fkv_error *error)
{
    wire_session_lose(pump->session,
                      error->status == FKV_OK ? "the connection was closed" : error->message);
    close_both(pump);
    if (pump->options.on_closed != NULL)
        pump->options.on_closed(pump->options.context, pump, error);
}

static enum fkv_status io_failed(struct wire_pump *pump, ssize_t code, const char *what,
                                 struct fkv_error *error)
{
    const struct fkv_error *trouble = pump->transport->trouble;
    if (trouble != NULL)
        return status_set_hint(error, trouble->status, trouble->hint, "%s: %s",
                               pump->transport->peer, trouble->message);
    return status_set(error, FKV_UNAVAILABLE, "%s %s: %s", what, pump->transport->peer,
                      strerror((int)-code));
}

/* Small reads aren't worth a call of their own: what comes behind them is read with them. */
static struct iovec room_to_read(const struct wire_pump *pump)
{
    size_t size = target_bytes_max;
    uint8_t *target = wire_session_target(pump->session, &size);
    if (target != NULL && size >= pump->options.scratch_bytes)
        return (struct iovec){target, size};
    return (struct iovec){pump->options.scratch, pump->options.scratch_bytes};
}

/* Both give the number of bytes moved in *ret_moved. `patience_ns` 0: what is there, without
 * waiting for more. */
static enum fkv_status read_once(struct wire_pump *pump, uint64_t patience_ns, size_t *ret_moved,
                                 struct fkv_error *error)
{
    struct net_transport *transport = pump->transport;
    const struct iovec room = room_to_read(pump);
    *ret_moved = 0;
    ssize_t size = patience_ns == 0 ? net_read(transport, room.iov_base, room.iov_len)
                                    : transport->ops->read_within(transport, room.iov_base,
                                                                  room.iov_len, patience_ns);
    if (size == -EAGAIN)
        return FKV_OK;
    if (size == 0)
        return status_set(error, FKV_UNAVAILABLE, "%s closed the connection",
                          pump->transport->peer);
    if (size < 0)
        return io_failed(pump, size, "could not read from", error);
    *ret_moved = (size_t)size;
    if (pump->options.traffic != NULL)
        counter_add(&pump->options.traffic->received_bytes, size);
    return wire_session_feed(pump->session, slice_of(room.iov_base, (size_t)size), error);
}

static enum fkv_status write_once(struct wire_pump *pump, size_t *ret_moved,
                                  struct fkv_error *error)
{
    struct iovec iov[iov_max];
    *ret_moved = 0;
    size_t count = wire_session_next(pump->session, iov, iov_max, *pump->options.turn_bytes);
    if (count == 0)
        return FKV_OK;
    ssize_t size = net_write(pump->transport, iov, (int)count);
    if (size == -EAGAIN)
        return FKV_OK;
    if (size < 0)
        return io_failed(pump, size, "could not write to", error);
    *ret_moved = (size_t)size;
    if (pump->options.traffic != NULL)
        counter_add(&pump->options.traffic->sent_bytes, size);
    wire_session_sent(pump->session, (size_t)size);
    return FKV_OK;
}

/* The peer takes no more, but what it sent before may still be there, down to a call's end. */
static void read_rest(struct wire_pump *pump)
{
    size_t moved;
    while (read_once(pump, 0, &moved, NULL) == FKV_OK && moved > 0)
        ;
}

/* An end of stream between calls is how clients leave. */
static bool is_orderly(const struct wire_pump *pump)
{
    return !pump->session->has_failed && pump->session->stats.calls_open == 0;
}

/* Until the peer has read all to the end, and closes. False when it did. */
static bool await_close(struct wire_pump *pump, int events, size_t *ret_moved)
{
    const struct fkv_error orderly = {.status = FKV_OK};
    ssize_t size = -EAGAIN;
    if ((events & NET_READABLE) != 0)
        size = net_read(pump->transport, pump->options.scratch, pump->options.scratch_bytes);
    *ret_moved = size > 0 ? (size_t)size : 0;
    net_want(pump->transport, NET_READABLE);
    if (size > 0 || size == -EAGAIN)
        return true;
    end(pump, &orderly);
    return false;
}

/* One read if the transport is readable, and one write: at once, without waiting for the transport
 * to say that it is writable, for it nearly always is. False when the connection was over. */
static bool turn(struct wire_pump *pump, int events, uint64_t patience_ns, size_t *ret_moved)
{
    struct wire_session *session = pump->session;
    struct fkv_error error;
    enum fkv_status status = FKV_OK;
    size_t read = 0, written = 0;
    if (pump->has_ended)
        return await_close(pump, events, ret_moved);
    status_clear(&error);
    if ((events & NET_READABLE) != 0)
        status = read_once(pump, patience_ns, &read, &error);
    if (status == FKV_OK) {
        status = write_once(pump, &written, &error);
        if (status != FKV_OK)
            read_rest(pump);
    } else if (session->has_failed) {
        write_once(pump, &written, NULL); /* a GOAWAY that tells the peer why */
    }
    if (status == FKV_OK && session->has_failed)
        status = status_set(&error, session->error.status, "%s", session->error.message);
    *ret_moved = read + written;
    enum wire_state state = status == FKV_OK ? wire_session_state(session) : WIRE_OVER;
    if (state == WIRE_AWAITS_CLOSE) {
        pump->has_ended = true;
        net_end(pump->transport);
    }
    if (state != WIRE_OVER) {
        pump->has_output = state == WIRE_HAS_OUTPUT;
        net_want(pump->transport, NET_READABLE | (pump->has_output ? NET_WRITABLE : 0));
        return true;
    }
    if (is_orderly(pump) && error.status == FKV_UNAVAILABLE)
        error = (struct fkv_error){.status = FKV_OK};
    end(pump, &error);
    return false;
}

static void on_ready(void *context, int events)
{
    size_t moved;
    turn(context, events, 0, &moved);
}

enum fkv_status wire_pump_new(const struct alloc *alloc, struct net_transport *transport,
                              struct wire_session *session, const struct wire_pump_options *options,
                              struct wire_pump **ret, struct fkv_error *error)
{
    struct wire_pump *pump = alloc_zero(alloc, sizeof *pump);
    if (pump == NULL) {
        wire_session_free(session);
        net_close(transport);
        return status_no_memory(error, sizeof *pump);
    }
    *pump = (struct wire_pump){alloc, transport, session, *options, false, false};
    transport->on_ready = on_ready;
    transport->context = pump;
    net_want(transport, NET_READABLE | NET_WRITABLE); /* SETTINGS are to be sent */
    *ret = pump;
    return FKV_OK;
}

void wire_pump_free(struct wire_pump *pump)
{
    if (pump == NULL)
        return;
    close_both(pump);
    alloc_free(pump->alloc, pump);
}

struct wire_session *wire_pump_session(struct wire_pump *pump)
{
    return pump->session;
}

struct net_transport *wire_pump_transport(struct wire_pump *pump)
{
    return pump->transport;
}

void wire_pump_wake(struct wire_pump *pump)
{
    if (pump->transport != NULL)
        net_want(pump->transport, NET_READABLE | NET_WRITABLE);
}

enum wire_turn wire_pump_turn(struct wire_pump *pump, uint64_t timeout_ns)
{
    size_t moved = 0;
    if (pump->session == NULL)
        return WIRE_TURN_CLOSED;
    bool has_written = wire_session_state(pump->session) == WIRE_HAS_OUTPUT;
    if (has_written && !turn(pump, 0, 0, &moved))
        return WIRE_TURN_CLOSED;
    bool has_more = has_written && pump->has_output;
    if (has_written && !has_more) /* who waits now looks first: the call may be over */
        return WIRE_TURN_PROGRESS;
    bool is_stuck = has_more && moved == 0; /* the socket takes no more */
    uint64_t patience = has_written && !is_stuck ? 0 : timeout_ns;
    if (!has_more && patience > 0 && patience != UINT64_MAX &&
        pump->transport->ops->read_within != NULL) {
        if (!turn(pump, NET_READABLE, patience, &moved))
            return WIRE_TURN_CLOSED;
        return moved > 0 ? WIRE_TURN_PROGRESS : WIRE_TURN_TIMEOUT;
    }
    int ready = net_wait(pump->transport, NET_READABLE | (has_more ? NET_WRITABLE : 0), patience);
    if (ready == 0)
        return has_written && !is_stuck ? WIRE_TURN_PROGRESS : WIRE_TURN_TIMEOUT;
    return turn(pump, ready, 0, &moved) ? WIRE_TURN_PROGRESS : WIRE_TURN_CLOSED;
}
