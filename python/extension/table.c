/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct kept_schema {
    atomic_size_t refs;
    struct ArrowSchema schema;
};

struct kept_array {
    atomic_size_t refs;
    struct ArrowArray array;
};

struct table {
    atomic_size_t refs;
    struct kept_schema *schema;
    struct kept_array **batches;
    size_t count, room;
    int64_t rows;
};

static void schema_unref(struct kept_schema *kept)
{
    if (kept == NULL || atomic_fetch_sub(&kept->refs, 1) > 1)
        return;
    kept->schema.release(&kept->schema);
    free(kept);
}

static void array_unref(struct kept_array *kept)
{
    if (kept == NULL || atomic_fetch_sub(&kept->refs, 1) > 1)
        return;
    kept->array.release(&kept->array);
    free(kept);
}

/* ---- structs that are given out ---- */

/* What one of them owns: its children and dictionary, and a count on what came. The pointers to the
 * children lie behind the children. */
struct schema_part {
    struct kept_schema *kept;
    struct ArrowSchema dictionary;
    struct ArrowSchema children[];
};

struct array_part {
    struct kept_array *kept;
    struct ArrowArray dictionary;
    struct ArrowArray children[];
};

static void release_schema(struct ArrowSchema *schema)
{
    struct schema_part *part = schema->private_data;
    for (int64_t i = 0; i < schema->n_children; i++)
        if (part->children[i].release != NULL)
            part->children[i].release(&part->children[i]);
    if (part->dictionary.release != NULL)
        part->dictionary.release(&part->dictionary);
    schema_unref(part->kept);
    free(part);
    schema->release = NULL;
}

static void release_array(struct ArrowArray *array)
{
    struct array_part *part = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        if (part->children[i].release != NULL)
            part->children[i].release(&part->children[i]);
    if (part->dictionary.release != NULL)
        part->dictionary.release(&part->dictionary);
    array_unref(part->kept);
    free(part);
    array->release = NULL;
}

static bool share_schema(struct kept_schema *kept, const struct ArrowSchema *from,
                         struct ArrowSchema *ret)
{
    size_t count = (size_t)from->n_children;
    struct schema_part *part =
        calloc(1, sizeof *part + count * (sizeof part->children[0] + sizeof(void *)));
    if (part == NULL)
        return false;
    atomic_fetch_add(&kept->refs, 1);
    part->kept = kept;
    *ret = *from;
    ret->children = count > 0 ? (struct ArrowSchema **)&part->children[count] : NULL;
    ret->dictionary = from->dictionary != NULL ? &part->dictionary : NULL;
    ret->release = release_schema;
    ret->private_data = part;
    bool is_whole =
        from->dictionary == NULL || share_schema(kept, from->dictionary, ret->dictionary);
    for (size_t i = 0; i < count; i++) {
        ret->children[i] = &part->children[i];
        is_whole = is_whole && share_schema(kept, from->children[i], ret->children[i]);
    }
    if (!is_whole)
        release_schema(ret);
    return is_whole;
}

static bool share_array(struct kept_array *kept, const struct ArrowArray *from,
                        struct ArrowArray *ret)
{
    size_t count = (size_t)from->n_children;
    struct array_part *part =
        calloc(1, sizeof *part + count * (sizeof part->children[0] + sizeof(void *)));
    if (part == NULL)
        return false;
    atomic_fetch_add(&kept->refs, 1);
    part->kept = kept;
    *ret = *from;
    ret->children = count > 0 ? (struct ArrowArray **)&part->children[count] : NULL;
    ret->dictionary = from->dictionary != NULL ? &part->dictionary : NULL;
    ret->release = release_array;
    ret->private_data = part;
    bool is_whole =
        from->dictionary == NULL || share_array(kept, from->dictionary, ret->dictionary);
    for (size_t i = 0; i < count; i++) {
        ret->children[i] = &part->children[i];
        is_whole = is_whole && share_array(kept, from->children[i], ret->children[i]);
    }
    if (!is_whole)
        release_array(ret);
    return is_whole;
}

/* ---- the table ---- */

