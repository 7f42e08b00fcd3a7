/* SPDX-License-Identifier: Apache-2.0 */
/* Server and client of the control connection: by a real socket and the service's thread, and
 * stepped over a socket pair. */
#include "harness/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem/arena.h"
#include "shm/map.h"
#include "shm/service.h"

static struct fkv_error error;
static uint64_t now_ns;

enum { clients_max = 450 };

static uint64_t test_now(void *context)
{
    (void)context;
    return now_ns;
}

static const struct clock test_clock = {test_now, NULL};

struct server {
    struct arena *arena;
    struct shm_service *service;
    char folder[40];
};

static struct server start(bool is_stepped)
{
    struct server server = {.folder = "/tmp/fkv-test-XXXXXX"};
    const struct arena_options options = {.budget_bytes = 16 << 20};
    assert_ok(arena_new(alloc_system(), &options, &server.arena, &error));
    assert_non_null(mkdtemp(server.folder));
    struct arena_file file = arena_file(server.arena);
    const struct shm_service_options service = {
        .alloc = alloc_system(),
        .clock = is_stepped ? &test_clock : clock_system(),
        .file = file.fd,
        .map_bytes = file.size,
        .leased_bytes_max = 1 << 20,
        .clients_max = clients_max,
        .place = {.folder = server.folder, .backlog = 8},
        .is_stepped = is_stepped,
    };
    assert_ok(shm_service_new(&service, &server.service, &error));
    return server;
}

static void stop(struct server *server)
{
    shm_service_free(server->service);
    arena_free(server->arena);
    assert_int_equal(rmdir(server->folder), 0); /* the socket is gone */
}

static struct shm_offer offer_of(struct server *server)
{
    struct shm_offer offer;
    assert_true(shm_service_offer(server->service, &offer));
    return offer;
}

static void say_hello(int fd, const char *nonce_text)
{
    uint8_t nonce[shm_nonce_size];
    assert_true(shm_unhex(slice_text(nonce_text), nonce, sizeof nonce));
    assert_int_equal(shm_send_hello(fd, nonce), 0);
}

/* What the server answers; waits for it when it has a thread. */
static int answer(int fd, struct shm_welcome *ret, int *ret_file)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    poll(&p, 1, 10000);
    return shm_receive_welcome(fd, ret, ret_file);
}

static struct shm_map *map_of(struct server *server)
{
    struct shm_offer offer = offer_of(server);
    struct shm_welcome welcome;
    struct shm_map *map = NULL;
    int file = -1, fd = shm_control_connect(offer.path);
    assert_true(fd >= 0);
    say_hello(fd, offer.nonce);
    assert_int_equal(answer(fd, &welcome, &file), 1);
    assert_ok(shm_map_new(alloc_system(), fd, file, &welcome, &map, &error));
    return map;
}

/* The same, of a stepped server. */
static struct shm_map *stepped_map_of(struct server *server)
{
    struct shm_offer offer = offer_of(server);
    struct shm_welcome welcome;
    struct shm_map *map = NULL;
    int ends[2], file = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
                     0);
    assert_true(shm_service_adopt(server->service, ends[0]));
    say_hello(ends[1], offer.nonce);
    shm_service_step(server->service);
    assert_int_equal(shm_receive_welcome(ends[1], &welcome, &file), 1);
    assert_ok(shm_map_new(alloc_system(), ends[1], file, &welcome, &map, &error));
    return map;
}

static void wait_for_leases(struct server *server, uint64_t count)
{
    while (shm_leases_stats(shm_service_leases(server->service)).leases != count)
        sched_yield();
}

static struct block *named_lease(struct shm_map *map, uint64_t id)
{
    struct block *lease = shm_map_lease(map);
    assert_non_null(lease);
    shm_map_name_lease(lease, id);
    return lease;
}

/* ---- with its thread ---- */

static void a_client_sees_what_the_server_writes(void **state)
{
    (void)state;
    struct server server = start(false);
    struct arena_extent extent;
    assert_ok(arena_take(server.arena, 1 << 20, &extent, &error));
    assert_ok(arena_commit(server.arena, &extent, 1 << 20, &error));
    memset(extent.data, 'a', 1 << 20);
    struct shm_map *map = map_of(&server);
    struct slice bytes = shm_map_bytes(map);
    struct arena_file file = arena_file(server.arena);
    assert_int_equal(bytes.size, file.size);
    assert_int_equal(bytes.data[extent.data - file.base], 'a');
    extent.data[4096] = 'b';
    assert_int_equal(bytes.data[extent.data - file.base + 4096], 'b');
    shm_map_unref(map);
    arena_give(server.arena, &extent);
    stop(&server);
}

