/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/dictionary.h"

#include <stdlib.h>

#include "base/status.h"
#include "ipc/check.h"

/* A stream of deltas and no batches must not make the list of those that wait endless. */
enum { deltas_waiting_max = 1024 };

static void free_values(struct block *refs)
{
    struct ipc_values *values =
        (struct ipc_values *)((char *)refs - offsetof(struct ipc_values, refs));
    ipc_batch_done(&values->batch);
    alloc_free(refs->alloc, values);
}

struct ipc_values *ipc_values_new(const struct alloc *alloc, struct ipc_batch *batch)
{
    struct ipc_values *values = alloc_get(alloc, sizeof *values);
    if (values == NULL) {
        ipc_batch_done(batch);
        return NULL;
    }
    block_init(&values->refs, NULL, 0, free_values);
    values->refs.alloc = alloc;
    values->batch = *batch;
    return values;
}

static void values_unref(struct ipc_values *values)
{
    if (values != NULL)
        block_unref(&values->refs);
}

static struct ipc_values *const *waiting(const struct ipc_dictionary *dictionary)
{
    return (const void *)dictionary->deltas.data;
}

static size_t waiting_count(const struct ipc_dictionary *dictionary)
{
    return dictionary->deltas.size / sizeof(struct ipc_values *);
}

static void forget_deltas(struct ipc_dictionary *dictionary)
{
    for (size_t i = 0; i < waiting_count(dictionary); i++)
        values_unref(waiting(dictionary)[i]);
    buf_clear(&dictionary->deltas);
}

static void set_values(struct ipc_dictionary *dictionary, struct ipc_values *values)
{
    forget_deltas(dictionary);
    values_unref(dictionary->values);
    dictionary->values = values;
}

static int compare_items(const void *a, const void *b)
{
    const struct ipc_dictionary *left = a, *right = b;
    int64_t x = left->field->dictionary.id, y = right->field->dictionary.id;
    if (x != y)
        return x < y ? -1 : 1;
    return (left->field > right->field) - (left->field < right->field);
}

static uint32_t drop_repeated_ids(struct ipc_dictionary *items, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || items[kept - 1].field->dictionary.id != items[i].field->dictionary.id)
            items[kept++] = items[i];
    return kept;
}

enum fkv_status ipc_dictionaries_init(struct ipc_dictionaries *dictionaries,
                                      const struct alloc *alloc, const struct ipc_schema *schema,
                                      struct fkv_error *error)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < schema->field_count; i++)
        count += schema->fields[i].is_dictionary;
    struct ipc_dictionary *items = alloc_array(alloc, count, sizeof *items);
    if (items == NULL)
        return status_no_memory(error, count * sizeof *items);
    count = 0;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if (!schema->fields[i].is_dictionary)
            continue;
        items[count].field = &schema->fields[i];
        buf_init(&items[count++].deltas, alloc, deltas_waiting_max * sizeof(struct ipc_values *));
    }
    if (count > 1)
        qsort(items, count, sizeof *items, compare_items);
    *dictionaries = (struct ipc_dictionaries){
        .alloc = alloc, .items = items, .count = drop_repeated_ids(items, count)};
    return FKV_OK;
}

void ipc_dictionaries_done(struct ipc_dictionaries *dictionaries)
{
    if (dictionaries->items == NULL)
        return;
    for (uint32_t i = 0; i < dictionaries->count; i++) {
        set_values(&dictionaries->items[i], NULL);
        buf_done(&dictionaries->items[i].deltas);
    }
    alloc_free(dictionaries->alloc, dictionaries->items);
    dictionaries->items = NULL;
}

