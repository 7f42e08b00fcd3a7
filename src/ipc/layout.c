/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/layout.h"

static const struct ipc_layout fixed = {.count = 2,
                                        .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_VALUES}};

/* Indexed by enum ipc_type. Types that aren't listed have values of a fixed width, whose bytes
 * depend on the field's parameters. */
static const struct ipc_layout layouts[] = {
    [IPC_TYPE_BINARY] = {.count = 3,
                         .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_OFFSETS32, IPC_BUFFER_DATA}},
    [IPC_TYPE_UTF8] = {.count = 3,
                       .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_OFFSETS32, IPC_BUFFER_DATA}},
    [IPC_TYPE_LARGE_BINARY] = {.count = 3,
                               .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_OFFSETS64,
                                         IPC_BUFFER_DATA}},
    [IPC_TYPE_LARGE_UTF8] = {.count = 3,
                             .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_OFFSETS64, IPC_BUFFER_DATA}},
    [IPC_TYPE_BINARY_VIEW] = {.count = 2,
                              .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_VIEWS},
                              .is_variadic = true},
    [IPC_TYPE_UTF8_VIEW] = {.count = 2,
                            .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_VIEWS},
                            .is_variadic = true},
    [IPC_TYPE_BOOL] = {.count = 2, .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_BITS}},
    [IPC_TYPE_LIST] = {.count = 2,
                       .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_OFFSETS32},
                       .has_children = true},
    [IPC_TYPE_MAP] = {.count = 2,
                      .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_OFFSETS32},
                      .has_children = true},
    [IPC_TYPE_LARGE_LIST] = {.count = 2,
                             .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_OFFSETS64},
                             .has_children = true},
    [IPC_TYPE_LIST_VIEW] = {.count = 3,
                            .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_VIEW_OFFSETS32,
                                      IPC_BUFFER_SIZES32},
                            .has_children = true},
    [IPC_TYPE_LARGE_LIST_VIEW] = {.count = 3,
                                  .kinds = {IPC_BUFFER_VALIDITY, IPC_BUFFER_VIEW_OFFSETS64,
                                            IPC_BUFFER_SIZES64},
                                  .has_children = true},
    [IPC_TYPE_FIXED_SIZE_LIST] = {.count = 1, .kinds = {IPC_BUFFER_VALIDITY}, .has_children = true},
    [IPC_TYPE_STRUCT] = {.count = 1, .kinds = {IPC_BUFFER_VALIDITY}, .has_children = true},
    [IPC_TYPE_RUN_END_ENCODED] = {.has_children = true},
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
    default: /* TIMESTAMP, DURATION */
        return 8;
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
    struct ipc_layout layout = fixed;
    if (field->is_dictionary && !as_values) {
        layout.width = field->dictionary.index_bits / 8;
        return layout;
    }
    if (field->type == IPC_TYPE_UNION)
        return union_layout(field, version);
    if (field->type == IPC_TYPE_NULL)
        return (struct ipc_layout){.count = 0};
    if ((size_t)field->type < sizeof layouts / sizeof layouts[0] &&
        (layouts[field->type].count > 0 || layouts[field->type].has_children))
        return layouts[field->type];
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
