/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/status.h"
#include "base/text.h"
#include "server/cache.h"

const char *key_shown(char ret[key_shown_size], struct slice key)
{
    enum { cut_marks = 4 };
    struct buf text;
    buf_init(&text, alloc_system(), 3 * key_shown_size);
    struct slice head = slice_part(key, 0, key.size < key_shown_size ? key.size : key_shown_size);
    text_escape(&text, head);
    if (text.size + cut_marks > key_shown_size || head.size < key.size)
        snprintf(ret, key_shown_size, "%.*s...", (int)(key_shown_size - cut_marks),
                 buf_c_text(&text));
    else
        snprintf(ret, key_shown_size, "%s", buf_c_text(&text));
    buf_done(&text);
    return ret;
}

enum fkv_status key_not_found(struct slice key, struct fkv_error *error)
{
    char shown[key_shown_size];
    return status_set(error, FKV_NOT_FOUND, "no table under key '%s'", key_shown(shown, key));
}

/* The sum doesn't overflow: the parts lie in one request. */
static size_t path_size(const struct flight_descriptor *descriptor)
{
    size_t size = descriptor->path_count > 0 ? descriptor->path_count - 1 : 0;
    for (size_t i = 0; i < descriptor->path_count; i++)
        size += descriptor->path[i].size;
    return size;
}

static void join_path(const struct flight_descriptor *descriptor, struct buf *buf)
{
    for (size_t i = 0; i < descriptor->path_count; i++) {
        if (i > 0)
            buf_byte(buf, '/');
        buf_append(buf, descriptor->path[i].data, descriptor->path[i].size);
    }
}

enum fkv_status key_from_descriptor(const struct flight_descriptor *descriptor, struct buf *buf,
                                    struct fkv_error *error)
{
    if (descriptor->type == FLIGHT_DESCRIPTOR_UNKNOWN)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the request has no flight descriptor, expected a CMD or a PATH that "
                          "names the key");
    bool is_path = descriptor->type == FLIGHT_DESCRIPTOR_PATH;
    size_t size = is_path ? path_size(descriptor) : descriptor->cmd.size;
    if (size > store_key_bytes_max)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the descriptor names a key of %zu bytes, expected 1 to %d", size,
                          store_key_bytes_max);
    buf_clear(buf);
    if (is_path)
        join_path(descriptor, buf);
    else
        buf_append(buf, descriptor->cmd.data, descriptor->cmd.size);
    return buf->failed ? status_no_memory(error, size) : store_key_check(buf_slice(buf), error);
}

bool client_needs_headers(const struct host_call *call)
{
    struct slice agent = host_call_metadata(call, "user-agent");
    return slice_starts(agent, "grpc-go/") || slice_starts(agent, "tonic/");
}
