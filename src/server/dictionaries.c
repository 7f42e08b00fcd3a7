/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dictionaries.h"

#include "base/status.h"

struct search {
    const struct store_table *table;
    const struct ipc_limits *limits;
    struct ipc_id_map ids;
    bool *is_whole; /* by index in `ids` */
    uint32_t whole_count;
    struct buf *found;
};

/* Notes the dictionary message at `index` unless a later one stands for it. */
static enum fkv_status look_at(struct search *s, uint64_t index, struct fkv_error *error)
{
    struct store_message stored = store_table_message(s->table, index);
    struct ipc_message message;
    enum fkv_status status = ipc_message_decode(stored.header, s->limits, &message, error);
    if (status != FKV_OK)
        return status;
    const struct ipc_id_pair *pair = ipc_id_map_find(&s->ids, message.dictionary_id);
    if (pair == NULL)
        return status_set(error, FKV_INTERNAL,
                          "a stored dictionary has id %lld, which the schema "
                          "doesn't have",
                          (long long)message.dictionary_id);
    bool *is_whole = &s->is_whole[pair - s->ids.pairs];
    if (*is_whole)
        return FKV_OK;
    *is_whole = !message.is_delta;
    s->whole_count += !message.is_delta;
    const struct table_dictionary found = {index, message.dictionary_id, message.is_delta};
    return buf_append(s->found, &found, sizeof found) ? FKV_OK
                                                      : status_no_memory(error, sizeof found);
}

static void reverse(struct buf *found, size_t from)
{
    for (size_t i = from, j = dictionaries_count(found); j > i + 1; i++) {
        struct table_dictionary first = *dictionaries_at(found, i);
        *dictionaries_at(found, i) = *dictionaries_at(found, --j);
        *dictionaries_at(found, j) = first;
    }
}

enum fkv_status dictionaries_in_force(const struct store_table *table,
                                      const struct ipc_schema *schema, uint64_t end,
                                      bool is_bounded, const struct alloc *alloc,
                                      const struct ipc_limits *limits, struct buf *ret,
                                      struct fkv_error *error)
{
    struct search s = {.table = table, .limits = limits, .found = ret};
    size_t before = dictionaries_count(ret);
    enum fkv_status status = ipc_id_map_init(&s.ids, alloc, schema, schema, error);
    if (status != FKV_OK)
        return status;
    s.is_whole = alloc_array(alloc, s.ids.count, sizeof *s.is_whole);
    if (s.is_whole == NULL)
        status = status_no_memory(error, s.ids.count);
    uint64_t steps_left = is_bounded ? 256 + 4 * (uint64_t)s.ids.count : UINT64_MAX;
    while (status == FKV_OK && s.whole_count < s.ids.count && steps_left-- > 0) {
        end = store_table_last_dictionary(table, end);
        if (end == 0)
            break;
        status = look_at(&s, end, error);
    }
    reverse(ret, before);
    alloc_free(alloc, s.is_whole);
    ipc_id_map_done(&s.ids);
    return status;
}
