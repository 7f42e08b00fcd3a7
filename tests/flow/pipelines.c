/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/pipelines.h"

static struct fkv_error error;

const struct table_rule piped_small = {.seed = 5, .batches = 2, .rows = 30};
const struct table_rule piped_large = {.seed = 900, .batches = 40, .rows = 4000};

struct table_rule piped_rule(uint64_t n)
{
    struct table_rule rule = piped_small;
    rule.seed = 1000 * n;
    return rule;
}

size_t piped_key(uint64_t n, char ret[16])
{
    return (size_t)snprintf(ret, 16, "key %u", (unsigned)n);
}

struct fkv_pipeline *piped_open(struct fkv_client *client, uint64_t depth)
{
    const struct fkv_pipeline_options options = {.size = sizeof options, .depth = depth};
    struct fkv_pipeline *pipeline = NULL;
    assert_ok(fkv_pipeline_open(client, &options, &pipeline, &error));
    return pipeline;
}

void piped_get(struct fkv_pipeline *pipeline, uint64_t n)
{
    char key[16];
    assert_ok(fkv_pipeline_get(pipeline, key, piped_key(n, key), NULL, n, &error));
}

void piped_put_of(struct fkv_pipeline *pipeline, uint64_t n, const struct table_rule *rule)
{
    char key[16];
    struct ArrowArrayStream stream;
    table_stream(rule, &stream);
    assert_ok(fkv_pipeline_put(pipeline, key, piped_key(n, key), &stream, NULL, n, &error));
    assert_null(stream.release);
}

void piped_put(struct fkv_pipeline *pipeline, uint64_t n)
{
    const struct table_rule rule = piped_rule(n);
    piped_put_of(pipeline, n, &rule);
}

bool piped_take_odd(struct fkv_pipeline *pipeline, struct tally *tally, uint64_t odd_tag,
                    const struct table_rule *odd)
{
    struct fkv_pipeline_result result;
    bool more = false;
    assert_ok(fkv_pipeline_next(pipeline, &result, &more, &error));
    if (!more)
        return false;
    assert_true(result.tag < keys_max);
    tally->statuses[result.tag] = result.status;
    tally->times[result.tag]++;
    tally->order[tally->count++] = result.tag;
    if (result.status != FKV_OK) {
        assert_int_equal(result.error.status, result.status);
        assert_null(result.table.release);
        memcpy(tally->message, result.error.message, sizeof tally->message);
    }
    const struct table_rule rule = result.tag == odd_tag ? *odd : piped_rule(result.tag);
    if (result.table.release != NULL)
        assert_true(table_is(&result.table, &rule));
    return true;
}

bool piped_take(struct fkv_pipeline *pipeline, struct tally *tally)
{
    return piped_take_odd(pipeline, tally, UINT64_MAX, NULL);
}

struct tally piped_take_all(struct fkv_pipeline *pipeline)
{
    struct tally tally = {.count = 0};
    while (piped_take(pipeline, &tally))
        ;
    return tally;
}

size_t piped_count(const struct tally *tally, enum fkv_status status)
{
    size_t count = 0;
    for (size_t i = 0; i < tally->count; i++)
        count += tally->statuses[tally->order[i]] == status;
    return count;
}

struct tally piped_run(struct fkv_pipeline *pipeline, uint64_t count,
                       void (*begin)(struct fkv_pipeline *pipeline, uint64_t n))
{
    struct tally tally = {.count = 0};
    uint64_t begun = 0;
    do {
        for (; begun < count && fkv_pipeline_room(pipeline) > 0; begun++)
            begin(pipeline, begun);
    } while (piped_take(pipeline, &tally));
    assert_int_equal(tally.count, count);
    for (uint64_t n = 0; n < count; n++)
        assert_int_equal(tally.times[n], 1);
    return tally;
}

void piped_put_keys(struct fkv_client *client, uint64_t count)
{
    struct fkv_pipeline *pipeline = piped_open(client, 0);
    struct tally tally = piped_run(pipeline, count, piped_put);
    assert_int_equal(piped_count(&tally, FKV_OK), count);
    fkv_pipeline_close(pipeline);
}

struct tally piped_statuses(struct fkv_pipeline *pipeline)
{
    struct tally tally = {.count = 0};
    struct fkv_pipeline_result result;
    bool more = true;
    while (fkv_pipeline_next(pipeline, &result, &more, &error) == FKV_OK && more) {
        tally.order[tally.count++] = result.tag;
        tally.statuses[result.tag] = result.status;
        if (result.table.release != NULL)
            result.table.release(&result.table);
        else
            memcpy(tally.message, result.error.message, sizeof tally.message);
    }
    return tally;
}

uint64_t piped_calls_open(const struct flow *flow)
{
    return host_stats(flow->host).calls_open;
}
