/* SPDX-License-Identifier: Apache-2.0 */
/* part_cat READ WRITE BUFFER [COLUMNS ROWS MAX]... <in >out
 *
 * Puts the IPC stream on stdin, message for message, into a server in the same thread, and gets
 * each of the parts asked for ("-" for no such option) over an in-memory connection that takes at
 * most READ and WRITE bytes at a time and holds BUFFER (0: no limit). Of each part, stdout has a
 * line "SIZE" and an IPC stream of so many bytes, or the line "STATUS: MESSAGE". No message of it
 * may be larger than MAX, and what the server holds for it must be back when it has been read. For
 * test_random_parts.py. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flow/flow.h"
#include "flow/streams.h"

static const char key[] = "table";

static bool read_all(int fd, struct buf *ret)
{
    uint8_t bytes[65536];
    ssize_t size;
    while ((size = read(fd, bytes, sizeof bytes)) > 0)
        if (!buf_append(ret, bytes, (size_t)size))
            return false;
    return size == 0;
}

static enum fkv_status put(struct fkv_client *client, struct fkv_error *error)
{
    static struct cut_stream cut;
    struct buf in;
    enum fkv_status status = FKV_OK;
    buf_init(&in, alloc_system(), SIZE_MAX);
    if (!read_all(STDIN_FILENO, &in))
        status = status_set(error, FKV_INVALID_ARGUMENT, "stdin can't be read");
    if (status == FKV_OK) {
        stream_cut(buf_slice(&in), &cut);
        status = raw_put(client, key, cut.messages, cut.count, error);
    }
    buf_done(&in);
    return status;
}

static const char *given(const char *argument)
{
    return strcmp(argument, "-") == 0 ? NULL : argument;
}

/* The part as an IPC stream in `file`. */
static enum fkv_status get(struct fkv_client *client, char **asked, int file,
                           struct fkv_error *error)
{
    const struct fkv_get_options options = {
        .size = sizeof options,
        .flags = FKV_GET_CHECK_VALUES,
        .columns = given(asked[0]),
        .rows = given(asked[1]),
        .max_message_bytes = given(asked[2]) == NULL ? 0 : strtoull(asked[2], NULL, 10)};
    struct ArrowArrayStream stream;
    enum fkv_status status = fkv_get(client, key, strlen(key), &options, &stream, error);
    return status == FKV_OK ? fkv_ipc_write(&stream, file, NULL, NULL, error) : status;
}

/* Header, app_metadata and body of the largest message that comes for a part. */
static uint64_t largest_message(struct fkv_client *client, char **asked)
{
    static const char *const names[] = {"flightkv-columns", "flightkv-rows",
                                        "flightkv-max-message-bytes"};
    struct wire_pair pairs[3];
    size_t count = 0;
    for (size_t i = 0; i < 3; i++)
        if (given(asked[i]) != NULL)
            pairs[count++] = (struct wire_pair){slice_text(names[i]), slice_text(asked[i])};
    struct buf messages;
    struct fkv_error error;
    uint64_t largest = 0;
    buf_init(&messages, alloc_system(), SIZE_MAX);
    assert_ok(raw_get_with(client, key, pairs, count, &messages, &error));
    for (struct slice rest = buf_slice(&messages); rest.size > 0;) {
        uint64_t size = load_le64(rest.data) + load_le64(rest.data + 8) + load_le64(rest.data + 16);
        slice_take(&rest, 25 + (size_t)size);
        largest = size > largest ? size : largest;
    }
    buf_done(&messages);
    return largest;
}

static bool fits(struct fkv_client *client, char **asked)
{
    if (given(asked[2]) == NULL || largest_message(client, asked) <= strtoull(asked[2], NULL, 10))
        return true;
    fprintf(stderr, "a message is larger than %s\n", asked[2]);
    return false;
}

static bool show(int file)
{
    struct buf bytes;
    buf_init(&bytes, alloc_system(), SIZE_MAX);
    bool is_read = lseek(file, 0, SEEK_SET) == 0 && read_all(file, &bytes);
    struct slice all = buf_slice(&bytes);
    printf("%zu\n", all.size);
    bool is_shown = is_read && fwrite(all.data, 1, all.size, stdout) == all.size;
    buf_done(&bytes);
    return is_shown;
}

static bool show_part(struct flow *flow, struct fkv_client *client, char **asked)
{
    struct fkv_error error = {0};
    uint64_t used = flow_stats(flow).memory.used_bytes;
    int file = memfd_create("part", MFD_CLOEXEC);
    bool is_shown = file >= 0;
    if (is_shown && get(client, asked, file, &error) == FKV_OK)
        is_shown = fits(client, asked) && show(file);
    else
        printf("%s: %s\n", fkv_status_text(error.status), error.message);
    close(file);
    flow_settle(flow);
    if (flow_stats(flow).memory.used_bytes == used)
        return is_shown;
    fprintf(stderr, "the server holds memory for a part that was read\n");
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 4 || (argc - 4) % 3 != 0) {
        fprintf(stderr, "usage: part_cat READ WRITE BUFFER [COLUMNS ROWS MAX]...\n");
        return 2;
    }
    struct flow flow;
    struct fkv_error error = {0};
    flow_init(&flow, alloc_system(), NULL);
    flow.pipe = (struct net_pipe_options){.read_bytes_max = strtoul(argv[1], NULL, 10),
                                          .write_bytes_max = strtoul(argv[2], NULL, 10),
                                          .buffer_bytes = strtoul(argv[3], NULL, 10)};
    struct fkv_client *client = flow_client(&flow);
    bool is_well = put(client, &error) == FKV_OK;
    if (!is_well)
        fprintf(stderr, "%s: %s\n", fkv_status_text(error.status), error.message);
    for (int i = 4; is_well && i < argc; i += 3)
        is_well = show_part(&flow, client, argv + i);
    flow_done(&flow);
    return is_well ? 0 : 1;
}
