/* SPDX-License-Identifier: Apache-2.0 */
/* IPC streams as bytes, cut into messages as a client does that sends what it has: at the lengths
 * that the bytes declare, and what can't be read as one last message. */
#ifndef FLOW_STREAMS_H
#define FLOW_STREAMS_H

#include "flow/flow.h"

enum { stream_messages_max = 4096 };

struct cut_stream {
    struct raw_message messages[stream_messages_max];
    size_t count;
    bool has_rest; /* the last message is what couldn't be read */
};

void stream_cut(struct slice stream, struct cut_stream *ret);

/* Calls `use` for every *.stream below the folder, sorted by name; gives how many there were. A
 * missing folder has none. */
size_t streams_each(const char *folder,
                    void (*use)(void *context, const char *path, struct slice stream),
                    void *context);

/* The whole file's bytes; the test fails when it can't be read. */
void file_read(const char *path, struct buf *ret);

/* The folders: the project's own streams, and further ones from FKV_GOLDEN or beside the
 * repository, where they are present. */
extern const char *const streams_own;
const char *streams_further(void);

#endif