struct ipc_dictionary *ipc_dictionaries_find(const struct ipc_dictionaries *dictionaries,
                                             int64_t id)
{
    uint32_t low = 0, high = dictionaries->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (dictionaries->items[middle].field->dictionary.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < dictionaries->count && dictionaries->items[low].field->dictionary.id == id;
    return found ? &dictionaries->items[low] : NULL;
}

static bool has_inner_dictionary(const struct ipc_field *field)
{
    for (uint32_t i = 1; i < field->subtree; i++)
        if (field[i].is_dictionary)
            return true;
    return false;
}

/* All of `dictionary` in one, with what waits. */
static enum fkv_status append_deltas(struct ipc_dictionaries *dictionaries,
                                     struct ipc_dictionary *dictionary, struct fkv_error *error)
{
    size_t count = waiting_count(dictionary) + 1;
    if (count == 1)
        return FKV_OK;
    struct ipc_values **parts = alloc_array(dictionaries->alloc, count, sizeof *parts);
    if (parts == NULL)
        return status_no_memory(error, count * sizeof *parts);
    parts[0] = dictionary->values;
    for (size_t i = 1; i < count; i++)
        parts[i] = waiting(dictionary)[i - 1];
    enum fkv_status status = FKV_OK;
    for (size_t i = dictionary->is_checked ? 1 : 0; i < count && status == FKV_OK; i++)
        status = ipc_check_values(dictionary->field, &parts[i]->batch, NULL, error);
    struct ipc_values *all;
    if (status == FKV_OK)
        status =
            ipc_values_concat(dictionaries->alloc, dictionary->field, parts, count, &all, error);
    if (status == FKV_OK) {
        set_values(dictionary, all);
        dictionary->is_checked = !has_inner_dictionary(dictionary->field);
    }
    alloc_free(dictionaries->alloc, parts);
    return status;
}

/* Replaces the values; what was checked against the old ones must be checked again. */
static void replace(struct ipc_dictionaries *dictionaries, struct ipc_dictionary *dictionary,
                    struct ipc_values *values)
{
    for (uint32_t i = 0; i < dictionaries->count; i++)
        if (has_inner_dictionary(dictionaries->items[i].field))
            dictionaries->items[i].is_checked = false;
    dictionary->is_checked = false;
    set_values(dictionary, values);
}

static enum fkv_status add_delta(struct ipc_dictionaries *dictionaries,
                                 struct ipc_dictionary *dictionary, struct ipc_values *values,
                                 struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    if (waiting_count(dictionary) == deltas_waiting_max)
        status = append_deltas(dictionaries, dictionary, error);
    if (status == FKV_OK && !buf_append(&dictionary->deltas, &values, sizeof values)) {
        dictionary->deltas.failed = false;
        status = status_no_memory(error, sizeof values);
    }
    if (status != FKV_OK)
        values_unref(values);
    return status;
}

enum fkv_status ipc_dictionaries_add(struct ipc_dictionaries *dictionaries, int64_t id,
                                     bool is_delta, struct ipc_batch *batch,
                                     struct fkv_error *error)
{
    struct ipc_dictionary *dictionary = ipc_dictionaries_find(dictionaries, id);
    if (dictionary == NULL || (is_delta && dictionary->values == NULL)) {
        ipc_batch_done(batch);
        return status_set(error, FKV_INVALID_ARGUMENT, "dictionary batch of id %lld, which %s",
                          (long long)id,
                          dictionary == NULL ? "the schema doesn't have"
                                             : "is a delta without values to append to");
    }
    struct ipc_values *values = ipc_values_new(dictionaries->alloc, batch);
    if (values == NULL)
        return status_no_memory(error, sizeof *values);
    if (is_delta)
        return add_delta(dictionaries, dictionary, values, error);
    replace(dictionaries, dictionary, values);
    return FKV_OK;
}

enum fkv_status ipc_dictionaries_settle(struct ipc_dictionaries *dictionaries, bool check,
                                        struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    for (uint32_t i = 0; i < dictionaries->count && status == FKV_OK; i++)
        status = append_deltas(dictionaries, &dictionaries->items[i], error);
    for (uint32_t i = 0; i < dictionaries->count && check && status == FKV_OK; i++) {
        struct ipc_dictionary *dictionary = &dictionaries->items[i];
        if (dictionary->is_checked || dictionary->values == NULL)
            continue;
        status =
            ipc_check_values(dictionary->field, &dictionary->values->batch, dictionaries, error);
        dictionary->is_checked = status == FKV_OK;
    }
    return status;
}
