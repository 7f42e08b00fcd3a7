// SPDX-License-Identifier: Apache-2.0
// JSON mode's tables and what must hold of them, for arrow_cpp_client.cc and arrow_cpp_server.cc.
#ifndef INTEROP_ARROW_CPP_H
#define INTEROP_ARROW_CPP_H

#include <arrow/api.h>
#include <arrow/flight/api.h>
#include <arrow/io/file.h>
#include <arrow/ipc/api.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

// A condition that a function with an arrow::Status or arrow::Result answers by.
#define EXPECT(condition)                                                                  \
    do {                                                                                   \
        if (!(condition))                                                                  \
            return arrow::Status::Invalid(__FILE__, ", line ", __LINE__, ": ", #condition); \
    } while (false)

struct Batches {
    std::shared_ptr<arrow::Schema> schema;
    std::vector<std::shared_ptr<arrow::RecordBatch>> all;
    std::int64_t rows = 0;
};

// Of PATH.json, from PATH.stream beside it.
inline arrow::Result<Batches> ReadBatches(const std::string &json_path)
{
    auto path = json_path.substr(0, json_path.rfind('.')) + ".stream";
    ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(path));
    ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ipc::RecordBatchStreamReader::Open(file));
    Batches batches;
    batches.schema = reader->schema();
    ARROW_ASSIGN_OR_RAISE(batches.all, reader->ToRecordBatches());
    for (const auto &batch : batches.all)
        batches.rows += batch->num_rows();
    return batches;
}

// The rest of a stream is these batches, each with its number as app_metadata, and nothing else.
// `then` is called with the app_metadata after each.
template <typename Then>
arrow::Status CheckStream(arrow::flight::MetadataRecordBatchReader &reader, const Batches &batches,
                          Then then)
{
    ARROW_ASSIGN_OR_RAISE(auto schema, reader.GetSchema());
    EXPECT(schema->Equals(*batches.schema, true));
    auto options = arrow::EqualOptions::Defaults().nans_equal(true);
    for (std::size_t i = 0; i < batches.all.size(); i++) {
        ARROW_ASSIGN_OR_RAISE(auto chunk, reader.Next());
        EXPECT(chunk.data != nullptr);
        ARROW_RETURN_NOT_OK(chunk.data->ValidateFull());
        EXPECT(chunk.data->Equals(*batches.all[i], true, options));
        EXPECT(chunk.app_metadata != nullptr);
        EXPECT(chunk.app_metadata->ToString() == std::to_string(i));
        ARROW_RETURN_NOT_OK(then(*chunk.app_metadata));
    }
    ARROW_ASSIGN_OR_RAISE(auto end, reader.Next());
    EXPECT(end.data == nullptr && end.app_metadata == nullptr);
    return arrow::Status::OK();
}

#endif
