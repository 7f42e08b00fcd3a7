/* SPDX-License-Identifier: Apache-2.0 */
/* responder: a bare nghttp2 server that answers every call with the same prepared messages: the
 * ceiling of what any Flight server can be with a given client.
 *
 *     responder INDEX BODIES
 *
 * INDEX has an entry for each gRPC message, in host order: uint32 size of its head, uint64 offset
 * and uint64 size of its body in the file BODIES, then the head: the gRPC prefix and all of the
 * protobuf message but the body's bytes. Both files are mapped and read once before: what is sent
 * was prepared, and nothing is looked up, checked or counted.
 *
 * One connection after the other, one thread, blocking sockets. DATA frames are as large as the
 * peer takes; a frame goes out by one sendmsg(2) with the bytes where they are. Prints its address
 * when it is ready. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "timing.h"

enum { parts_per_frame = 64, receive_bytes = 64 << 10 };

struct part {
    const uint8_t *bytes;
    size_t size;
};

struct responder {
    struct part *parts;
    size_t count;
    int fd;
};

/* How far one answer has come; freed with its stream. */
struct answer {
    size_t part;
    size_t offset;
};

static const uint8_t *map_file(const char *path, size_t *ret_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) < 0)
        die("responder: cannot open a file");
    void *bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (bytes == MAP_FAILED)
        die("responder: cannot map a file");
    close(fd);
    *ret_size = (size_t)about.st_size;
    return bytes;
}

static void add_part(struct responder *responder, const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return;
    responder->parts =
        must(realloc(responder->parts, (responder->count + 1) * sizeof *responder->parts));
    responder->parts[responder->count++] = (struct part){bytes, size};
}

static void read_index(struct responder *responder, const char *index_path, const char *bodies_path)
{
    size_t index_size, bodies_size;
    const uint8_t *index = map_file(index_path, &index_size);
    const uint8_t *bodies = map_file(bodies_path, &bodies_size);
    for (size_t at = 0; at < index_size;) {
        uint32_t head_size;
        uint64_t offset, size;
        memcpy(&head_size, index + at, sizeof head_size);
        memcpy(&offset, index + at + 4, sizeof offset);
        memcpy(&size, index + at + 12, sizeof size);
        errno = EINVAL;
        if (head_size > index_size - at - 20 || offset > bodies_size || size > bodies_size - offset)
            die("responder: the index isn't one of these bodies");
        add_part(responder, index + at + 20, head_size);
        add_part(responder, bodies + offset, size);
        at += 20 + head_size;
    }
}

/* ---- nghttp2 ---- */

static size_t left_of(const struct responder *responder, const struct answer *answer, size_t most)
{
    size_t left = 0;
    for (size_t i = answer->part; i < responder->count && left < most; i++)
        left += responder->parts[i].size - (i == answer->part ? answer->offset : 0);
    return left < most ? left : most;
}

static ssize_t read_answer(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t size,
                           uint32_t *flags, nghttp2_data_source *source, void *context)
{
    static const nghttp2_nv trailer = {(uint8_t *)"grpc-status", (uint8_t *)"0", 11, 1, 0};
    struct responder *responder = context;
    struct answer *answer = source->ptr;
    size_t left = left_of(responder, answer, size + 1);
    (void)buffer;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (left <= size) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        nghttp2_submit_trailer(session, stream, &trailer, 1);
        return (ssize_t)left;
    }
    return (ssize_t)size;
}

static ssize_t read_length(nghttp2_session *session, uint8_t type, int32_t stream,
                           int32_t session_window, int32_t stream_window, uint32_t frame_size,
                           void *context)
{
    (void)session, (void)type, (void)stream, (void)context;
    int32_t window = session_window < stream_window ? session_window : stream_window;
    return window < (int32_t)frame_size ? window : (ssize_t)frame_size;
}

static void send_all(int fd, struct iovec *iovecs, size_t count)
{
    while (count > 0) {
        struct msghdr message = {.msg_iov = iovecs, .msg_iovlen = count};
        ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (n < 0)
            die("responder: sendmsg");
        while (count > 0 && (size_t)n >= iovecs->iov_len) {
            n -= (ssize_t)iovecs->iov_len;
            iovecs++;
            count--;
        }
        if (count > 0) {
            iovecs->iov_base = (uint8_t *)iovecs->iov_base + n;
            iovecs->iov_len -= (size_t)n;
        }
    }
}

static int send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                     size_t length, nghttp2_data_source *source, void *context)
{
    struct responder *responder = context;
    struct answer *answer = source->ptr;
    struct iovec iovecs[parts_per_frame] = {{(void *)(uintptr_t)head, 9}};
    size_t count = 1;
    (void)session, (void)frame;
    while (length > 0) {
        const struct part *part = &responder->parts[answer->part];
        size_t size = part->size - answer->offset < length ? part->size - answer->offset : length;
        iovecs[count++] = (struct iovec){(void *)(uintptr_t)(part->bytes + answer->offset), size};
        length -= size;
        answer->offset += size;
        if (answer->offset == part->size)
            *answer = (struct answer){answer->part + 1, 0};
        if (count == parts_per_frame) {
            send_all(responder->fd, iovecs, count);
            count = 0;
        }
    }
    send_all(responder->fd, iovecs, count);
    return 0;
}

static ssize_t send_frame(nghttp2_session *session, const uint8_t *bytes, size_t size, int flags,
                          void *context)
{
    struct responder *responder = context;
    struct iovec iovec = {(void *)(uintptr_t)bytes, size};
    (void)session, (void)flags;
    send_all(responder->fd, &iovec, 1);
    return (ssize_t)size;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    static const nghttp2_nv head[] = {
        {(uint8_t *)":status", (uint8_t *)"200", 7, 3, 0},
        {(uint8_t *)"content-type", (uint8_t *)"application/grpc", 12, 16, 0}};
    (void)context;
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    struct answer *answer = must(calloc(1, sizeof *answer));
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, answer);
    nghttp2_data_provider provider = {{.ptr = answer}, read_answer};
    return nghttp2_submit_response(session, frame->hd.stream_id, head, 2, &provider);
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *context)
{
    (void)error, (void)context;
    free(nghttp2_session_get_stream_user_data(session, stream));
    return 0;
}

static void serve(struct responder *responder, const nghttp2_session_callbacks *callbacks)
{
    static uint8_t buffer[receive_bytes];
    nghttp2_session *session;
    if (nghttp2_session_server_new(&session, callbacks, responder) != 0)
        die("responder: out of memory");
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0);
    while (nghttp2_session_send(session) == 0) {
        ssize_t n = recv(responder->fd, buffer, sizeof buffer, 0);
        if (n <= 0 || nghttp2_session_mem_recv(session, buffer, (size_t)n) != n)
            break;
    }
    nghttp2_session_del(session);
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 8) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        die("responder: cannot listen on 127.0.0.1");
    printf("grpc+tcp://127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    struct responder responder = {0};
    nghttp2_session_callbacks *callbacks;
    if (argc != 3)
        return fprintf(stderr, "usage: responder INDEX BODIES\n"), 2;
    read_index(&responder, argv[1], argv[2]);
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        die("responder: out of memory");
    nghttp2_session_callbacks_set_send_callback(callbacks, send_frame);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, read_length);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    for (int listener = listen_anywhere();;) {
        int on = 1;
        responder.fd = accept(listener, NULL, NULL);
        if (responder.fd < 0 ||
            setsockopt(responder.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
            setsockopt(responder.fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) < 0)
            die("responder: accept");
        serve(&responder, callbacks);
        close(responder.fd);
    }
}
