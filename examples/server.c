/* SPDX-License-Identifier: Apache-2.0 */
/* A program with a table cache inside: it serves in threads of the library's own while the program
 * goes on; here it only waits for SIGINT or SIGTERM.
 *
 *     cc server.c $(pkg-config --cflags --libs flightkv) -o server
 *     ./server grpc+tcp://localhost:6666
 */
#include <signal.h>
#include <stdio.h>

#include <flightkv/flightkv.h>

/* Blocked in all threads, those of the server too, so that sigwait below gets them. */
static void block_stop_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGTERM);
    sigprocmask(SIG_BLOCK, ret, NULL);
}

static enum fkv_status start_server(const char *uri, struct fkv_server **ret,
                                    struct fkv_error *error)
{
    struct fkv_server_config *config = fkv_server_config_new();
    if (config == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    enum fkv_status status = fkv_server_config_set(config, "listen", uri, error);
    if (status == FKV_OK)
        status = fkv_server_config_set(config, "log-level", "warn", error);
    if (status == FKV_OK)
        status = fkv_server_start(config, ret, error);
    fkv_server_config_free(config);
    return status;
}

int main(int argc, char **argv)
{
    struct fkv_error error = {.message = "out of memory"};
    struct fkv_server *server;
    sigset_t stop_signals;
    int received;
    block_stop_signals(&stop_signals);
    if (start_server(argc > 1 ? argv[1] : FKV_DEFAULT_URI, &server, &error) != FKV_OK) {
        fprintf(stderr, "server: %s\n", error.message);
        return 1;
    }
    printf("Server is running! %s\n", fkv_server_uri(server, 0));
    fflush(stdout);
    sigwait(&stop_signals, &received);
    printf("\nStopping the server...\n");
    fkv_server_stop(server);
    printf("Server stopped...\n");
    return 0;
}
