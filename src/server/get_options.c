/* SPDX-License-Identifier: Apache-2.0 */
#include "server/get_options.h"

#include "base/status.h"

#define COLUMNS "flightkv-columns"
#define ROWS "flightkv-rows"
#define MESSAGE_BYTES "flightkv-max-message-bytes"

/* What stock clients in these languages take before they are told otherwise; pyarrow, C++ and Java
 * (Arrow's) take any size. */
enum { stock_message_bytes_max = 4 << 20 };

static const char *const stock_agents[] = {"grpc-go/", "tonic/", "grpc-dotnet/"};

/* No table has as many rows, nor memory as many bytes; and it isn't UINT64_MAX. */
static const uint64_t count_max = UINT64_C(1) << 62;

/* Digits; what is larger is count_max. */
static bool read_count(struct slice text, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        value = value > count_max / 10 - 1 ? count_max : value * 10 + digit;
    }
    *ret = value;
    return text.size > 0;
}

static enum fkv_status read_columns(struct slice value, struct get_options *options,
                                    struct fkv_error *error)
{
    (void)error;
    options->columns = slice_of(value.size > 0 ? value.data : (const uint8_t *)"", value.size);
    return FKV_OK;
}

static enum fkv_status read_rows(struct slice value, struct get_options *options,
                                 struct fkv_error *error)
{
    const uint8_t *colon = value.size == 0 ? NULL : memchr(value.data, ':', value.size);
    struct slice stop = value;
    struct slice start = slice_take(&stop, colon == NULL ? 0 : (size_t)(colon - value.data));
    slice_take(&stop, 1);
    if (colon == NULL || (start.size > 0 && !read_count(start, &options->rows_start)) ||
        (stop.size > 0 && !read_count(stop, &options->rows_stop)))
        return status_set(
            error, FKV_INVALID_ARGUMENT,
            "flightkv-rows is '%.*s', expected START:STOP, two whole numbers of which "
            "each may be left out",
            (int)(value.size < 64 ? value.size : 64), (const char *)value.data);
    if (options->rows_start > options->rows_stop)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "flightkv-rows is '%.*s': it stops before it starts",
                          (int)(value.size < 64 ? value.size : 64), (const char *)value.data);
    options->has_rows = options->rows_start > 0 || options->rows_stop < UINT64_MAX;
    return FKV_OK;
}

static enum fkv_status read_message_bytes(struct slice value, struct get_options *options,
                                          struct fkv_error *error)
{
    uint64_t bytes;
    if (!read_count(value, &bytes))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "flightkv-max-message-bytes is '%.*s', expected a whole number; 0 is no "
                          "limit",
                          (int)(value.size < 64 ? value.size : 64), (const char *)value.data);
    options->message_bytes_max = bytes == 0 ? UINT64_MAX : bytes;
    options->is_limit_asked = true;
    return FKV_OK;
}

static const struct {
    const char *name;
    enum fkv_status (*read)(struct slice value, struct get_options *options,
                            struct fkv_error *error);
} readers[] = {
    {COLUMNS, read_columns},
    {ROWS, read_rows},
    {MESSAGE_BYTES, read_message_bytes},
};

enum { reader_count = sizeof readers / sizeof *readers };

static const char *const known[] = {COLUMNS, ROWS, MESSAGE_BYTES, NULL};

static uint64_t stock_limit(struct slice agent)
{
    for (size_t i = 0; i < sizeof stock_agents / sizeof *stock_agents; i++)
        if (slice_starts(agent, stock_agents[i]))
            return stock_message_bytes_max;
    return UINT64_MAX;
}

enum fkv_status get_options_read(const struct host_call *call, struct get_options *ret,
                                 struct fkv_error *error)
{
    struct get_options options = {.rows_stop = UINT64_MAX,
                                  .message_bytes_max =
                                      stock_limit(host_call_metadata(call, "user-agent"))};
    enum fkv_status status = check_call_options(call, known, error);
    for (size_t r = 0; r < reader_count && status == FKV_OK; r++) {
        struct slice value = host_call_metadata(call, readers[r].name);
        if (value.data != NULL)
            status = readers[r].read(value, &options, error);
    }
    if (status == FKV_OK)
        *ret = options;
    return status;
}
