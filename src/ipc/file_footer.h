/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a file in IPC file format, and where it says that the messages lie:
 *
 *     "ARROW1" 0 0   stream   footer (flatbuffer, File.fbs)   its length (int32)   "ARROW1"
 */
#ifndef IPC_FILE_FOOTER_H
#define IPC_FILE_FOOTER_H

#include "base/buf.h"
#include "ipc/file_source.h"

#define FILE_MAGIC "ARROW1"
enum { file_magic_size = 6, file_head_size = 8 };

/* One message: all three multiples of 8, the header's length with its prefix. */
struct file_place {
    int64_t offset;
    int32_t header_length;
    int64_t body_length;
};

struct file_places {
    const uint8_t *structs; /* count x 24 bytes of the footer */
    uint32_t count;
};

struct file_footer {
    struct file_places dictionaries;
    struct file_places batches;
};

/* Reads the footer of a regular file into `bytes`, which *ret points into, and checks its
 * structure. Every place lies between the head and the footer. INVALID_ARGUMENT. */
enum fkv_status file_footer_read(struct file_source *source, struct buf *bytes,
                                 struct file_footer *ret, struct fkv_error *error);

struct file_place file_footer_place(const struct file_places *places, uint32_t index);

/* Appends the footer, its length and the magic to `target`. `schema` is the header of the Schema
 * message; the places are arrays of struct file_place. */
enum fkv_status file_footer_append(struct buf *target, struct slice schema,
                                   const struct buf *dictionaries, const struct buf *batches,
                                   struct fkv_error *error);

#endif
