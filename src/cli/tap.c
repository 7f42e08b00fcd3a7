/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tap.h"

#include <errno.h>
#include <stdio.h>

#include "base/status.h"

static int failed(struct tap *tap, int code)
{
    if (fkv_stream_error(&tap->inner, &tap->failure) != FKV_UNKNOWN)
        return code;
    const char *message = tap->inner.get_last_error(&tap->inner);
    status_set(&tap->failure, FKV_UNKNOWN, "%s", message != NULL ? message : "reading failed");
    return code;
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *ret)
{
    struct tap *tap = stream->private_data;
    int code = tap->inner.get_schema(&tap->inner, ret);
    return code == 0 ? 0 : failed(tap, code);
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *ret)
{
    struct tap *tap = stream->private_data;
    if (tap->stop != NULL && atomic_load(tap->stop)) {
        status_set(&tap->failure, FKV_CANCELLED, "interrupted");
        return ECANCELED;
    }
    int code = tap->inner.get_next(&tap->inner, ret);
    return code == 0 ? 0 : failed(tap, code);
}

static const char *get_last_error(struct ArrowArrayStream *stream)
{
    struct tap *tap = stream->private_data;
    return tap->failure.status != FKV_OK ? tap->failure.message : NULL;
}

static void release(struct ArrowArrayStream *stream)
{
    struct tap *tap = stream->private_data;
    if (tap->inner.release != NULL)
        tap->inner.release(&tap->inner);
    stream->release = NULL;
}

struct ArrowArrayStream tap_stream(struct tap *tap, struct ArrowArrayStream *inner,
                                   const atomic_bool *stop)
{
    *tap = (struct tap){.inner = *inner, .stop = stop};
    inner->release = NULL;
    return (struct ArrowArrayStream){get_schema, get_next, get_last_error, release, tap};
}

enum fkv_status tap_blame(const struct tap *tap, struct fkv_error *error)
{
    if (tap->failure.status != FKV_OK)
        *error = tap->failure;
    return error->status;
}
