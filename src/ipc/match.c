/* SPDX-License-Identifier: Apache-2.0 */
/* Fields are compared in pre-order. As long as no difference was found, both trees have the same
 * shape, so that fields of one index correspond. */
#include "ipc/match.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"
#include "ipc/schema_internal.h"

enum { shown_max = 160 }; /* bytes of a type or a path in an error */

struct matcher {
    const struct ipc_schema *table;
    const struct ipc_schema *put;
    struct fkv_error *error;
};

/* ---- saying what differs ---- */

static void write_cut(struct buf *shown, const struct ipc_field *field)
{
    buf_init(shown, alloc_system(), shown_max);
    ipc_field_type_text(field, shown);
}

static void write_name(struct buf *path, const struct ipc_field *field)
{
    buf_append(path, field->name.data, (size_t)ipc_name_shown(field->name));
}

/* "a.b.item": the names from the column down to the field. */
static void write_path(struct buf *path, const struct ipc_schema *schema, uint32_t index)
{
    const struct ipc_field *wanted = schema->fields + index, *field = schema->fields;
    buf_init(path, alloc_system(), shown_max);
    for (;;) {
        while (wanted >= ipc_field_after(field))
            field = ipc_field_after(field);
        write_name(path, field);
        if (field == wanted)
            return;
        buf_text(path, ".");
        field++;
    }
}

static enum fkv_status FKV_PRINTF(3, 4)
    differ(const struct matcher *m, uint32_t index, const char *format, ...)
{
    char what[2 * shown_max + 64];
    struct buf path;
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    write_path(&path, m->table, index);
    enum fkv_status status = status_set(m->error, FKV_FAILED_PRECONDITION, "field '%s' differs: %s",
                                        buf_c_text(&path), what);
    buf_done(&path);
    return status;
}

static enum fkv_status differ_in_type(const struct matcher *m, uint32_t index)
{
    struct buf have, got;
    write_cut(&have, m->table->fields + index);
    write_cut(&got, m->put->fields + index);
    enum fkv_status status =
        differ(m, index, "the table has %s, the put %s", buf_c_text(&have), buf_c_text(&got));
    buf_done(&have);
    buf_done(&got);
    return status;
}

static enum fkv_status differ_in_columns(const struct matcher *m)
{
    bool put_has_more = m->put->field_count > m->table->field_count;
    const struct ipc_schema *more = put_has_more ? m->put : m->table;
    const struct ipc_schema *less = put_has_more ? m->table : m->put;
    struct slice name = more->fields[less->field_count].name;
    return status_set(m->error, FKV_FAILED_PRECONDITION,
                      "column '%.*s' is only in the %s: the table has %u columns, the put %u",
                      ipc_name_shown(name), (const char *)name.data, put_has_more ? "put" : "table",
                      (unsigned)m->table->column_count, (unsigned)m->put->column_count);
}

/* ---- metadata ---- */

