/* SPDX-License-Identifier: Apache-2.0 */
/* Puts an Arrow IPC file into a server under a key, gets it back, and counts what came.
 *
 *     cc client.c $(pkg-config --cflags --libs flightkv) -o client
 *     ./client grpc+tcp://localhost:6666 prices prices.arrow
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <flightkv/flightkv.h>

static enum fkv_status put_file(struct fkv_client *client, const char *key, const char *path,
                                struct fkv_error *error)
{
    struct ArrowArrayStream table;
    struct fkv_progress sent;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(error->message, sizeof error->message, "%s: %s", path, strerror(errno));
        return FKV_NOT_FOUND;
    }
    enum fkv_status status = fkv_ipc_read(fd, &table, error);
    if (status == FKV_OK)
        status = fkv_put(client, key, strlen(key), &table, NULL, &sent, error);
    if (status == FKV_OK)
        printf("put %" PRIu64 " rows in %" PRIu64 " %s\n", sent.rows, sent.batches,
               sent.batches == 1 ? "batch" : "batches");
    return status;
}

/* Each array is a view of received memory, until it is released. */
static enum fkv_status get_and_count(struct fkv_client *client, const char *key,
                                     struct fkv_error *error)
{
    struct ArrowArrayStream table;
    struct ArrowArray batch;
    int64_t rows = 0;
    enum fkv_status status = fkv_get(client, key, strlen(key), NULL, &table, error);
    if (status != FKV_OK)
        return status;
    int failed;
    while ((failed = table.get_next(&table, &batch)) == 0 && batch.release != NULL) {
        rows += batch.length;
        batch.release(&batch);
    }
    if (failed)
        status = fkv_stream_error(&table, error);
    else
        printf("got %" PRId64 " rows\n", rows);
    table.release(&table);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: client URI KEY FILE.arrow\n");
        return 2;
    }
    struct fkv_error error;
    struct fkv_client *client = NULL;
    enum fkv_status status = fkv_client_open(argv[1], NULL, &client, &error);
    if (status == FKV_OK)
        status = put_file(client, argv[2], argv[3], &error);
    if (status == FKV_OK)
        status = get_and_count(client, argv[2], &error);
    if (status != FKV_OK) {
        const char *hint = fkv_hint_text(error.hint);
        fprintf(stderr, "client: %s%s%s\n", error.message, hint ? "; " : "", hint ? hint : "");
    }
    fkv_client_close(client);
    return status == FKV_OK ? 0 : 1;
}
