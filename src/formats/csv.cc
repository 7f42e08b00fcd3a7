/* SPDX-License-Identifier: Apache-2.0 */
/* CSV by Arrow C++, a block at a time. */
#include <memory>

#include <arrow/c/bridge.h>
#include <arrow/csv/api.h>

#include "formats/arrow_shim.h"

namespace
{

/* The first block is what types are inferred from, and each becomes a batch. */
constexpr int32_t block_bytes = 8 << 20;

arrow::Status open_csv(int fd, char delimiter, struct ArrowArrayStream *ret)
{
    auto source = std::make_shared<shim::FdSource>(fd);
    auto reading = arrow::csv::ReadOptions::Defaults();
    reading.block_size = block_bytes;
    reading.use_threads = false; /* errors then name the row */
    auto parsing = arrow::csv::ParseOptions::Defaults();
    parsing.delimiter = delimiter;
    parsing.newlines_in_values = true;
    auto converting = arrow::csv::ConvertOptions::Defaults();
    converting.null_values = {""};
    converting.strings_can_be_null = true;
    converting.quoted_strings_can_be_null = false;
    ARROW_ASSIGN_OR_RAISE(auto batches,
                          arrow::csv::StreamingReader::Make(arrow::io::default_io_context(), source,
                                                            reading, parsing, converting));
    return arrow::ExportRecordBatchReader(
        std::make_shared<shim::GuardedBatches>(
            "behind the first 8 MiB, which the types are taken from: ", std::move(batches)),
        ret);
}

} // namespace

enum fkv_status csv_read(int fd, char delimiter, struct ArrowArrayStream *ret,
                         struct fkv_error *error)
{
    struct ArrowArrayStream stream = {};
    arrow::Status status = shim::guarded([&] { return open_csv(fd, delimiter, &stream); });
    if (!status.ok())
        return shim::set_error(error, shim::status_of(status),
                               "not CSV that can be read: " + shim::sentence_of(status));
    *ret = stream;
    return FKV_OK;
}
