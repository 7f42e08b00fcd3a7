/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that may map what the server holds. */
#ifndef FLOW_SAME_HOST_H
#define FLOW_SAME_HOST_H

#include "flow/flow.h"
#include "flow/tables.h"

static struct fkv_error error;

/* Large enough to lie in the arena. */
static const struct table_rule rule = {.seed = 7, .batches = 3, .rows = 9000};

static inline void begin(struct flow *flow, const char *const *settings)
{
    flow_init(flow, alloc_system(), settings);
    flow->pipe.is_local = true;
}

static inline void put(struct fkv_client *client, const char *key, const struct table_rule *what)
{
    assert_ok(table_put(client, key, what, &error));
}

/* A client of a server that has the rule's table under "k". */
static inline struct fkv_client *begin_with_table(struct flow *flow, const char *const *settings)
{
    begin(flow, settings);
    struct fkv_client *client = flow_client(flow);
    put(client, "k", &rule);
    return client;
}

static inline struct ArrowArrayStream get(struct fkv_client *client, const char *key)
{
    const struct fkv_get_options options = {.size = sizeof options, .flags = FKV_GET_CHECK_VALUES};
    struct ArrowArrayStream stream;
    assert_ok(fkv_get(client, key, strlen(key), &options, &stream, &error));
    return stream;
}

static inline bool is_mapped(const struct fkv_client *client)
{
    return fkv_client_transport(client, NULL) == FKV_TRANSPORT_SHM;
}

static inline void get_over_the_connection(struct fkv_client *client)
{
    struct ArrowArrayStream stream = get(client, "k");
    assert_false(is_mapped(client));
    assert_true(table_is(&stream, &rule));
}

#endif