static int compare_slices(struct slice a, struct slice b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int by_key(const void *a, const void *b)
{
    const struct ipc_key_value *x = a, *y = b;
    int order = compare_slices(x->key, y->key);
    return order != 0 ? order : compare_slices(x->value, y->value);
}

static struct ipc_key_value *sorted(const struct alloc *alloc, const struct ipc_metadata *metadata)
{
    struct ipc_key_value *pairs = alloc_array(alloc, metadata->count, sizeof *pairs);
    if (pairs == NULL)
        return NULL;
    if (metadata->count > 0)
        memcpy(pairs, metadata->pairs, metadata->count * sizeof *pairs);
    qsort(pairs, metadata->count, sizeof *pairs, by_key);
    return pairs;
}

/* The first pair, by key, that only one of them has; both are sorted. */
static const struct ipc_key_value *first_alone(const struct ipc_key_value *a, uint32_t a_count,
                                               const struct ipc_key_value *b, uint32_t b_count)
{
    uint32_t i = 0;
    while (i < a_count && i < b_count && by_key(&a[i], &b[i]) == 0)
        i++;
    if (i == a_count)
        return i == b_count ? NULL : &b[i];
    return i == b_count || by_key(&a[i], &b[i]) < 0 ? &a[i] : &b[i];
}

static bool same_in_order(const struct ipc_metadata *a, const struct ipc_metadata *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (by_key(&a->pairs[i], &b->pairs[i]) != 0)
            return false;
    return true;
}

/* *ret is the key in which they differ; its data NULL when they don't. */
static enum fkv_status compare_metadata(const struct matcher *m, const struct ipc_metadata *table,
                                        const struct ipc_metadata *put, struct slice *ret)
{
    *ret = slice_of(NULL, 0);
    if (same_in_order(table, put))
        return FKV_OK;
    const struct alloc *alloc = m->put->alloc;
    struct ipc_key_value *a = sorted(alloc, table), *b = sorted(alloc, put);
    enum fkv_status status = FKV_OK;
    if (a == NULL || b == NULL) {
        status = status_no_memory(m->error, table->count * sizeof *a);
    } else {
        const struct ipc_key_value *alone = first_alone(a, table->count, b, put->count);
        if (alone != NULL)
            *ret = alone->key;
    }
    alloc_free(alloc, a);
    alloc_free(alloc, b);
    return status;
}

static enum fkv_status match_metadata(const struct matcher *m, uint32_t index)
{
    struct slice key;
    enum fkv_status status = compare_metadata(m, &m->table->fields[index].metadata,
                                              &m->put->fields[index].metadata, &key);
    if (status != FKV_OK || key.data == NULL)
        return status;
    return differ(m, index, "the put has other metadata under '%.*s' than the table",
                  ipc_name_shown(key), (const char *)key.data);
}

static enum fkv_status match_schema_metadata(const struct matcher *m)
{
    struct slice key;
    enum fkv_status status = compare_metadata(m, &m->table->metadata, &m->put->metadata, &key);
    if (status != FKV_OK || key.data == NULL)
        return status;
    return status_set(m->error, FKV_FAILED_PRECONDITION,
                      "the put's schema has other metadata under '%.*s' than the table's",
                      ipc_name_shown(key), (const char *)key.data);
}

/* ---- fields ---- */

static bool same_encoding(const struct ipc_field *a, const struct ipc_field *b)
{
    return a->is_dictionary == b->is_dictionary &&
           a->dictionary.index_bits == b->dictionary.index_bits &&
           a->dictionary.index_is_signed == b->dictionary.index_is_signed &&
           a->dictionary.is_ordered == b->dictionary.is_ordered;
}

static enum fkv_status match_field(const struct matcher *m, uint32_t index)
{
    const struct ipc_field *have = m->table->fields + index, *got = m->put->fields + index;
    if (!slice_equal(have->name, got->name))
        return differ(m, index, "the put calls it '%.*s'", ipc_name_shown(got->name),
                      (const char *)got->name.data);
    if (!ipc_type_same_but_children(have, got) || !same_encoding(have, got))
        return differ_in_type(m, index);
    if (have->nullable != got->nullable)
        return differ(m, index, "in the table it is %s, in the put %s",
                      have->nullable ? "nullable" : "not null",
                      got->nullable ? "nullable" : "not null");
    return match_metadata(m, index);
}

static enum fkv_status match_format(const struct matcher *m)
{
    if (m->table->version != m->put->version)
        return status_set(m->error, FKV_FAILED_PRECONDITION,
                          "the table has metadata version V%d, the put V%d",
                          (int)m->table->version + 1, (int)m->put->version + 1);
    if (m->table->endianness != m->put->endianness)
        return status_set(m->error, FKV_FAILED_PRECONDITION, "the table is %s-endian, the put %s",
                          m->table->endianness == IPC_LITTLE_ENDIAN ? "little" : "big",
                          m->put->endianness == IPC_LITTLE_ENDIAN ? "little" : "big");
    return FKV_OK;
}

enum fkv_status ipc_schema_match(const struct ipc_schema *table, const struct ipc_schema *put,
                                 struct fkv_error *error)
{
    const struct matcher m = {table, put, error};
    enum fkv_status status = match_format(&m);
    for (uint32_t i = 0; status == FKV_OK; i++) {
        bool is_end = i == table->field_count, put_is_end = i == put->field_count;
        if (is_end && put_is_end)
            return match_schema_metadata(&m);
        status = is_end || put_is_end ? differ_in_columns(&m) : match_field(&m, i);
    }
    return status;
}

/* ---- dictionary ids ---- */

static enum fkv_status refuse_sharing(const struct ipc_field *field, struct fkv_error *error)
{
    return status_set(error, FKV_FAILED_PRECONDITION,
                      "field '%.*s' shares its dictionary with another one in the put or the "
                      "table but not in both",
                      ipc_name_shown(field->name), (const char *)field->name.data);
}

/* As many ids on either side, and one of the table's for each of the put's: so no two of the put's
 * have the same one. `fields` are by id. */
static enum fkv_status pair_ids(struct ipc_id_map *map, const struct ipc_schema *table,
                                const struct ipc_schema *put, const struct ipc_field *const *fields,
                                uint32_t count, struct fkv_error *error)
{
    if (count > 0 && table->dictionary_count != put->dictionary_count)
        return refuse_sharing(fields[0], error);
    for (uint32_t i = 0; i < count; i++) {
        int64_t put_id = fields[i]->dictionary.id;
        int64_t table_id = table->fields[fields[i] - put->fields].dictionary.id;
        const struct ipc_id_pair *last = map->count > 0 ? &map->pairs[map->count - 1] : NULL;
        if (last == NULL || last->put_id != put_id)
            map->pairs[map->count++] = (struct ipc_id_pair){put_id, table_id, fields[i]};
        else if (last->table_id != table_id)
            return refuse_sharing(fields[i], error);
    }
    return FKV_OK;
}

enum fkv_status ipc_id_map_init(struct ipc_id_map *map, const struct alloc *alloc,
                                const struct ipc_schema *table, const struct ipc_schema *put,
                                struct fkv_error *error)
{
    const struct ipc_field **fields;
    uint32_t count;
    *map = (struct ipc_id_map){.alloc = alloc};
    if (!ipc_schema_dictionaries(alloc, put, &fields, &count))
        return status_no_memory(error, put->field_count * sizeof *fields);
    enum fkv_status status = FKV_OK;
    map->pairs = alloc_array(alloc, put->dictionary_count, sizeof *map->pairs);
    if (map->pairs == NULL)
        status = status_no_memory(error, put->dictionary_count * sizeof *map->pairs);
    else
        status = pair_ids(map, table, put, fields, count, error);
    alloc_free(alloc, fields);
    if (status != FKV_OK)
        ipc_id_map_done(map);
    return status;
}

void ipc_id_map_done(struct ipc_id_map *map)
{
    if (map->alloc != NULL)
        alloc_free(map->alloc, map->pairs);
    *map = (struct ipc_id_map){0};
}

struct ipc_id_pair *ipc_id_map_find(const struct ipc_id_map *map, int64_t put_id)
{
    uint32_t low = 0, high = map->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (map->pairs[middle].put_id < put_id)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_found = low < map->count && map->pairs[low].put_id == put_id;
    return is_found ? &map->pairs[low] : NULL;
}
