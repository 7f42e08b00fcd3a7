/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shm/control.h"

struct pair {
    int client, server;
};

static struct pair open_pair(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    return (struct pair){ends[0], ends[1]};
}

static void close_pair(struct pair pair)
{
    close(pair.client);
    close(pair.server);
}

static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void packets_come_as_they_were_sent(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    const uint8_t nonce[shm_nonce_size] = "0123456789abcde";
    const struct shm_welcome welcome = {"fedcba987654321", UINT64_C(1) << 40};
    const uint64_t ids[] = {1, UINT64_MAX, 7};
    uint8_t heard[shm_nonce_size];
    struct shm_welcome seen;
    uint64_t released[shm_ids_max];
    size_t count;
    int file = -1;
    assert_int_equal(shm_receive_hello(pair.server, heard), -EAGAIN);
    assert_int_equal(shm_send_hello(pair.client, nonce), 0);
    assert_int_equal(shm_receive_hello(pair.server, heard), 1);
    assert_memory_equal(heard, nonce, sizeof nonce);
    assert_int_equal(shm_receive_welcome(pair.client, &seen, &file), -EAGAIN);
    assert_int_equal(shm_send_welcome(pair.server, &welcome, STDIN_FILENO), 0);
    assert_int_equal(shm_receive_welcome(pair.client, &seen, &file), 1);
    assert_memory_equal(seen.token, welcome.token, sizeof seen.token);
    assert_true(seen.map_bytes == welcome.map_bytes);
    assert_true(file >= 0 && (fcntl(file, F_GETFD) & FD_CLOEXEC) != 0);
    close(file);
    assert_int_equal(shm_send_release(pair.client, ids, 3), 0);
    assert_int_equal(shm_receive_release(pair.server, released, &count), 1);
    assert_int_equal(count, 3);
    assert_memory_equal(released, ids, sizeof ids);
    close(pair.client);
    assert_int_equal(shm_receive_release(pair.server, released, &count), 0);
    close(pair.server);
}

/* Nothing that isn't a packet of the right kind and length is taken for one, and no descriptor that
 * came with it stays open. */
static void garbage_is_refused(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    uint8_t bytes[2000] = {'f', 'k', 'v', '-', 's', 'h', 'm', '1'};
    uint8_t nonce[shm_nonce_size];
    struct shm_welcome welcome = {{0}, 1};
    uint64_t ids[shm_ids_max];
    size_t count;
    int file;
    for (size_t size = 1; size < sizeof bytes; size++) {
        assert_int_equal(send(pair.client, bytes, size, 0), size);
        int hello = shm_receive_hello(pair.server, nonce);
        assert_int_equal(hello, size == 24 ? 1 : -EBADMSG);
        assert_int_equal(send(pair.client, bytes, size, 0), size);
        int release = shm_receive_release(pair.server, ids, &count);
        assert_int_equal(release, size % 8 == 0 && size / 8 <= shm_ids_max ? 1 : -EBADMSG);
        assert_int_equal(send(pair.server, bytes, size, 0), size);
        assert_int_equal(shm_receive_welcome(pair.client, &welcome, &file), -EBADMSG);
    }
    int before = count_descriptors();
    for (int i = 0; i < 3; i++)
        assert_int_equal(shm_send_welcome(pair.client, &welcome, STDIN_FILENO), 0);
    assert_int_equal(shm_receive_hello(pair.server, nonce), -EBADMSG);
    assert_int_equal(shm_receive_release(pair.server, ids, &count), 1);
    bytes[0] = 'x';
    assert_int_equal(shm_receive_welcome(pair.server, &welcome, &file), 1);
    close(file);
    assert_int_equal(count_descriptors(), before);
    close_pair(pair);
}

/* Two descriptors: neither is taken, or kept. */
static void only_one_descriptor_is_taken(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    uint8_t packet[32] = {'f', 'k', 'v', '-', 's', 'h', 'm', '1'};
    const int files[2] = {STDIN_FILENO, STDIN_FILENO};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof files)];
    } control = {0};
    struct iovec iov = {packet, sizeof packet};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof control.room};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof files);
    memcpy(CMSG_DATA(head), files, sizeof files);
    int before = count_descriptors();
    assert_int_equal(sendmsg(pair.server, &message, 0), sizeof packet);
    struct shm_welcome welcome;
    int file = -1;
    assert_int_equal(shm_receive_welcome(pair.client, &welcome, &file), -EBADMSG);
    assert_int_equal(count_descriptors(), before);
    close_pair(pair);
}

static void a_full_connection_says_so(void **state)
{
    (void)state;
    struct pair pair = open_pair();
    const uint64_t id = 1;
    int result = 0;
    for (int i = 0; i < 1000000 && result == 0; i++)
        result = shm_send_release(pair.client, &id, 1);
    assert_int_equal(result, -EAGAIN);
    close(pair.server);
    result = shm_send_release(pair.client, &id, 1);
    assert_true(result < 0 && result != -EAGAIN);
    close(pair.client);
}

static void connecting_to_nothing_fails(void **state)
{
    (void)state;
    char long_path[200];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(shm_control_connect("/nowhere/at/all"), -ENOENT);
    assert_int_equal(shm_control_connect(long_path), -ENAMETOOLONG);
}

static void hex_goes_there_and_back(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0, 0x7f, 0xa5, 0xff};
    char text[9];
    uint8_t back[4];
    shm_hex(bytes, sizeof bytes, text);
    assert_string_equal(text, "007fa5ff");
    assert_true(shm_unhex(slice_text(text), back, sizeof back));
    assert_memory_equal(back, bytes, sizeof bytes);
    assert_false(shm_unhex(slice_text("007fa5f"), back, sizeof back));
    assert_false(shm_unhex(slice_text("007fa5fg"), back, sizeof back));
    assert_false(shm_unhex(slice_text("007FA5FF"), back, sizeof back));
}

int main(void)
{
    RUN_TESTS(
        cmocka_unit_test(packets_come_as_they_were_sent), cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(only_one_descriptor_is_taken), cmocka_unit_test(a_full_connection_says_so),
        cmocka_unit_test(connecting_to_nothing_fails), cmocka_unit_test(hex_goes_there_and_back));
}
