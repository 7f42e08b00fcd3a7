/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a peer into a session: the first byte chooses the role and how the calls behave, the
 * second how the rest is cut into parts. What is held must be given back. */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "harness/test.h"
#include "wire/session.h"

struct run {
    uint8_t habits;
    unsigned open;
    unsigned pulled;
    uint8_t *target; /* of its exact size, and freed when bytes have come */
};

static void check(bool is_so)
{
    if (!is_so)
        abort();
}

static enum wire_pull next_message(void *context, struct wire_call *call, struct wire_out *out,
                                   struct fkv_error *error)
{
    (void)call;
    (void)error;
    struct run *run = context;
    run->pulled++;
    if (run->pulled % 5 == 0)
        return (run->habits & 2) != 0 ? WIRE_PULL_END : WIRE_PULL_WAIT;
    wire_out_begin(out);
    wire_out_copy(out, slice_text("some bytes of a message"));
    wire_out_end(out);
    return WIRE_PULL_MESSAGE;
}

static uint8_t *target(void *context, struct wire_call *call, size_t *size)
{
    (void)call;
    struct run *run = context;
    check(*size > 0);
    free(run->target);
    run->target = malloc(*size);
    return run->target;
}

static enum fkv_status on_bytes(void *context, struct wire_call *call, struct slice bytes,
                                struct fkv_error *error)
{
    (void)error;
    struct run *run = context;
    check(bytes.size > 0);
    uint8_t first = bytes.data[0];
    free(run->target);
    run->target = NULL;
    wire_call_hold(call, (run->habits & 4) != 0 && first % 2 == 0);
    if ((run->habits & 8) != 0 && first == 'c')
        wire_call_cancel(call);
    return (run->habits & 16) != 0 && first == 'f' ? FKV_ABORTED : FKV_OK;
}

static void on_end(void *context, struct wire_call *call)
{
    (void)context;
    wire_call_resume(call);
}

static void on_closed(void *context, struct wire_call *call, enum fkv_status status,
                      const char *message)
{
    (void)call;
    check(status >= FKV_OK && message != NULL);
    ((struct run *)context)->open--;
}

static const struct wire_receiver receiver = {
    .on_bytes = on_bytes, .target = target, .on_end = on_end, .on_closed = on_closed};

static void on_call(void *context, struct wire_call *call)
{
    struct run *run = context;
    const struct wire_source source = {next_message, run};
    run->open++;
    wire_call_accept(call, &receiver, run);
    wire_call_send(call, &source);
    if ((run->habits & 32) != 0)
        wire_call_flush_headers(call);
}

static void open_calls(struct wire_session *session, struct run *run)
{
    struct wire_call *call;
    const struct wire_request request = {.path = "/s/m",
                                         .timeout_ns = UINT64_MAX,
                                         .receiver = &receiver,
                                         .context = run,
                                         .source = {next_message, run}};
    for (int i = 0; i < 4; i++)
        if (wire_call_open(session, &request, &call, NULL) == FKV_OK)
            run->open++;
}

static void take_output(struct wire_session *session)
{
    struct iovec iov[4];
    size_t count = wire_session_next(session, iov, 4, 5000), moved = 0;
    for (size_t i = 0; i < count; i++)
        moved += iov[i].iov_len;
    wire_session_sent(session, moved);
}

/* The next bytes, where they are or where the session wants them. */
static struct slice take_part(struct wire_session *session, const struct run *run,
                              struct slice *rest, size_t part)
{
    size_t size = part < rest->size ? part : rest->size;
    uint8_t *place = (run->habits & 64) != 0 ? wire_session_target(session, &size) : NULL;
    if (place == NULL)
        return slice_take(rest, part);
    struct slice bytes = slice_take(rest, size);
    memcpy(place, bytes.data, bytes.size);
    return slice_of(place, bytes.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct run run = {.habits = data[0]};
    bool is_client = (data[0] & 1) != 0;
    size_t part = data[1] == 0 ? size : data[1];
    struct slice rest = slice_of(data + 2, size - 2);
    struct test_alloc memory;
    test_alloc_init(&memory, 0);
    struct wire_limits limits = wire_limits_default;
    limits.streams_max = 16;
    const struct wire_events events = {on_call, &run};
    struct wire_session *session = NULL;
    check(wire_session_new(&memory.alloc, is_client ? WIRE_CLIENT : WIRE_SERVER, &limits, &events,
                           "x", &session, NULL) == FKV_OK);
    if (is_client)
        open_calls(session, &run);
    enum fkv_status status = FKV_OK;
    while (rest.size > 0 && status == FKV_OK) {
        take_output(session);
        status = wire_session_feed(session, take_part(session, &run, &rest, part), NULL);
        check(run.open <= limits.streams_max);
    }
    take_output(session);
    wire_session_free(session);
    free(run.target);
    check(run.open == 0 && memory.live == 0);
    return 0;
}
