/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes, and valid streams of a client with some bytes changed, fed to a server's session:
 * nothing may crash or leak, and what the session holds stays bounded. */
#include "harness/test.h"

#include <stdlib.h>

#include "base/buf.h"
#include "wire/session.h"

struct victim {
    struct test_alloc memory;
    struct wire_session *session;
    unsigned open, peak;
    uint64_t seed;
};

static uint64_t random_of(struct victim *v, uint64_t below)
{
    v->seed = v->seed * 6364136223846793005 + 1442695040888963407;
    return (v->seed >> 33) % below;
}

static enum wire_pull next_message(void *context, struct wire_call *call, struct wire_out *out,
                                   struct fkv_error *error)
{
    (void)call;
    struct victim *v = context;
    switch (random_of(v, 8)) {
    case 0:
        return WIRE_PULL_END;
    case 1:
        return status_set(error, FKV_ABORTED, "enough") == FKV_OK ? WIRE_PULL_WAIT : WIRE_PULL_FAIL;
    case 2:
        return WIRE_PULL_WAIT;
    default:
        wire_out_begin(out);
        memset(wire_out_space(out, 500), 7, 500);
        wire_out_end(out);
        return WIRE_PULL_MESSAGE;
    }
}

static enum fkv_status on_bytes(void *context, struct wire_call *call, struct slice bytes,
                                struct fkv_error *error)
{
    struct victim *v = context;
    assert_true(bytes.size > 0);
    if (random_of(v, 20) == 0)
        return status_set(error, FKV_DATA_LOSS, "bad luck");
    if (random_of(v, 20) == 0)
        wire_call_cancel(call);
    return FKV_OK;
}

static void on_closed(void *context, struct wire_call *call, enum fkv_status status,
                      const char *message)
{
    (void)call;
    (void)status;
    assert_non_null(message);
    ((struct victim *)context)->open--;
}

static const struct wire_receiver receiver = {.on_bytes = on_bytes, .on_closed = on_closed};

static void on_call(void *context, struct wire_call *call)
{
    struct victim *v = context;
    if (++v->open > v->peak)
        v->peak = v->open;
    const struct wire_source source = {next_message, v};
    wire_call_accept(call, &receiver, v);
    wire_call_send(call, &source);
}

static void take_output(struct wire_session *session, struct buf *keep)
{
    struct iovec iov[8];
    size_t count = wire_session_next(session, iov, 8, 30000), moved = 0;
    for (size_t i = 0; i < count; i++) {
        if (keep != NULL)
            buf_append(keep, iov[i].iov_base, iov[i].iov_len);
        moved += iov[i].iov_len;
    }
    wire_session_sent(session, moved);
}

/* Gives the most calls that were open at once. */
static unsigned feed_victim(struct slice bytes, uint64_t seed)
{
    struct victim v = {.seed = seed};
    struct wire_limits limits = wire_limits_default;
    limits.streams_max = 20;
    test_alloc_init(&v.memory, 0);
    const struct wire_events events = {on_call, &v};
    assert_int_equal(
        wire_session_new(&v.memory.alloc, WIRE_SERVER, &limits, &events, NULL, &v.session, NULL),
        FKV_OK);
    while (bytes.size > 0) {
        struct slice part = slice_take(&bytes, random_of(&v, 3000) + 1);
        uint8_t *exact = malloc(part.size); /* so that the sanitizer sees every byte too far */
        assert_non_null(exact);
        memcpy(exact, part.data, part.size);
        if (wire_session_feed(v.session, slice_of(exact, part.size), NULL) != FKV_OK)
            bytes.size = 0;
        free(exact);
        if (random_of(&v, 3) != 0)
            take_output(v.session, NULL);
    }
    wire_session_free(v.session);
    assert_true(v.peak <= limits.streams_max);
    assert_int_equal(v.open, 0);
    assert_int_equal(v.memory.live, 0);
    return v.peak;
}

static enum wire_pull next_request(void *context, struct wire_call *call, struct wire_out *out,
                                   struct fkv_error *error)
{
    (void)call;
    (void)error;
    unsigned *left = context;
    if ((*left)-- == 0)
        return WIRE_PULL_END;
    wire_out_begin(out);
    memset(wire_out_space(out, 100 * *left), (int)*left, 100 * *left);
    wire_out_end(out);
    return WIRE_PULL_MESSAGE;
}

static const struct wire_receiver deaf_receiver = {0};

/* What a client says that opens some calls and cancels one. */
static void record_client(struct buf *buf)
{
    struct wire_session *session;
    struct wire_call *call = NULL;
    unsigned left[6];
    assert_int_equal(wire_session_new(alloc_system(), WIRE_CLIENT, &wire_limits_default, NULL, "x",
                                      &session, NULL),
                     FKV_OK);
    const struct wire_pair pair = {slice_text("some-metadata-bin"), slice_text("\1\2\3")};
    for (unsigned i = 0; i < 6; i++) {
        left[i] = i + 1;
        const struct wire_request request = {
            .path = "/service/method",
            .metadata = {&pair, 1},
            .timeout_ns = 1000000 * (i + 1),
            .receiver = &deaf_receiver,
            .source = {next_request, &left[i]},
        };
        assert_int_equal(wire_call_open(session, &request, &call, NULL), FKV_OK);
        if (i % 2 == 0)
            take_output(session, buf);
    }
    wire_call_cancel(call);
    wire_session_drain(session);
    while (wire_session_state(session) == WIRE_HAS_OUTPUT)
        take_output(session, buf);
    wire_session_free(session);
    assert_true(buf->size > 2000);
}

static void random_bytes(void **state)
{
    (void)state;
    static uint8_t bytes[3000];
    struct victim dice = {.seed = 17};
    for (unsigned round = 0; round < 300; round++) {
        size_t start = round % 2 == 0 ? 0 : 24;
        memcpy(bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
        for (size_t i = start; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)random_of(&dice, random_of(&dice, 2) == 0 ? 256 : 8);
        feed_victim(slice_of(bytes, sizeof bytes), round);
    }
}

static void mutated_streams(void **state)
{
    (void)state;
    struct buf valid;
    struct victim dice = {.seed = 4};
    buf_init(&valid, alloc_system(), 1 << 20);
    record_client(&valid);
    assert_true(feed_victim(buf_slice(&valid), 1) > 0);
    uint8_t *bytes = malloc(valid.size);
    assert_non_null(bytes);
    for (unsigned round = 0; round < 3000; round++) {
        memcpy(bytes, valid.data, valid.size);
        for (uint64_t changes = random_of(&dice, 6) + 1; changes > 0; changes--) {
            size_t at = 24 + random_of(&dice, random_of(&dice, 2) == 0 ? 300 : valid.size - 24);
            bytes[at] = random_of(&dice, 2) == 0 ? (uint8_t)random_of(&dice, 256)
                                                 : (uint8_t)(bytes[at] ^ 1 << random_of(&dice, 8));
        }
        size_t size = random_of(&dice, 4) == 0 ? random_of(&dice, valid.size) : valid.size;
        feed_victim(slice_of(bytes, size), round);
    }
    free(bytes);
    buf_done(&valid);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(random_bytes), cmocka_unit_test(mutated_streams));
}
