/* SPDX-License-Identifier: Apache-2.0 */
/* The structs of flightkv/flight.h to those of flight/messages.h (_to), and back (_from). Both
 * sides are views: arrays that are made lie in `memory`, and bytes stay where they were.
 * RESOURCE_EXHAUSTED when that memory is used up; for a schema, what ipc_import_schema and
 * ipc_schema_decode say. */
#ifndef EXCHANGE_CONVERT_H
#define EXCHANGE_CONVERT_H

#include "flight/messages.h"
#include "flightkv/flight.h"

static inline struct slice exchange_slice(struct fkv_bytes bytes)
{
    return slice_of(bytes.data, bytes.size);
}

static inline struct fkv_bytes exchange_bytes(struct slice bytes)
{
    return (struct fkv_bytes){bytes.data, bytes.size};
}

/* An info beside the schema that it points to. */
struct exchange_info {
    struct fkv_flight_info info;
    struct ArrowSchema schema; /* release NULL: there is none */
};
void exchange_info_done(struct exchange_info *info);

struct exchange_poll {
    struct fkv_flight_poll_info poll;
    struct exchange_info info;
    struct fkv_flight_descriptor descriptor;
};

enum fkv_status exchange_descriptor_to(struct flight_memory *memory,
                                       const struct fkv_flight_descriptor *descriptor,
                                       struct flight_descriptor *ret, struct fkv_error *error);
enum fkv_status exchange_descriptor_from(struct flight_memory *memory,
                                         const struct flight_descriptor *descriptor,
                                         struct fkv_flight_descriptor *ret,
                                         struct fkv_error *error);

enum fkv_status exchange_endpoint_to(struct flight_memory *memory,
                                     const struct fkv_flight_endpoint *endpoint,
                                     struct flight_endpoint *ret, struct fkv_error *error);
enum fkv_status exchange_endpoint_from(struct flight_memory *memory,
                                       const struct flight_endpoint *endpoint,
                                       struct fkv_flight_endpoint *ret, struct fkv_error *error);

enum fkv_status exchange_info_to(struct flight_memory *memory, const struct fkv_flight_info *info,
                                 struct flight_info *ret, struct fkv_error *error);
enum fkv_status exchange_info_from(struct flight_memory *memory, const struct flight_info *info,
                                   struct exchange_info *ret, struct fkv_error *error);

enum fkv_status exchange_poll_to(struct flight_memory *memory,
                                 const struct fkv_flight_poll_info *poll,
                                 struct flight_poll_info *ret, struct fkv_error *error);
/* *ret must not be moved afterwards: parts of it point to others. exchange_info_done(&ret->info).
 */
enum fkv_status exchange_poll_from(struct flight_memory *memory,
                                   const struct flight_poll_info *poll, struct exchange_poll *ret,
                                   struct fkv_error *error);

enum fkv_status exchange_options_to(struct flight_memory *memory,
                                    const struct fkv_flight_option *options, size_t count,
                                    struct flight_option **ret, struct fkv_error *error);
/* Of a name given twice only the last is given. */
enum fkv_status exchange_options_from(struct flight_memory *memory,
                                      const struct flight_option *options, size_t count,
                                      struct fkv_flight_option **ret, size_t *ret_count,
                                      struct fkv_error *error);

/* An encapsulated schema message, as FlightInfo and SchemaResult carry it; nothing for NULL. */
enum fkv_status exchange_schema_to(struct flight_memory *memory, const struct ArrowSchema *schema,
                                   struct slice *ret, struct fkv_error *error);
enum fkv_status exchange_schema_from(const struct alloc *alloc, struct slice encapsulated,
                                     struct ArrowSchema *ret, struct fkv_error *error);

#endif
