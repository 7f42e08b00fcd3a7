/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/peer.h"

void peer_open(struct peer *peer, struct flow *flow)
{
    struct fkv_error error;
    *peer = (struct peer){.flow = flow};
    answer_init(&peer->answer);
    buf_init(&peer->unread, alloc_system(), 1 << 20);
    assert_ok(net_pipe_new(alloc_system(), &flow->pipe, &peer->end, &peer->server_end, &error));
    net_pipe_hold(peer->server_end);
    assert_ok(host_adopt(flow->host, peer->server_end, &error));
}

void peer_close(struct peer *peer)
{
    net_close(peer->end);
    net_pipe_release(peer->server_end);
    buf_done(&peer->unread);
    answer_done(&peer->answer);
}

void peer_call(struct peer *peer, const char *method, int flags, const char *name,
               const char *value)
{
    char path[100];
    snprintf(path, sizeof path, "%s%s",
             method[0] == '/' ? "" : "/arrow.flight.protocol.FlightService/", method);
    const char *const fields[] = {
        ":authority", "pipe", ":method", "POST",     ":scheme",      "http",
        ":path",      path,   "te",      "trailers", "content-type", "application/grpc",
        name,         value,  NULL};
    peer->stream += peer->stream == 0 ? 1 : 2;
    add_headers(&peer->answer.bytes, flags, peer->stream, fields);
}

void peer_message(struct peer *peer, int flags, const void *bytes, size_t size)
{
    uint8_t framed[256] = {0, 0, 0, 0, (uint8_t)size};
    assert_true(size <= sizeof framed - 5);
    if (size > 0)
        memcpy(framed + 5, bytes, size);
    add_frame(&peer->answer.bytes, DATA, flags, peer->stream, framed, 5 + size);
}

void peer_step(struct peer *peer)
{
    do
        flow_settle(peer->flow);
    while (net_pipe_step(peer->server_end));
}

bool peer_send(struct peer *peer)
{
    struct buf *bytes = &peer->answer.bytes;
    const struct iovec iov = {bytes->data, bytes->size};
    ssize_t written = net_write(peer->end, &iov, 1);
    if (written >= 0)
        assert_int_equal(written, bytes->size);
    buf_clear(bytes);
    peer_step(peer);
    return written >= 0;
}

const char *peer_read(struct peer *peer)
{
    uint8_t bytes[4096];
    ssize_t size;
    while ((size = net_read(peer->end, bytes, sizeof bytes)) > 0) {
        buf_append(&peer->unread, bytes, (size_t)size);
        struct slice rest = show_frames(&peer->answer, buf_slice(&peer->unread));
        memmove(peer->unread.data, rest.data, rest.size);
        peer->unread.size = rest.size;
        peer_step(peer);
    }
    peer->is_closed = peer->is_closed || size == 0;
    return buf_c_text(&peer->answer.text);
}

void peer_expect(struct peer *peer, const char *part)
{
    const char *text = buf_c_text(&peer->answer.text);
    if (strstr(text, part) == NULL)
        fail_msg("expected '%s' in\n%s", part, text);
}
