/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/body_refs.h"

#include "base/status.h"

bool flight_refs_add(struct buf *refs, const struct flight_ref *ref)
{
    uint8_t *entry = buf_extend(refs, flight_ref_bytes);
    if (entry == NULL)
        return false;
    store_le64(entry, ref->body_offset);
    store_le64(entry + 8, ref->arena_offset);
    store_le64(entry + 16, ref->size);
    return true;
}

struct flight_ref flight_refs_at(struct slice refs, size_t index)
{
    const uint8_t *entry = refs.data + index * flight_ref_bytes;
    return (struct flight_ref){load_le64(entry), load_le64(entry + 8), load_le64(entry + 16)};
}

static enum fkv_status refuse(size_t index, const struct flight_ref *ref, const char *what,
                              struct fkv_error *error)
{
    return status_set(error, FKV_INVALID_ARGUMENT,
                      "body_refs entry %zu (%llu bytes at %llu, for %llu on) %s", index,
                      (unsigned long long)ref->size, (unsigned long long)ref->arena_offset,
                      (unsigned long long)ref->body_offset, what);
}

enum fkv_status flight_refs_check(struct slice refs, uint64_t map_bytes, uint64_t inline_bytes,
                                  uint64_t *ret_bytes, struct fkv_error *error)
{
    uint64_t end = 0, total = inline_bytes;
    if (refs.size % flight_ref_bytes != 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "body_refs has %zu bytes, expected a multiple of %d", refs.size,
                          flight_ref_bytes);
    for (size_t i = 0; i < flight_refs_count(refs); i++) {
        struct flight_ref ref = flight_refs_at(refs, i);
        if (ref.size == 0 || ref.size > map_bytes || ref.arena_offset > map_bytes - ref.size)
            return refuse(i, &ref, "isn't in the memory shared", error);
        if (ref.body_offset < end || __builtin_add_overflow(total, ref.size, &total) ||
            __builtin_add_overflow(ref.body_offset, ref.size, &end))
            return refuse(i, &ref, "isn't behind the one before", error);
    }
    if (end > total || total > SIZE_MAX / 2)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "body_refs lead to byte %llu of a body of %llu", (unsigned long long)end,
                          (unsigned long long)total);
    *ret_bytes = total;
    return FKV_OK;
}
