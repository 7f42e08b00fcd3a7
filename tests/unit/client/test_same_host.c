/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/same_host.h"

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

struct waiter {
    pthread_t thread;
    int fd;
};

/* Interrupts the wait some times before it sends. */
static void *interrupt_and_send(void *context)
{
    const struct waiter *waiter = context;
    for (int i = 0; i < 5; i++) {
        usleep(20000);
        pthread_kill(waiter->thread, SIGUSR1);
    }
    usleep(20000);
    assert_int_equal(send(waiter->fd, "x", 1, 0), 1);
    return NULL;
}

/* Programs get signals: a timer's, a child's, a terminal's that changes its size. */
static void a_signal_doesnt_end_the_wait_for_a_welcome(void **state)
{
    (void)state;
    const struct sigaction action = {.sa_handler = count_signal};
    struct sigaction before;
    int ends[2];
    char byte;
    pthread_t thread;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    struct waiter waiter = {pthread_self(), ends[1]};
    assert_int_equal(pthread_create(&thread, NULL, interrupt_and_send, &waiter), 0);
    client_control_system.wait(NULL, ends[0], 60000);
    ssize_t received = recv(ends[0], &byte, 1, MSG_DONTWAIT);
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &before, NULL);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(received, 1);
    assert_true(signals > 0);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(a_signal_doesnt_end_the_wait_for_a_welcome));
}
