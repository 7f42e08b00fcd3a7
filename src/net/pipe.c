/* SPDX-License-Identifier: Apache-2.0 */
/* Two rings of bytes, one a direction; each end writes into the other's. The link goes when both
 * ends are closed and nobody holds it. */
#include "net/pipe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"

enum { default_buffer_bytes = 64 << 10 };

struct ring {
    uint8_t *data;
    size_t size;
    size_t start; /* of the oldest byte */
    size_t used;
};

struct end {
    struct net_transport transport;
    struct link *link;
    struct end *other;
    struct ring incoming;
    int wanted;
    bool has_ended; /* its writing */
    bool is_closed;
    bool was_told; /* that the link is broken */
};

struct link {
    const struct alloc *alloc;
    struct net_pipe_options options;
    struct end ends[2];
    unsigned holds;
    bool is_broken;
};

static struct end *end_of(struct net_transport *transport)
{
    return (struct end *)transport;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t ring_write(struct ring *ring, const uint8_t *data, size_t size)
{
    size = least(size, ring->size - ring->used);
    for (size_t done = 0; done < size;) {
        size_t at = (ring->start + ring->used) % ring->size;
        size_t part = least(size - done, ring->size - at);
        memcpy(ring->data + at, data + done, part);
        ring->used += part;
        done += part;
    }
    return size;
}

static size_t ring_read(struct ring *ring, uint8_t *data, size_t size)
{
    size = least(size, ring->used);
    for (size_t done = 0; done < size;) {
        size_t part = least(size - done, ring->size - ring->start);
        memcpy(data + done, ring->data + ring->start, part);
        ring->start = (ring->start + part) % ring->size;
        ring->used -= part;
        done += part;
    }
    return size;
}

static ssize_t pipe_read(struct net_transport *transport, void *data, size_t size)
{
    struct end *end = end_of(transport);
    if (end->link->is_broken) {
        bool was_told = end->was_told;
        end->was_told = true;
        return was_told ? 0 : -ECONNRESET;
    }
    if (end->link->options.read_bytes_max != 0)
        size = least(size, end->link->options.read_bytes_max);
    size_t moved = ring_read(&end->incoming, data, size);
    if (moved > 0)
        return (ssize_t)moved;
    return end->other->has_ended ? 0 : -EAGAIN;
}

static ssize_t pipe_write(struct net_transport *transport, const struct iovec *iov, int count)
{
    struct end *end = end_of(transport);
    if (end->link->is_broken)
        return -ECONNRESET;
    if (end->other->is_closed || end->has_ended)
        return -EPIPE;
    size_t left = end->link->options.write_bytes_max;
    if (left == 0)
        left = SIZE_MAX;
    size_t moved = 0;
    for (int i = 0; i < count; i++) {
        size_t part = least(iov[i].iov_len, left - moved);
        size_t done = ring_write(&end->other->incoming, iov[i].iov_base, part);
        moved += done;
        if (done < iov[i].iov_len)
            break;
    }
    return moved > 0 ? (ssize_t)moved : -EAGAIN;
}

static void pipe_want(struct net_transport *transport, int events)
{
    end_of(transport)->wanted = events;
}

static int ready_events(const struct end *end)
{
    if (end->link->is_broken)
        return NET_READABLE | NET_WRITABLE;
    const struct ring *outgoing = &end->other->incoming;
    bool readable = end->incoming.used > 0 || end->other->has_ended;
    bool writable = outgoing->used < outgoing->size || end->other->is_closed || end->has_ended;
    return (readable ? NET_READABLE : 0) | (writable ? NET_WRITABLE : 0);
}

/* Nobody's time passes here: it is over when on_wait says that nothing can happen. */
static int pipe_wait(struct net_transport *transport, int events, uint64_t timeout_ns)
{
    struct end *end = end_of(transport);
    const struct net_pipe_options *options = &end->link->options;
    int ready;
    while ((ready = ready_events(end) & events) == 0)
        if (timeout_ns == 0 || options->on_wait == NULL || !options->on_wait(options->context))
            break;
    return ready;
}

static void link_free(struct link *link)
{
    for (int i = 0; i < 2; i++)
        alloc_free(link->alloc, link->ends[i].incoming.data);
    alloc_free(link->alloc, link);
}

static void free_if_unused(struct link *link)
{
    if (link->ends[0].is_closed && link->ends[1].is_closed && link->holds == 0)
        link_free(link);
}

static void pipe_end(struct net_transport *transport)
{
    end_of(transport)->has_ended = true;
}

static void pipe_close(struct net_transport *transport)
{
    struct end *end = end_of(transport);
    end->is_closed = end->has_ended = true;
    end->wanted = 0;
    free_if_unused(end->link);
}

static const struct net_transport_ops pipe_ops = {pipe_read, pipe_write, pipe_want, pipe_wait,
                                                  pipe_end,  pipe_close, NULL};

static bool link_init(struct link *link, size_t buffer_bytes)
{
    for (int i = 0; i < 2; i++) {
        struct end *end = &link->ends[i];
        end->transport.ops = &pipe_ops;
        snprintf(end->transport.peer, sizeof end->transport.peer, "pipe:%d", 1 - i);
        end->transport.is_local = link->options.is_local;
        end->link = link;
        end->other = &link->ends[1 - i];
        end->incoming.size = buffer_bytes;
        end->incoming.data = alloc_get(link->alloc, buffer_bytes);
        if (end->incoming.data == NULL)
            return false;
    }
    return true;
}

enum fkv_status net_pipe_new(const struct alloc *alloc, const struct net_pipe_options *options,
                             struct net_transport **ret_a, struct net_transport **ret_b,
                             struct fkv_error *error)
{
    struct link *link = alloc_zero(alloc, sizeof *link);
    if (link == NULL)
        return status_no_memory(error, sizeof *link);
    link->alloc = alloc;
    if (options != NULL)
        link->options = *options;
    size_t buffer_bytes = link->options.buffer_bytes;
    if (buffer_bytes == 0)
        buffer_bytes = default_buffer_bytes;
    if (!link_init(link, buffer_bytes)) {
        link_free(link);
        return status_no_memory(error, buffer_bytes);
    }
    *ret_a = &link->ends[0].transport;
    *ret_b = &link->ends[1].transport;
    return FKV_OK;
}

bool net_pipe_step(struct net_transport *transport)
{
    struct end *end = end_of(transport);
    int events = ready_events(end) & end->wanted;
    if (events == 0 || transport->on_ready == NULL)
        return false;
    transport->on_ready(transport->context, events);
    return true;
}

void net_pipe_hold(struct net_transport *transport)
{
    end_of(transport)->link->holds++;
}

void net_pipe_release(struct net_transport *transport)
{
    struct link *link = end_of(transport)->link;
    link->holds--;
    free_if_unused(link);
}

void net_pipe_break(struct net_transport *transport)
{
    end_of(transport)->link->is_broken = true;
}
