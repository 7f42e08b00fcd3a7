/* SPDX-License-Identifier: Apache-2.0 */
/* A field's type as pyarrow spells it. */
#include "ipc/schema_internal.h"

static const char *const time_units[] = {"s", "ms", "us", "ns"};

static void write_type(const struct ipc_field *field, struct buf *buf);

static void write_name(struct slice name, struct buf *buf)
{
    buf_append(buf, name.data, name.size);
}

static void write_int(int32_t bits, bool is_signed, struct buf *buf)
{
    buf_printf(buf, "%sint%d", is_signed ? "" : "u", (int)bits);
}

/* "name: type", with " not null" where that is so. */
static void write_child(const struct ipc_field *child, struct buf *buf)
{
    write_name(child->name, buf);
    buf_text(buf, ": ");
    ipc_field_type_text(child, buf);
    if (!child->nullable)
        buf_text(buf, " not null");
}

static void write_children(const struct ipc_field *field, struct buf *buf)
{
    const struct ipc_field *child = field + 1;
    buf_text(buf, "<");
    for (uint32_t i = 0; i < field->child_count && !buf->failed; i++) {
        buf_text(buf, i == 0 ? "" : ", ");
        write_child(child, buf);
        child = ipc_field_after(child);
    }
    buf_text(buf, ">");
}

static void write_run_ends(const struct ipc_field *field, struct buf *buf)
{
    buf_text(buf, "<run_ends: ");
    write_type(field + 1, buf);
    buf_text(buf, ", values: ");
    ipc_field_type_text(ipc_field_after(field + 1), buf);
    buf_text(buf, ">");
}

static void write_union(const struct ipc_field *field, struct buf *buf)
{
    const struct ipc_field *child = field + 1;
    buf_text(buf, field->union_mode == IPC_SPARSE ? "sparse_union<" : "dense_union<");
    for (uint32_t i = 0; i < field->child_count && !buf->failed; i++) {
        buf_text(buf, i == 0 ? "" : ", ");
        write_child(child, buf);
        buf_printf(buf, "=%d", (int)field->type_ids[i]);
        child = ipc_field_after(child);
    }
    buf_text(buf, ">");
}

/* A map's parts have usual names, which are left out. */
static void write_unusual_name(const struct ipc_field *field, const char *usual, struct buf *buf)
{
    if (slice_is(field->name, usual))
        return;
    buf_text(buf, " ('");
    write_name(field->name, buf);
    buf_text(buf, "')");
}

static void write_map(const struct ipc_field *field, struct buf *buf)
{
    const struct ipc_field *entries = field + 1, *key = entries + 1, *value = ipc_field_after(key);
    buf_text(buf, "<");
    ipc_field_type_text(key, buf);
    write_unusual_name(key, "key", buf);
    buf_text(buf, ", ");
    ipc_field_type_text(value, buf);
    write_unusual_name(value, "value", buf);
    buf_text(buf, field->keys_sorted ? ", keys_sorted" : "");
    write_unusual_name(entries, "entries", buf);
    buf_text(buf, ">");
}

static void write_timestamp(const struct ipc_field *field, struct buf *buf)
{
    buf_printf(buf, "[%s", time_units[field->unit]);
    if (field->timezone.size > 0)
        buf_text(buf, ", tz=");
    write_name(field->timezone, buf);
    buf_text(buf, "]");
}

static void write_integer(const struct ipc_field *field, struct buf *buf)
{
    write_int(field->bit_width, field->is_signed, buf);
}

static void write_float(const struct ipc_field *field, struct buf *buf)
{
    static const char *const floats[] = {"halffloat", "float", "double"};
    buf_text(buf, floats[field->unit]);
}

static void write_decimal(const struct ipc_field *field, struct buf *buf)
{
    buf_printf(buf, "%d(%d, %d)", (int)field->bit_width, (int)field->precision, (int)field->scale);
}

