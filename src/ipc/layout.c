/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/layout.h"

/* The layouts of the format, by their buffers. */
static const struct ipc_layout none = {.count = 0};
static const struct ipc_layout values = {.count = 2,
                                         .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_VALUES}};
static const struct ipc_layout bits = {.count = 2, .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_BITS}};
static const struct ipc_layout bytes32 = {
    .count = 3, .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_OFFSETS32, IPC_BUFFER_DATA}};
static const struct ipc_layout bytes64 = {
    .count = 3, .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_OFFSETS64, IPC_BUFFER_DATA}};
static const struct ipc_layout views = {
    .count = 2, .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_VIEWS}, .is_variadic = true};
static const struct ipc_layout list32 = {
    .count = 2, .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_OFFSETS32}, .has_children = true};
static const struct ipc_layout list64 = {
    .count = 2, .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_OFFSETS64}, .has_children = true};
static const struct ipc_layout list_view32 = {
    .count = 3,
    .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_VIEW_OFFSETS32, IPC_BUFFER_SIZES32},
    .has_children = true};
static const struct ipc_layout list_view64 = {
    .count = 3,
    .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_VIEW_OFFSETS64, IPC_BUFFER_SIZES64},
    .has_children = true};
static const struct ipc_layout children = {
    .count = 1, .kinds = {IPC_BUFFER_VALIDITY}, .has_children = true};
static const struct ipc_layout run_ends = {.count = 0, .has_children = true};

/* A union's depends on more than its type: union_layout. */
static const struct ipc_layout *const layouts[] = {
    [IPC_TYPE_NULL] = &none,
    [IPC_TYPE_INT] = &values,
    [IPC_TYPE_FLOATING_POINT] = &values,
    [IPC_TYPE_BINARY] = &bytes32,
    [IPC_TYPE_UTF8] = &bytes32,
    [IPC_TYPE_BOOL] = &bits,
    [IPC_TYPE_DECIMAL] = &values,
    [IPC_TYPE_DATE] = &values,
    [IPC_TYPE_TIME] = &values,
    [IPC_TYPE_TIMESTAMP] = &values,
    [IPC_TYPE_INTERVAL] = &values,
    [IPC_TYPE_LIST] = &list32,
    [IPC_TYPE_STRUCT] = &children,
    [IPC_TYPE_FIXED_SIZE_BINARY] = &values,
    [IPC_TYPE_FIXED_SIZE_LIST] = &children,
    [IPC_TYPE_MAP] = &list32,
    [IPC_TYPE_DURATION] = &values,
    [IPC_TYPE_LARGE_BINARY] = &bytes64,
    [IPC_TYPE_LARGE_UTF8] = &bytes64,
    [IPC_TYPE_LARGE_LIST] = &list64,
    [IPC_TYPE_RUN_END_ENCODED] = &run_ends,
    [IPC_TYPE_BINARY_VIEW] = &views,
    [IPC_TYPE_UTF8_VIEW] = &views,
    [IPC_TYPE_LIST_VIEW] = &list_view32,
    [IPC_TYPE_LARGE_LIST_VIEW] = &list_view64,
};

static uint32_t value_bytes(const struct ipc_field *field)
{
    switch (field->type) {
    case IPC_TYPE_INT:
    case IPC_TYPE_DECIMAL:
    case IPC_TYPE_TIME:
        return (uint32_t)field->bit_width / 8;
    case IPC_TYPE_FLOATING_POINT:
        return 2u << field->unit; /* half, single, double */
    case IPC_TYPE_DATE:
        return field->unit == IPC_DAY ? 4 : 8;
    case IPC_TYPE_INTERVAL:
        return 4u << field->unit; /* months; days and milliseconds; these and nanoseconds */
    case IPC_TYPE_FIXED_SIZE_BINARY:
        return (uint32_t)field->byte_width;
    case IPC_TYPE_TIMESTAMP:
    case IPC_TYPE_DURATION:
        return 8;
    default: /* no VALUES buffer */
        return 0;
    }
}

static struct ipc_layout union_layout(const struct ipc_field *field, enum ipc_version version)
{
    struct ipc_layout layout = {.has_children = true};
    if (version == IPC_V4)
        layout.kinds[layout.count++] = IPC_BUFFER_VALIDITY;
    layout.kinds[layout.count++] = IPC_BUFFER_TYPE_IDS;
    if (field->union_mode == IPC_DENSE)
        layout.kinds[layout.count++] = IPC_BUFFER_UNION_OFFSETS;
    return layout;
}

struct ipc_layout ipc_layout_of(const struct ipc_field *field, enum ipc_version version,
                                bool as_values)
{
    struct ipc_layout layout = values;
    if (field->is_dictionary && !as_values) {
        layout.width = field->dictionary.index_bits / 8;
        return layout;
    }
    if (field->type == IPC_TYPE_UNION)
        return union_layout(field, version);
    layout = *layouts[field->type];
    if (field->type == IPC_TYPE_RUN_END_ENCODED && version == IPC_V4)
        layout = children; /* as Arrow C++ and arrow-rs have it; arrow-java differs */
    layout.width = value_bytes(field);
    return layout;
}

static uint64_t multiple(uint64_t count, uint64_t size)
{
    uint64_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? UINT64_MAX : bytes;
}

uint64_t ipc_buffer_least_bytes(enum ipc_buffer_kind kind, uint32_t width, int64_t rows)
{
    uint64_t n = (uint64_t)rows;
    switch (kind) {
    case IPC_BUFFER_VALIDITY:
    case IPC_BUFFER_BITS:
        return n / 8 + (n % 8 != 0);
    case IPC_BUFFER_VALUES:
        return multiple(n, width);
    case IPC_BUFFER_OFFSETS32:
        return n == 0 ? 0 : multiple(n + 1, 4);
    case IPC_BUFFER_OFFSETS64:
        return n == 0 ? 0 : multiple(n + 1, 8);
    case IPC_BUFFER_DATA:
        return 0;
    case IPC_BUFFER_VIEWS:
        return multiple(n, 16);
    case IPC_BUFFER_TYPE_IDS:
        return n;
    case IPC_BUFFER_UNION_OFFSETS:
    case IPC_BUFFER_VIEW_OFFSETS32:
    case IPC_BUFFER_SIZES32:
        return multiple(n, 4);
    case IPC_BUFFER_VIEW_OFFSETS64:
    case IPC_BUFFER_SIZES64:
        return multiple(n, 8);
    }
    return UINT64_MAX;
}
