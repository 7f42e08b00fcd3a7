/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/refusal.h"

#include "base/status.h"
#include "base/text.h"

/* What isn't of a stored table is of uploads, down to their schemas and gathered messages. */
enum fkv_status refusal_set(const struct refusal *refusal, struct fkv_error *error)
{
    const uint64_t used = refusal->used_bytes, stored = refusal->stored_bytes;
    char wanted[text_figure_size], tables[text_figure_size], uploads[text_figure_size],
        most[text_figure_size];
    text_size(wanted, refusal->bytes);
    text_size(most, refusal->budget_bytes);
    if (refusal->holders != NULL)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "%s %s does not fit: %s of %s are held by %s; start the server with a "
                          "larger --memory",
                          refusal->what, wanted, text_size(uploads, used), most, refusal->holders);
    return status_set(error, FKV_RESOURCE_EXHAUSTED,
                      "%s %s does not fit: stored %s, uploads %s, of %s; remove keys, or start the "
                      "server with a larger --memory",
                      refusal->what, wanted, text_size(tables, stored),
                      text_size(uploads, used > stored ? used - stored : 0), most);
}
