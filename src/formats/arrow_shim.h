/* SPDX-License-Identifier: Apache-2.0 */
/* What the module's formats share: Arrow's errors as ours, exceptions kept in, descriptors as
 * Arrow's streams. */
#ifndef FORMATS_ARROW_SHIM_H
#define FORMATS_ARROW_SHIM_H

#include <exception>
#include <memory>
#include <new>
#include <string>

#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/status.h>

#include "formats/formats.h"

namespace shim
{

enum fkv_status set_error(struct fkv_error *error, enum fkv_status status,
                          const std::string &message);
enum fkv_status status_of(const arrow::Status &status);

/* Arrow's own sentence on one line, without the final dot. */
std::string sentence_of(const arrow::Status &status);

/* A sentence with its middle left out where it is long, as one that quotes a value of any length:
 * std::regex recurses for each character. */
std::string shortened(const std::string &sentence);

/* Runs `body`, which gives an arrow::Status, and lets no exception out. */
template <typename Body> arrow::Status guarded(Body body)
{
    try {
        return body();
    } catch (const std::bad_alloc &) {
        return arrow::Status::OutOfMemory("out of memory");
    } catch (const std::exception &e) {
        return arrow::Status::Invalid(e.what());
    } catch (...) {
        return arrow::Status::UnknownError("an unknown C++ exception");
    }
}

/* What the options say of types, as Arrow's. */
arrow::Result<std::shared_ptr<arrow::Schema>> types_of(const struct formats_text_options *options);

/* write(2) as Arrow's stream; remembers the errno, for which Arrow's Status has no room. */
class FdSink : public arrow::io::OutputStream
{
  public:
    explicit FdSink(int fd) : fd_(fd)
    {
    }

    arrow::Status Close() override;
    bool closed() const override;
    arrow::Result<int64_t> Tell() const override;
    arrow::Status Write(const void *data, int64_t size) override;

    /* An IOError that isn't this sink's is the format's word for a table that it can't hold. */
    enum fkv_status status() const;

  private:
    int fd_;
    int errno_ = 0;
    bool closed_ = false;
    int64_t position_ = 0;
};

/* read(2) as Arrow's stream; the descriptor is closed with it. */
class FdSource : public arrow::io::InputStream
{
  public:
    explicit FdSource(int fd) : fd_(fd)
    {
    }
    ~FdSource() override;

    arrow::Status Close() override;
    bool closed() const override;
    arrow::Result<int64_t> Tell() const override;
    arrow::Result<int64_t> Read(int64_t size, void *out) override;
    arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t size) override;

  private:
    int fd_;
    int64_t position_ = 0;
};

/* As arrow::ExportRecordBatchReader, but lets no exception out, and its errors are sentences,
 * without the name of Arrow's code before them. */
arrow::Status export_batches(std::shared_ptr<arrow::RecordBatchReader> batches,
                             struct ArrowArrayStream *ret);

} // namespace shim

/* One file a format; module.h says what they do. */
enum fkv_status parquet_read(const char *path, int64_t batch_rows, struct ArrowArrayStream *ret,
                             int64_t *ret_rows, struct fkv_error *error);
enum fkv_status parquet_write(struct ArrowArrayStream *stream, int fd,
                              const struct formats_parquet_options *options,
                              struct fkv_progress *ret, struct fkv_error *error);
enum fkv_status csv_read(int fd, const struct formats_text_options *options,
                         struct ArrowArrayStream *ret, struct fkv_error *error);
enum fkv_status json_read(int fd, const struct formats_text_options *options,
                          struct ArrowArrayStream *ret, struct fkv_error *error);

#endif