static void write_date(const struct ipc_field *field, struct buf *buf)
{
    buf_text(buf, field->unit == IPC_DAY ? "32[day]" : "64[ms]");
}

static void write_time(const struct ipc_field *field, struct buf *buf)
{
    buf_printf(buf, "%d[%s]", (int)field->bit_width, time_units[field->unit]);
}

static void write_interval(const struct ipc_field *field, struct buf *buf)
{
    static const char *const intervals[] = {"month", "day_time", "month_day_nano"};
    buf_printf(buf, "%s_interval", intervals[field->unit]);
}

static void write_duration(const struct ipc_field *field, struct buf *buf)
{
    buf_printf(buf, "[%s]", time_units[field->unit]);
}

static void write_byte_width(const struct ipc_field *field, struct buf *buf)
{
    buf_printf(buf, "[%d]", (int)field->byte_width);
}

static void write_fixed_size_list(const struct ipc_field *field, struct buf *buf)
{
    write_children(field, buf);
    buf_printf(buf, "[%d]", (int)field->list_size);
}

/* What a type's text begins with, and who writes what follows; indexed by enum ipc_type. */
static const struct {
    const char *name;
    void (*write)(const struct ipc_field *field, struct buf *buf);
} types[] = {
    [IPC_TYPE_NULL] = {"null", NULL},
    [IPC_TYPE_INT] = {"", write_integer},
    [IPC_TYPE_FLOATING_POINT] = {"", write_float},
    [IPC_TYPE_BINARY] = {"binary", NULL},
    [IPC_TYPE_UTF8] = {"string", NULL},
    [IPC_TYPE_BOOL] = {"bool", NULL},
    [IPC_TYPE_DECIMAL] = {"decimal", write_decimal},
    [IPC_TYPE_DATE] = {"date", write_date},
    [IPC_TYPE_TIME] = {"time", write_time},
    [IPC_TYPE_TIMESTAMP] = {"timestamp", write_timestamp},
    [IPC_TYPE_INTERVAL] = {"", write_interval},
    [IPC_TYPE_LIST] = {"list", write_children},
    [IPC_TYPE_STRUCT] = {"struct", write_children},
    [IPC_TYPE_UNION] = {"", write_union},
    [IPC_TYPE_FIXED_SIZE_BINARY] = {"fixed_size_binary", write_byte_width},
    [IPC_TYPE_FIXED_SIZE_LIST] = {"fixed_size_list", write_fixed_size_list},
    [IPC_TYPE_MAP] = {"map", write_map},
    [IPC_TYPE_DURATION] = {"duration", write_duration},
    [IPC_TYPE_LARGE_BINARY] = {"large_binary", NULL},
    [IPC_TYPE_LARGE_UTF8] = {"large_string", NULL},
    [IPC_TYPE_LARGE_LIST] = {"large_list", write_children},
    [IPC_TYPE_RUN_END_ENCODED] = {"run_end_encoded", write_run_ends},
    [IPC_TYPE_BINARY_VIEW] = {"binary_view", NULL},
    [IPC_TYPE_UTF8_VIEW] = {"string_view", NULL},
    [IPC_TYPE_LIST_VIEW] = {"list_view", write_children},
    [IPC_TYPE_LARGE_LIST_VIEW] = {"large_list_view", write_children},
};

static void write_type(const struct ipc_field *field, struct buf *buf)
{
    buf_text(buf, types[field->type].name);
    if (types[field->type].write != NULL)
        types[field->type].write(field, buf);
}

void ipc_field_type_text(const struct ipc_field *field, struct buf *buf)
{
    if (!field->is_dictionary) {
        write_type(field, buf);
        return;
    }
    buf_text(buf, "dictionary<values=");
    write_type(field, buf);
    buf_text(buf, ", indices=");
    write_int(field->dictionary.index_bits, field->dictionary.index_is_signed, buf);
    buf_printf(buf, ", ordered=%d>", field->dictionary.is_ordered);
}
