/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dictionaries.h"

#include "base/status.h"

/* Notes the dictionary message at `index` unless a later one stands for it. */
static enum fkv_status look_at(struct dictionary_search *s, uint64_t index, struct fkv_error *error)
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
    return buf_append(&s->found, &found, sizeof found) ? FKV_OK
                                                       : status_no_memory(error, sizeof found);
}

enum fkv_status dictionary_search_begin(struct dictionary_search *search,
                                        const struct store_table *table,
                                        const struct ipc_schema *schema, uint64_t end,
                                        const struct alloc *alloc, const struct ipc_limits *limits,
                                        struct fkv_error *error)
{
    *search =
        (struct dictionary_search){.table = table, .limits = limits, .alloc = alloc, .end = end};
    buf_init(&search->found, alloc, SIZE_MAX);
    enum fkv_status status = ipc_id_map_init(&search->ids, alloc, schema, schema, error);
    if (status != FKV_OK)
        return status;
    search->is_whole = alloc_array(alloc, search->ids.count, sizeof *search->is_whole);
    return search->is_whole != NULL ? FKV_OK : status_no_memory(error, search->ids.count);
}

void dictionary_search_done(struct dictionary_search *search)
{
    if (search->alloc == NULL)
        return;
    ipc_id_map_done(&search->ids);
    alloc_free(search->alloc, search->is_whole);
    buf_done(&search->found);
}

enum fkv_status dictionary_search_run(struct dictionary_search *search, uint64_t steps,
                                      bool *ret_is_over, struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    *ret_is_over = false;
    while (status == FKV_OK && !*ret_is_over && steps-- > 0) {
        if (search->whole_count < search->ids.count)
            search->end = store_table_last_dictionary(search->table, search->end);
        *ret_is_over = search->whole_count == search->ids.count || search->end == 0;
        if (!*ret_is_over)
            status = look_at(search, search->end, error);
    }
    return status;
}

enum fkv_status dictionaries_in_force(const struct store_table *table,
                                      const struct ipc_schema *schema, const struct alloc *alloc,
                                      const struct ipc_limits *limits, struct buf *ret,
                                      struct fkv_error *error)
{
    struct dictionary_search search;
    bool is_over;
    enum fkv_status status =
        dictionary_search_begin(&search, table, schema, table->messages, alloc, limits, error);
    if (status == FKV_OK)
        status =
            dictionary_search_run(&search, 256 + 4 * (uint64_t)search.ids.count, &is_over, error);
    if (status == FKV_OK && !buf_append(ret, search.found.data, search.found.size))
        status = status_no_memory(error, search.found.size);
    dictionary_search_done(&search);
    return status;
}