struct table *table_new(struct ArrowSchema *schema)
{
    struct table *table = calloc(1, sizeof *table);
    struct kept_schema *kept = calloc(1, sizeof *kept);
    if (table == NULL || kept == NULL) {
        schema->release(schema);
        free(kept);
        free(table);
        return NULL;
    }
    atomic_init(&kept->refs, 1);
    kept->schema = *schema;
    atomic_init(&table->refs, 1);
    table->schema = kept;
    return table;
}

void table_ref(struct table *table)
{
    atomic_fetch_add(&table->refs, 1);
}

void table_unref(struct table *table)
{
    if (table == NULL || atomic_fetch_sub(&table->refs, 1) > 1)
        return;
    for (size_t i = 0; i < table->count; i++)
        array_unref(table->batches[i]);
    free(table->batches);
    schema_unref(table->schema);
    free(table);
}

static bool make_room(struct table *table)
{
    if (table->count < table->room)
        return true;
    size_t room = table->room == 0 ? 8 : 2 * table->room;
    void *batches = realloc(table->batches, room * sizeof table->batches[0]);
    if (batches == NULL)
        return false;
    table->batches = batches;
    table->room = room;
    return true;
}

bool table_add(struct table *table, struct ArrowArray *batch)
{
    struct kept_array *kept = make_room(table) ? calloc(1, sizeof *kept) : NULL;
    if (kept == NULL) {
        batch->release(batch);
        return false;
    }
    atomic_init(&kept->refs, 1);
    kept->array = *batch;
    table->batches[table->count++] = kept;
    table->rows += batch->length;
    return true;
}

int64_t table_rows(const struct table *table)
{
    return table->rows;
}

size_t table_batches(const struct table *table)
{
    return table->count;
}

const struct ArrowSchema *table_schema(const struct table *table)
{
    return &table->schema->schema;
}

bool table_export_schema(const struct table *table, struct ArrowSchema *ret)
{
    return share_schema(table->schema, &table->schema->schema, ret);
}

/* ---- a stream of it ---- */

struct export
{
    struct table *table;
    size_t next;
    int64_t rows_left;
    const char *error;
};

static int out_of_memory(struct export *export)
{
    export->error = "out of memory";
    return ENOMEM;
}

static int export_get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *ret)
{
    struct export *export = stream->private_data;
    return table_export_schema(export->table, ret) ? 0 : out_of_memory(export);
}

static void shorten(struct ArrowArray *array, int64_t rows)
{
    if (array->length <= rows)
        return;
    if (array->null_count == array->length)
        array->null_count = rows;
    else if (array->null_count != 0)
        array->null_count = -1; /* not known */
    array->length = rows;
}

static int export_get_next(struct ArrowArrayStream *stream, struct ArrowArray *ret)
{
    struct export *export = stream->private_data;
    if (export->rows_left == 0 || export->next == export->table->count) {
        *ret = (struct ArrowArray){0};
        return 0;
    }
    struct kept_array *kept = export->table->batches[export->next];
    if (!share_array(kept, &kept->array, ret))
        return out_of_memory(export);
    export->next++;
    for (int64_t i = 0; i < ret->n_children && ret->length > export->rows_left; i++)
        shorten(ret->children[i], ret->offset + export->rows_left);
    shorten(ret, export->rows_left);
    export->rows_left -= ret->length;
    return 0;
}

static const char *export_get_last_error(struct ArrowArrayStream *stream)
{
    return ((struct export *)stream->private_data)->error;
}

static void export_release(struct ArrowArrayStream *stream)
{
    struct export *export = stream->private_data;
    table_unref(export->table);
    free(export);
    stream->release = NULL;
}

bool table_export(struct table *table, int64_t rows, struct ArrowArrayStream *ret)
{
    struct export *export = calloc(1, sizeof *export);
    if (export == NULL)
        return false;
    table_ref(table);
    export->table = table;
    export->rows_left = rows;
    *ret = (struct ArrowArrayStream){export_get_schema, export_get_next, export_get_last_error,
                                     export_release, export};
    return true;
}
