/* SPDX-License-Identifier: Apache-2.0 */
/* Parquet by Arrow C++.
 *
 * Memory is what decides how Arrow is asked. Reading: a buffered stream for each column, so that a
 * page at a time is held and not a row group's whole column chunk, and one batch at a time for all
 * columns. Writing: encoded pages wait in memory until their row group ends, so a group ends when
 * group_bytes_max of values went into it, however many rows that were. */
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <arrow/c/bridge.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <arrow/util/byte_size.h>
#include <arrow/util/compression.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>

#include "formats/arrow_shim.h"

namespace
{

constexpr int64_t default_batch_rows = 131072;
constexpr int64_t default_row_group_rows = 1048576;
constexpr int64_t group_bytes_max = INT64_C(64) << 20;
constexpr int64_t min_dictionary_bytes = INT64_C(16) << 10;
constexpr int64_t max_dictionary_bytes = INT64_C(1) << 20;

/* The batches of a file, which must stay open as long as they are read. */
class FileBatches : public arrow::RecordBatchReader
{
  public:
    FileBatches(std::string path, std::unique_ptr<parquet::arrow::FileReader> file,
                std::unique_ptr<arrow::RecordBatchReader> batches)
        : path_(std::move(path)), file_(std::move(file)), batches_(std::move(batches))
    {
    }

    std::shared_ptr<arrow::Schema> schema() const override
    {
        return batches_->schema();
    }

    arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch> *ret) override
    {
        arrow::Status status = shim::guarded([&] { return batches_->ReadNext(ret); });
        if (status.ok())
            return status;
        return status.WithMessage("Parquet file '", path_,
                                  "' can't be read: ", shim::sentence_of(status));
    }

  private:
    std::string path_;
    std::unique_ptr<parquet::arrow::FileReader> file_;
    std::unique_ptr<arrow::RecordBatchReader> batches_; /* reads from file_: goes first */
};

arrow::Status open_file(const char *path, int64_t batch_rows, struct ArrowArrayStream *ret,
                        int64_t *ret_rows)
{
    parquet::ReaderProperties reading;
    reading.enable_buffered_stream();
    parquet::ArrowReaderProperties decoding;
    decoding.set_pre_buffer(false);
    decoding.set_use_threads(true);
    decoding.set_batch_size(batch_rows > 0 ? batch_rows : default_batch_rows);

    parquet::arrow::FileReaderBuilder builder;
    ARROW_RETURN_NOT_OK(builder.OpenFile(path, /*memory_map=*/false, reading));
    builder.properties(decoding);
    ARROW_ASSIGN_OR_RAISE(auto file, builder.Build());
    *ret_rows = file->parquet_reader()->metadata()->num_rows();
    ARROW_ASSIGN_OR_RAISE(auto batches, file->GetRecordBatchReader());
    auto reader = std::make_shared<FileBatches>(path, std::move(file), std::move(batches));
    return shim::export_batches(std::move(reader), ret);
}

arrow::Result<arrow::Compression::type> compression_of(const char *name)
{
    std::string wanted = name == nullptr ? "snappy" : name;
    if (wanted == "none")
        return arrow::Compression::UNCOMPRESSED;
    if (wanted == "lz4") /* Parquet knows bare LZ4 blocks; Arrow's "lz4" has frames around them */
        wanted = "lz4_raw";
    auto type = arrow::util::Codec::GetCompressionType(wanted);
    if (!type.ok() || !arrow::util::Codec::IsAvailable(*type))
        return arrow::Status::Invalid("unknown compression '", name,
                                      "'; expected snappy, zstd, gzip, lz4, brotli or none");
    return type;
}

/* A dictionary being made takes some times its page's limit, and every column makes one. */
int64_t dictionary_bytes(int columns)
{
    return std::clamp(group_bytes_max / 4 / std::max(columns, 1), min_dictionary_bytes,
                      max_dictionary_bytes);
}

