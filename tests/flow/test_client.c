/* SPDX-License-Identifier: Apache-2.0 */
/* What users do with a client beside plain calls: closing it early, waiting for ever, cancelling,
 * calling it from its own callbacks, keeping it over a server's restart. */
#include "flow/flow.h"
#include "flow/tables.h"

static struct fkv_error error;

static const struct table_rule small = {.seed = 5, .batches = 3, .rows = 100};

static enum fkv_status put(struct fkv_client *client, const char *key,
                           const struct table_rule *rule)
{
    struct ArrowArrayStream stream;
    table_stream(rule, &stream);
    return fkv_put(client, key, strlen(key), &stream, NULL, NULL, &error);
}

static enum fkv_status get(struct fkv_client *client, const char *key, struct ArrowArrayStream *ret)
{
    return fkv_get(client, key, strlen(key), NULL, ret, &error);
}

/* ---- streams and their client ---- */

/* All of it has been received when the client goes; the consumer reads and releases it later. */
static void a_received_stream_outlives_its_client(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    flow.pipe = (struct net_pipe_options){.buffer_bytes = 1 << 20};
    struct fkv_client *client = flow_client(&flow);
    assert_ok(put(client, "k", &small));
    struct ArrowArrayStream stream;
    assert_ok(get(client, "k", &stream));
    flow_close_client(&flow, client);
    assert_true(table_is(&stream, &small));
    flow_done(&flow);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(a_received_stream_outlives_its_client));
}
