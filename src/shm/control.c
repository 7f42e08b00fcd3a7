/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/control.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const uint8_t magic[8] = {'f', 'k', 'v', '-', 's', 'h', 'm', '1'};

enum {
    magic_size = sizeof magic,
    hello_size = magic_size + shm_nonce_size,
    welcome_size = magic_size + shm_token_size + 8,
    release_size_max = shm_ids_max * 8,
};

_Static_assert(shm_path_max == sizeof((struct sockaddr_un *)0)->sun_path - 1, "with a NUL");

int shm_control_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size > shm_path_max)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, size);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int cause = errno;
    close(fd);
    return -cause;
}

/* ---- packets ---- */

union one_descriptor {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(int))];
};

/* `file` < 0: none goes along. */
static int send_packet(int fd, const uint8_t *bytes, size_t size, int file)
{
    struct iovec iov = {(void *)(uintptr_t)bytes, size};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    union one_descriptor control = {0};
    if (file >= 0) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof file);
        memcpy(CMSG_DATA(head), &file, sizeof file);
    }
    ssize_t sent;
    do
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* The descriptor that came with a message; -1: none, or more than one. */
static int file_of(struct msghdr *message)
{
    int file = -1;
    struct cmsghdr *head = CMSG_FIRSTHDR(message);
    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
        head->cmsg_len == CMSG_LEN(sizeof file))
        memcpy(&file, CMSG_DATA(head), sizeof file);
    if (file >= 0 && (message->msg_flags & MSG_CTRUNC) != 0) {
        close(file);
        return -1;
    }
    return file;
}

/* The size of the packet, at most `room`; else as the functions of the header. Descriptors that
 * nobody asked for (`ret_file` NULL) never become this process's. */
static int receive_packet(int fd, uint8_t *ret, size_t room, int *ret_file)
{
    struct iovec iov = {ret, room};
    union one_descriptor control;
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (ret_file != NULL) {
        message.msg_control = control.room; /* for one: the kernel closes what is more */
        message.msg_controllen = CMSG_LEN(sizeof *ret_file);
    }
    ssize_t size;
    do
        size = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return -errno;
    if (ret_file != NULL)
        *ret_file = file_of(&message);
    return (message.msg_flags & MSG_TRUNC) != 0 ? -EBADMSG : (int)size;
}

int shm_send_hello(int fd, const uint8_t nonce[shm_nonce_size])
{
    uint8_t packet[hello_size];
    memcpy(packet, magic, magic_size);
    memcpy(packet + magic_size, nonce, shm_nonce_size);
    return send_packet(fd, packet, sizeof packet, -1);
}

int shm_send_welcome(int fd, const struct shm_welcome *welcome, int file)
{
    uint8_t packet[welcome_size];
    memcpy(packet, magic, magic_size);
    memcpy(packet + magic_size, welcome->token, shm_token_size);
    store_le64(packet + magic_size + shm_token_size, welcome->map_bytes);
    return send_packet(fd, packet, sizeof packet, file);
}

int shm_send_release(int fd, const uint64_t *ids, size_t count)
{
    uint8_t packet[release_size_max];
    for (size_t i = 0; i < count; i++)
        store_le64(packet + 8 * i, ids[i]);
    return send_packet(fd, packet, 8 * count, -1);
}

int shm_receive_welcome(int fd, struct shm_welcome *ret, int *ret_file)
{
    uint8_t packet[welcome_size + 1];
    int file = -1;
    int size = receive_packet(fd, packet, sizeof packet, &file);
    if (size == welcome_size && memcmp(packet, magic, magic_size) == 0 && file >= 0) {
        memcpy(ret->token, packet + magic_size, shm_token_size);
        ret->map_bytes = load_le64(packet + magic_size + shm_token_size);
        *ret_file = file;
        return 1;
    }
    if (file >= 0)
        close(file);
    return size <= 0 ? size : -EBADMSG;
}

int shm_receive_hello(int fd, uint8_t ret_nonce[shm_nonce_size])
{
    uint8_t packet[hello_size + 1];
    int size = receive_packet(fd, packet, sizeof packet, NULL);
    if (size <= 0)
        return size;
    if (size != hello_size || memcmp(packet, magic, magic_size) != 0)
        return -EBADMSG;
    memcpy(ret_nonce, packet + magic_size, shm_nonce_size);
    return 1;
}

int shm_receive_release(int fd, uint64_t ret_ids[shm_ids_max], size_t *ret_count)
{
    uint8_t packet[release_size_max + 1];
    int size = receive_packet(fd, packet, sizeof packet, NULL);
    if (size <= 0)
        return size;
    if (size % 8 != 0 || size > release_size_max)
        return -EBADMSG;
    *ret_count = (size_t)size / 8;
    for (size_t i = 0; i < *ret_count; i++)
        ret_ids[i] = load_le64(packet + 8 * i);
    return 1;
}

/* ---- hex ---- */

void shm_hex(const uint8_t *bytes, size_t size, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[2 * size] = '\0';
}

static int digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool shm_unhex(struct slice text, uint8_t *ret, size_t size)
{
    if (text.size != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = digit(text.data[2 * i]), low = digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