static void leases_end_by_release_and_with_the_client(void **state)
{
    (void)state;
    struct server server = start(false);
    struct shm_leases *leases = shm_service_leases(server.service);
    struct shm_map *map = map_of(&server);
    struct block *tables[2] = {block_new(alloc_system(), 1), block_new(alloc_system(), 1)};
    uint64_t ids[2];
    for (int i = 0; i < 2; i++)
        assert_true(shm_lease(leases, shm_map_token(map), tables[i], 10, &ids[i]));
    struct block *lease = named_lease(map, ids[0]);
    block_unref(block_ref(lease));
    block_unref(shm_map_lease(map)); /* one that the server never made */
    wait_for_leases(&server, 2);
    block_unref(lease);
    wait_for_leases(&server, 1);
    struct block *second = named_lease(map, ids[1]);
    shm_map_unref(map); /* the client goes; what it leased stays as long as it is looked at */
    wait_for_leases(&server, 1);
    assert_false(block_is_mine(tables[1]));
    block_unref(second);
    wait_for_leases(&server, 0);
    for (int i = 0; i < 2; i++) {
        while (!block_is_mine(tables[i]))
            sched_yield();
        block_unref(tables[i]);
    }
    stop(&server);
}

/* More releases than the connection takes at a time wait, and come later. */
static void releases_wait_for_room(void **state)
{
    (void)state;
    struct server server = start(false);
    struct shm_leases *leases = shm_service_leases(server.service);
    struct shm_map *map = map_of(&server);
    struct block *table = block_new(alloc_system(), 1);
    enum { count = 20000 };
    static struct block *held[count];
    uint64_t id;
    for (int i = 0; i < count; i++) {
        assert_true(shm_lease(leases, shm_map_token(map), table, 10, &id));
        held[i] = named_lease(map, id);
    }
    for (int i = 0; i < count; i++)
        block_unref(held[i]);
    while (shm_leases_stats(leases).leases != 0)
        shm_map_flush(map);
    block_unref(table);
    shm_map_unref(map);
    stop(&server);
}

/* A child gets the parent's references by fork, and the connection with them. */
static void a_forked_child_releases_nothing_of_its_parents(void **state)
{
    (void)state;
    struct server server = start(true);
    struct shm_leases *leases = shm_service_leases(server.service);
    struct shm_map *map = stepped_map_of(&server);
    struct block *table = block_new(alloc_system(), 1);
    uint64_t id;
    int status;
    assert_true(shm_lease(leases, shm_map_token(map), table, 10, &id));
    struct block *lease = named_lease(map, id);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        block_unref(lease);
        shm_map_unref(map);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    shm_service_step(server.service);
    assert_int_equal(shm_leases_stats(leases).leases, 1);
    block_unref(lease);
    shm_service_step(server.service);
    assert_int_equal(shm_leases_stats(leases).leases, 0);
    shm_map_unref(map);
    block_unref(table);
    stop(&server);
}

static void what_was_stopped_can_still_be_read(void **state)
{
    (void)state;
    struct server server = start(false);
    struct arena_extent extent;
    assert_ok(arena_take(server.arena, 8192, &extent, &error));
    assert_ok(arena_commit(server.arena, &extent, 8192, &error));
    memset(extent.data, 'a', 8192);
    size_t offset = (size_t)(extent.data - arena_file(server.arena).base);
    struct shm_map *map = map_of(&server);
    struct block *lease = named_lease(map, 1);
    arena_give(server.arena, &extent);
    stop(&server);
    assert_int_equal(shm_map_bytes(map).data[offset + 8191], 'a');
    block_unref(lease);
    shm_map_unref(map);
}

/* ---- the file ---- */

static void the_file_can_only_be_read(void **state)
{
    (void)state;
    struct server server = start(true);
    struct shm_offer offer = offer_of(&server);
    struct shm_welcome welcome;
    int ends[2], file = -1;
    char byte = 'x';
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    assert_true(shm_service_adopt(server.service, ends[0]));
    say_hello(ends[1], offer.nonce);
    shm_service_step(server.service);
    assert_int_equal(shm_receive_welcome(ends[1], &welcome, &file), 1);
    assert_int_equal(fcntl(file, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_true(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED);
    void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map, 4096, PROT_READ | PROT_WRITE), -1);
    munmap(map, 4096);
    assert_int_equal(write(file, &byte, 1), -1);
    assert_int_equal(pwrite(file, &byte, 1, 0), -1);
    assert_int_equal(ftruncate(file, 0), -1);
    assert_int_equal(fallocate(file, 0, 0, 4096), -1);
    assert_int_equal(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
    assert_int_equal(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), -1);
    struct arena_file arena = arena_file(server.arena);
    assert_int_equal(ftruncate(arena.fd, 0), -1); /* not by the server itself either */
    struct stat stat;
    assert_int_equal(fstat(file, &stat), 0);
    assert_int_equal(stat.st_mode & 0777, 0444);
    close(file);
    close(ends[1]);
    stop(&server);
}