std::shared_ptr<parquet::WriterProperties>
writer_properties(const arrow::Schema &schema, const struct formats_parquet_options &options,
                  arrow::Compression::type compression)
{
    parquet::WriterProperties::Builder builder;
    builder.compression(compression);
    builder.max_row_group_length(options.row_group_rows > 0 ? options.row_group_rows
                                                            : default_row_group_rows);
    builder.dictionary_pagesize_limit(dictionary_bytes(schema.num_fields()));
    for (const auto &field : schema.fields()) {
        if (arrow::is_floating(field->type()->id()))
            builder.disable_dictionary(field->name());
    }
    if (options.plain)
        builder.disable_dictionary();
    return builder.build();
}

arrow::Status write_batches(arrow::RecordBatchReader &reader, parquet::arrow::FileWriter &writer,
                            const struct formats_parquet_options &options,
                            struct fkv_progress *so_far)
{
    int64_t group_bytes = 0;
    for (;;) {
        std::shared_ptr<arrow::RecordBatch> batch;
        ARROW_RETURN_NOT_OK(reader.ReadNext(&batch));
        if (batch == nullptr)
            return arrow::Status::OK();
        int64_t bytes = arrow::util::TotalBufferSize(*batch);
        if (group_bytes > 0 && bytes > group_bytes_max - group_bytes) {
            ARROW_RETURN_NOT_OK(writer.NewBufferedRowGroup());
            group_bytes = 0;
        }
        ARROW_RETURN_NOT_OK(writer.WriteRecordBatch(*batch));
        group_bytes += bytes;
        so_far->rows += static_cast<uint64_t>(batch->num_rows());
        so_far->batches++;
        so_far->bytes += static_cast<uint64_t>(bytes);
        if (options.progress != nullptr && !options.progress(options.progress_context, so_far))
            return arrow::Status::Cancelled("cancelled while writing Parquet");
    }
}

arrow::Status write_file(struct ArrowArrayStream *stream, const std::shared_ptr<shim::FdSink> &sink,
                         const struct formats_parquet_options &options, struct fkv_progress *so_far)
{
    ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ImportRecordBatchReader(stream));
    ARROW_ASSIGN_OR_RAISE(auto compression, compression_of(options.compression));
    parquet::ArrowWriterProperties::Builder encoding;
    encoding.store_schema();
    encoding.set_use_threads(true);
    ARROW_ASSIGN_OR_RAISE(
        auto writer,
        parquet::arrow::FileWriter::Open(*reader->schema(), arrow::default_memory_pool(), sink,
                                         writer_properties(*reader->schema(), options, compression),
                                         encoding.build()));
    ARROW_RETURN_NOT_OK(write_batches(*reader, *writer, options, so_far));
    return writer->Close();
}

} // namespace

enum fkv_status parquet_read(const char *path, int64_t batch_rows, struct ArrowArrayStream *ret,
                             int64_t *ret_rows, struct fkv_error *error)
{
    struct ArrowArrayStream stream = {};
    int64_t rows = 0;
    arrow::Status status =
        shim::guarded([&] { return open_file(path, batch_rows, &stream, &rows); });
    if (!status.ok()) {
        /* Bytes that make no sense are an IOError to Arrow. */
        enum fkv_status code = status.IsIOError() ? FKV_INVALID_ARGUMENT : shim::status_of(status);
        return shim::set_error(
            error, code,
            std::string("'") + path +
                "' isn't a Parquet file that can be read: " + shim::sentence_of(status));
    }
    *ret = stream;
    if (ret_rows != nullptr)
        *ret_rows = rows;
    return FKV_OK;
}

enum fkv_status parquet_write(struct ArrowArrayStream *stream, int fd,
                              const struct formats_parquet_options *options,
                              struct fkv_progress *ret, struct fkv_error *error)
{
    static const struct formats_parquet_options defaults = {};
    struct fkv_progress so_far = {};
    std::shared_ptr<shim::FdSink> sink;
    arrow::Status status = shim::guarded([&] {
        sink = std::make_shared<shim::FdSink>(fd);
        return write_file(stream, sink, options != nullptr ? *options : defaults, &so_far);
    });
    if (stream->release != nullptr)
        stream->release(stream);
    if (!status.ok())
        return shim::set_error(
            error, status.IsIOError() && sink ? sink->status() : shim::status_of(status),
            shim::sentence_of(status));
    if (ret != nullptr)
        *ret = so_far;
    return FKV_OK;
}
