/* SPDX-License-Identifier: Apache-2.0 */
#include "formats/arrow_shim.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <arrow/buffer.h>
#include <arrow/c/bridge.h>
#include <arrow/type.h>

namespace shim
{

enum fkv_status set_error(struct fkv_error *error, enum fkv_status status,
                          const std::string &message)
{
    if (error != nullptr) {
        error->status = status;
        error->hint = FKV_HINT_NONE;
        std::snprintf(error->message, sizeof error->message, "%s", message.c_str());
    }
    return status;
}

enum fkv_status status_of(const arrow::Status &status)
{
    switch (status.code()) {
    case arrow::StatusCode::OK:
        return FKV_OK;
    case arrow::StatusCode::OutOfMemory:
    case arrow::StatusCode::CapacityError:
        return FKV_RESOURCE_EXHAUSTED;
    case arrow::StatusCode::Cancelled:
        return FKV_CANCELLED;
    case arrow::StatusCode::NotImplemented:
        return FKV_UNIMPLEMENTED;
    case arrow::StatusCode::Invalid:
    case arrow::StatusCode::TypeError:
    case arrow::StatusCode::KeyError:
    case arrow::StatusCode::SerializationError:
        return FKV_INVALID_ARGUMENT;
    default:
        return FKV_UNKNOWN;
    }
}

std::string sentence_of(const arrow::Status &status)
{
    std::string text = status.message();
    std::replace(text.begin(), text.end(), '\n', ' ');
    while (!text.empty() && (text.back() == '.' || text.back() == ' '))
        text.pop_back();
    return text;
}

std::string shortened(const std::string &sentence)
{
    constexpr size_t head_bytes = 400, tail_bytes = 200;
    if (sentence.size() <= head_bytes + tail_bytes)
        return sentence;
    auto is_inside = [&](size_t at) { return (sentence[at] & 0xc0) == 0x80; }; /* of a character */
    size_t end = head_bytes, begin = sentence.size() - tail_bytes;
    while (end > 0 && is_inside(end))
        end--;
    while (begin < sentence.size() && is_inside(begin))
        begin++;
    return sentence.substr(0, end) + "..." + sentence.substr(begin);
}

arrow::Status FdSink::Close()
{
    closed_ = true;
    return arrow::Status::OK();
}

bool FdSink::closed() const
{
    return closed_;
}

arrow::Result<int64_t> FdSink::Tell() const
{
    return position_;
}

arrow::Status FdSink::Write(const void *data, int64_t size)
{
    const char *at = static_cast<const char *>(data);
    while (size > 0) {
        ssize_t written = ::write(fd_, at, static_cast<size_t>(size));
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            errno_ = errno;
            return arrow::Status::IOError("cannot write: ", std::strerror(errno_));
        }
        at += written;
        size -= written;
        position_ += written;
    }
    return arrow::Status::OK();
}

enum fkv_status FdSink::status() const
{
    if (errno_ == 0)
        return FKV_INVALID_ARGUMENT;
    return errno_ == ENOSPC || errno_ == EDQUOT ? FKV_RESOURCE_EXHAUSTED : FKV_UNKNOWN;
}

FdSource::~FdSource()
{
    if (fd_ >= 0)
        ::close(fd_);
}

arrow::Status FdSource::Close()
{
    if (fd_ >= 0)
        ::close(fd_);
    fd_ = -1;
    return arrow::Status::OK();
}

bool FdSource::closed() const
{
    return fd_ < 0;
}

arrow::Result<int64_t> FdSource::Tell() const
{
    return position_;
}

/* Less than was asked for means the end to Arrow, and a pipe gives less at any time. */
arrow::Result<int64_t> FdSource::Read(int64_t size, void *out)
{
    char *at = static_cast<char *>(out);
    int64_t taken = 0;
    while (taken < size) {
        ssize_t got = ::read(fd_, at + taken, static_cast<size_t>(size - taken));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return arrow::Status::IOError("cannot read: ", std::strerror(errno));
        if (got == 0)
            break;
        taken += got;
    }
    position_ += taken;
    return taken;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> FdSource::Read(int64_t size)
{
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(size));
    ARROW_ASSIGN_OR_RAISE(int64_t taken, Read(size, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(taken));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

namespace
{

/* What stands behind an exported stream. */
struct Exported {
    std::shared_ptr<arrow::RecordBatchReader> batches;
    std::string error;
};

Exported *exported(struct ArrowArrayStream *stream)
{
    return static_cast<Exported *>(stream->private_data);
}

int told(Exported *stream, const arrow::Status &status)
{
    if (status.ok())
        return 0;
    stream->error = sentence_of(status);
    switch (status.code()) {
    case arrow::StatusCode::OutOfMemory:
        return ENOMEM;
    case arrow::StatusCode::Cancelled:
        return ECANCELED;
    case arrow::StatusCode::NotImplemented:
        return ENOSYS;
    case arrow::StatusCode::IOError:
        return EIO;
    default:
        return EINVAL;
    }
}

int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *ret)
{
    Exported *from = exported(stream);
    return told(from, guarded([&] { return arrow::ExportSchema(*from->batches->schema(), ret); }));
}

int get_next(struct ArrowArrayStream *stream, struct ArrowArray *ret)
{
    Exported *from = exported(stream);
    return told(from, guarded([&] {
                    std::shared_ptr<arrow::RecordBatch> batch;
                    ARROW_RETURN_NOT_OK(from->batches->ReadNext(&batch));
                    ret->release = nullptr; /* the end */
                    return batch == nullptr ? arrow::Status::OK()
                                            : arrow::ExportRecordBatch(*batch, ret);
                }));
}

const char *get_last_error(struct ArrowArrayStream *stream)
{
    const std::string &error = exported(stream)->error;
    return error.empty() ? nullptr : error.c_str();
}

void release(struct ArrowArrayStream *stream)
{
    delete exported(stream);
    stream->release = nullptr;
}

void release_type(struct ArrowSchema *schema)
{
    schema->release = nullptr;
}

} // namespace

arrow::Status export_batches(std::shared_ptr<arrow::RecordBatchReader> batches,
                             struct ArrowArrayStream *ret)
{
    *ret = {get_schema, get_next, get_last_error, release, new Exported{std::move(batches), ""}};
    return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::Schema>> types_of(const struct formats_text_options *options)
{
    arrow::FieldVector fields;
    for (size_t i = 0; i < options->type_count; i++) {
        struct ArrowSchema type = {};
        type.format = options->types[i].format;
        type.release = release_type;
        ARROW_ASSIGN_OR_RAISE(auto imported, arrow::ImportType(&type));
        fields.push_back(arrow::field(options->types[i].name, imported));
    }
    return arrow::schema(fields);
}

} // namespace shim