static int file_with(off_t size, int seals)
{
    int file = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    assert_int_equal(ftruncate(file, size), 0);
    assert_int_equal(fcntl(file, F_ADD_SEALS, seals), 0);
    return file;
}

/* A map of these would raise SIGBUS sooner or later. */
static void a_file_that_could_become_shorter_is_refused(void **state)
{
    (void)state;
    struct shm_map *map = NULL;
    const struct {
        off_t size;
        int seals;
        uint64_t announced;
        enum fkv_status status;
    } rows[] = {
        {4096, F_SEAL_SHRINK, 4096, FKV_OK},
        {4096, 0, 4096, FKV_INVALID_ARGUMENT},
        {4096, F_SEAL_GROW, 4096, FKV_INVALID_ARGUMENT},
        {4096, F_SEAL_SHRINK, 4097, FKV_INVALID_ARGUMENT},
        {4096, F_SEAL_SHRINK, 0, FKV_INVALID_ARGUMENT},
        {4096, F_SEAL_SHRINK, UINT64_MAX, FKV_INVALID_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct shm_welcome welcome = {.map_bytes = rows[i].announced};
        assert_int_equal(shm_map_new(alloc_system(), dup(0), file_with(rows[i].size, rows[i].seals),
                                     &welcome, &map, &error),
                         rows[i].status);
        if (rows[i].status == FKV_OK)
            shm_map_unref(map);
    }
    const struct shm_welcome welcome = {.map_bytes = 1};
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(
        shm_map_new(alloc_system(), pipe_ends[0], pipe_ends[1], &welcome, &map, &error),
        FKV_INVALID_ARGUMENT);
}

/* For these there may be no page when one is read, which raises SIGBUS too. */
static void a_file_of_huge_pages_is_refused(void **state)
{
    (void)state;
    const off_t size = 2 << 20;
    const struct shm_welcome welcome = {.map_bytes = (uint64_t)size};
    struct shm_map *map = NULL;
    int file = memfd_create("test", MFD_HUGETLB | MFD_ALLOW_SEALING | MFD_CLOEXEC);
    if (file < 0)
        skip(); /* the system has none */
    assert_int_equal(ftruncate(file, size), 0);
    assert_int_equal(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    assert_int_equal(shm_map_new(alloc_system(), dup(0), file, &welcome, &map, &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "ordinary pages"));
}

/* The flags that the kernel shows of the mapping that begins there; false when it shows none. */
static bool flags_of_mapping(const void *data, char *ret, size_t size)
{
    char begin[32];
    bool is_there = false, is_found = false;
    FILE *maps = fopen("/proc/self/smaps", "re");
    snprintf(begin, sizeof begin, "%lx-", (unsigned long)(uintptr_t)data);
    while (maps != NULL && !is_found && fgets(ret, (int)size, maps) != NULL) {
        is_there = is_there || strncmp(ret, begin, strlen(begin)) == 0;
        is_found = is_there && strncmp(ret, "VmFlags:", 8) == 0;
    }
    if (maps != NULL)
        fclose(maps);
    return is_found;
}

/* A client or a server that crashes would write all tables, and the gaps between them. */
static void maps_stay_out_of_core_dumps(void **state)
{
    (void)state;
    struct server server = start(true);
    struct shm_map *map = stepped_map_of(&server);
    char flags[512], own_flags[512];
    bool is_shown = flags_of_mapping(shm_map_bytes(map).data, flags, sizeof flags) &&
                    flags_of_mapping(arena_file(server.arena).base, own_flags, sizeof own_flags);
    shm_map_unref(map);
    stop(&server);
    if (!is_shown)
        skip();
    assert_non_null(strstr(flags, " dd"));
    assert_non_null(strstr(own_flags, " dd"));
}

/* ---- who is let in ---- */

/* Whether a client that says this gets an answer; else it is cut off. */
static bool is_let_in(struct server *server, const char *nonce)
{
    struct shm_welcome welcome;
    int ends[2], file = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    assert_true(shm_service_adopt(server->service, ends[0]));
    say_hello(ends[1], nonce);
    shm_service_step(server->service);
    int result = shm_receive_welcome(ends[1], &welcome, &file);
    assert_true(result == 1 || result == 0);
    if (result == 1)
        close(file);
    close(ends[1]);
    shm_service_step(server->service);
    return result == 1;
}

static void a_nonce_is_good_once_and_not_for_long(void **state)
{
    (void)state;
    now_ns = NS_PER_S;
    struct server server = start(true);
    struct shm_offer offer = offer_of(&server), late = offer_of(&server);
    assert_false(is_let_in(&server, "00000000000000000000000000000000"));
    assert_true(is_let_in(&server, offer.nonce));
    assert_false(is_let_in(&server, offer.nonce));
    now_ns += (shm_offer_s - 1) * NS_PER_S;
    assert_true(is_let_in(&server, offer_of(&server).nonce));
    now_ns += NS_PER_S;
    assert_false(is_let_in(&server, late.nonce));
    offer = offer_of(&server);
    for (int i = 0; i < shm_offers_max; i++)
        late = offer_of(&server);
    assert_false(is_let_in(&server, offer.nonce));
    assert_true(is_let_in(&server, late.nonce));
    assert_int_equal(shm_leases_stats(shm_service_leases(server.service)).sessions, 0);
    stop(&server);
}

/* What a client says that isn't so ends its session, and harms nobody else. */
static void a_lying_client_loses_its_leases(void **state)
{
    (void)state;
    const uint64_t lies[][2] = {{999, 0}, {1, 1}};
    for (size_t i = 0; i < 3; i++) {
        struct server server = start(true);
        struct shm_leases *leases = shm_service_leases(server.service);
        struct block *table = block_new(alloc_system(), 1);
        struct shm_welcome welcome;
        int ends[2], file = -1;
        uint64_t id;
        char token[2 * shm_token_size + 1];
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
        assert_true(shm_service_adopt(server.service, ends[0]));
        say_hello(ends[1], offer_of(&server).nonce);
        shm_service_step(server.service);
        assert_int_equal(shm_receive_welcome(ends[1], &welcome, &file), 1);
        close(file);
        shm_hex(welcome.token, sizeof welcome.token, token);
        assert_true(shm_lease(leases, slice_text(token), table, 1, &id));
        assert_int_equal(id, 1);
        if (i < 2)
            assert_int_equal(shm_send_release(ends[1], lies[i], 2), 0);
        else
            assert_int_equal(send(ends[1], "garbage", 7, 0), 7);
        shm_service_step(server.service);
        assert_int_equal(shm_leases_stats(leases).sessions, 0);
        assert_true(block_is_mine(table));
        assert_false(shm_lease(leases, slice_text(token), table, 1, &id));
        block_unref(table);
        close(ends[1]);
        stop(&server);
    }
}

/* Connections that say nothing don't keep others out for long. */
static void only_so_many_are_let_in(void **state)
{
    (void)state;
    struct server server = start(true);
    struct shm_map *maps[clients_max];
    int ends[2];
    for (size_t i = 0; i < clients_max; i++)
        maps[i] = stepped_map_of(&server);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    assert_false(shm_service_adopt(server.service, ends[0]));
    char byte;
    assert_int_equal(recv(ends[1], &byte, 1, 0), 0);
    close(ends[1]);
    shm_map_unref(maps[0]);
    shm_service_step(server.service);
    maps[0] = stepped_map_of(&server);
    for (size_t i = 0; i < clients_max; i++)
        shm_map_unref(maps[i]);
    shm_service_step(server.service);
    assert_int_equal(shm_leases_stats(shm_service_leases(server.service)).sessions, 0);
    stop(&server);
}

static void silent_connections_make_place(void **state)
{
    (void)state;
    now_ns = NS_PER_S;
    struct server server = start(true);
    int silent[400][2];
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < 400; i++) {
            assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, silent[i]), 0);
            assert_true(shm_service_adopt(server.service, silent[i][0]));
        }
        now_ns += 2 * NS_PER_S;
        assert_true(is_let_in(&server, offer_of(&server).nonce));
        for (size_t i = 0; i < 400; i++) {
            char byte;
            assert_int_equal(recv(silent[i][1], &byte, 1, 0), 0);
            close(silent[i][1]);
        }
    }
    stop(&server);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(a_client_sees_what_the_server_writes),
              cmocka_unit_test(leases_end_by_release_and_with_the_client),
              cmocka_unit_test(releases_wait_for_room),
              cmocka_unit_test(a_forked_child_releases_nothing_of_its_parents),
              cmocka_unit_test(what_was_stopped_can_still_be_read),
              cmocka_unit_test(the_file_can_only_be_read),
              cmocka_unit_test(a_file_that_could_become_shorter_is_refused),
              cmocka_unit_test(a_file_of_huge_pages_is_refused),
              cmocka_unit_test(maps_stay_out_of_core_dumps),
              cmocka_unit_test(a_nonce_is_good_once_and_not_for_long),
              cmocka_unit_test(a_lying_client_loses_its_leases),
              cmocka_unit_test(only_so_many_are_let_in),
              cmocka_unit_test(silent_connections_make_place));
}
