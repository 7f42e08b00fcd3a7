/* SPDX-License-Identifier: Apache-2.0 */
/* A Flight service of a few lines, whose answers tell what was asked, and every call that a client
 * can make of it, checked. */
#ifndef FLOW_SERVICE_CALLS_H
#define FLOW_SERVICE_CALLS_H

#include "flow/flow.h"

#define TEXT(text) ((struct fkv_bytes){(text), strlen(text)})

bool is_text(struct fkv_bytes bytes, const char *text);
struct fkv_flight_descriptor command(const char *text);

extern const struct fkv_flight_service service_whole;

/* Each fails the test unless all goes as it should. */
extern void (*const service_calls[])(struct fkv_client *client);
extern const size_t service_call_count;

/* The types that were listed, in a struct results, each with a ';' behind it. */
struct results {
    char text[200];
};
bool results_add_action(void *context, struct fkv_bytes type, struct fkv_bytes description);

#endif
