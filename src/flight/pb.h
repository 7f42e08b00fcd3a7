/* SPDX-License-Identifier: Apache-2.0 */
/* The generated protobuf code, as the files of this layer use it: in and out with bounded memory,
 * and the messages that several of them share. Nobody else includes this. */
#ifndef FLIGHT_PB_H
#define FLIGHT_PB_H

#include "flight.pb-c.h"
#include "flight/messages.h"

/* Gives a message whose parts lie in `memory`: protobuf-c copies what it reads. */
enum fkv_status pb_unpack(struct flight_memory *memory, const ProtobufCMessageDescriptor *type,
                          struct slice bytes, void *ret_message, struct fkv_error *error);
enum fkv_status pb_pack(const ProtobufCMessage *message, struct buf *buf, struct fkv_error *error);

enum fkv_status pb_check_utf8(struct slice text, const char *what, struct fkv_error *error);

static inline struct slice pb_slice(ProtobufCBinaryData data)
{
    return slice_of(data.data, data.len);
}

static inline ProtobufCBinaryData pb_bytes(struct slice bytes)
{
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)(uintptr_t)bytes.data};
}

/* messages.c; those that build answer false or NULL when out of memory. */
enum fkv_status pb_descriptor_from(struct flight_memory *memory, const Pb__Descriptor *pb,
                                   struct flight_descriptor *ret, struct fkv_error *error);
bool pb_descriptor_to(struct flight_memory *memory, const struct flight_descriptor *descriptor,
                      Pb__Descriptor *ret);
enum fkv_status pb_endpoint_from(struct flight_memory *memory, const Pb__Endpoint *pb,
                                 struct flight_endpoint *ret, struct fkv_error *error);
Pb__Endpoint *pb_endpoint_to(struct flight_memory *memory, const struct flight_endpoint *endpoint);
enum fkv_status pb_info_from(struct flight_memory *memory, const Pb__Info *pb,
                             struct flight_info *ret, struct fkv_error *error);
bool pb_info_to(struct flight_memory *memory, const struct flight_info *info, Pb__Info *ret);

#endif
