/* SPDX-License-Identifier: Apache-2.0 */
/* JSON by Arrow C++, a block at a time. Arrow reads objects one a line; one array of objects, which
 * may stand on many lines, is made to look like that on its way in. */
#include <cctype>
#include <memory>
#include <regex>
#include <string>

#include <arrow/json/api.h>

#include "formats/arrow_shim.h"

namespace
{

/* The first block is what types are inferred from, and each becomes a batch. */
constexpr int32_t block_bytes = 8 << 20;

/* A text that begins with '[' loses that bracket and its partner, has line feeds for the commas
 * between its elements, and blanks for all other line feeds; any other passes as it is:
 *
 *     [ {"a":      ->   {"a": 1}
 *        1},            {"a": 2}
 *       {"a": 2} ]
 */
class Lines : public shim::FdSource
{
  public:
    using FdSource::FdSource;
    using FdSource::Read;

    arrow::Result<int64_t> Read(int64_t size, void *out) override
    {
        ARROW_ASSIGN_OR_RAISE(int64_t taken, FdSource::Read(size, out));
        char *at = static_cast<char *>(out);
        for (int64_t i = 0; i < taken && kind_ != Kind::LINES; i++)
            ARROW_RETURN_NOT_OK(Turn(&at[i]));
        if (taken < size && kind_ == Kind::ARRAY && depth_ > 0)
            return arrow::Status::Invalid("the array has no end");
        return taken;
    }

  private:
    enum class Kind { UNKNOWN, LINES, ARRAY };

    arrow::Status Turn(char *byte)
    {
        bool is_blank = std::isspace(static_cast<unsigned char>(*byte)) != 0;
        if (kind_ == Kind::UNKNOWN && is_blank)
            return arrow::Status::OK();
        if (kind_ == Kind::UNKNOWN)
            kind_ = *byte == '[' ? Kind::ARRAY : Kind::LINES;
        if (kind_ == Kind::LINES)
            return arrow::Status::OK();
        if (depth_ == 0 && has_begun_ && !is_blank)
            return arrow::Status::Invalid("there is more behind the array");
        if (in_text_)
            TurnText(*byte);
        else
            TurnMark(byte, is_blank);
        return arrow::Status::OK();
    }

    void TurnText(char byte)
    {
        if (is_escaped_)
            is_escaped_ = false;
        else if (byte == '\\')
            is_escaped_ = true;
        else
            in_text_ = byte != '"';
    }

    void TurnMark(char *byte, bool is_blank)
    {
        char mark = *byte;
        if (is_blank || (depth_ == 1 && mark == ','))
            *byte = is_blank ? ' ' : '\n';
        if (mark == '"')
            in_text_ = true;
        if (mark == '[' || mark == '{') {
            if (depth_ == 0)
                *byte = ' ';
            depth_++;
            has_begun_ = true;
        } else if (mark == ']' || mark == '}') {
            depth_--;
            if (depth_ == 0)
                *byte = '\n';
        }
    }

    Kind kind_ = Kind::UNKNOWN;
    int64_t depth_ = 0;
    bool has_begun_ = false;
    bool in_text_ = false;
    bool is_escaped_ = false;
};

/* Arrow's "JSON parse error: Column(/a) changed from number to string in row 3": rows are counted
 * from 0, and anew in each block. */
std::string tell(const arrow::Status &status, int64_t rows_before)
{
    static const std::regex changed("JSON parse error: Column\\(/(.*)\\) changed from (\\w+) to "
                                    "(\\w+) in row (\\d+)");
    static const std::regex wrong("JSON parse error: (.*?)\\.? in row (\\d+)");
    std::smatch parts;
    std::string sentence = shim::shortened(shim::sentence_of(status));
    auto row_of = [&](const std::string &row) {
        return "row " + std::to_string(rows_before + std::stoll(row) + 1);
    };
    if (std::regex_match(sentence, parts, changed))
        return row_of(parts[4]) + ", column '" + parts[1].str() + "': " + parts[3].str() +
               ", expected " + parts[2].str();
    if (std::regex_match(sentence, parts, wrong))
        return row_of(parts[2]) + ": " + parts[1].str();
    return sentence;
}

/* Errors behind the first block are told to be that. */
class Batches : public arrow::RecordBatchReader
{
  public:
    explicit Batches(std::shared_ptr<arrow::RecordBatchReader> batches)
        : batches_(std::move(batches))
    {
    }

    std::shared_ptr<arrow::Schema> schema() const override
    {
        return batches_->schema();
    }

    arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch> *ret) override
    {
        arrow::Status status = batches_->ReadNext(ret);
        if (!status.ok())
            return status.WithMessage("behind the first 8 MiB, which types are inferred from where "
                                      "--types says none: ",
                                      tell(status, rows_));
        rows_ += *ret != nullptr ? (*ret)->num_rows() : 0;
        return status;
    }

  private:
    std::shared_ptr<arrow::RecordBatchReader> batches_;
    int64_t rows_ = 0;
};

arrow::Status open_json(int fd, const struct formats_text_options *options,
                        struct ArrowArrayStream *ret)
{
    auto source = std::make_shared<Lines>(fd);
    auto reading = arrow::json::ReadOptions::Defaults();
    reading.block_size = block_bytes;
    auto parsing = arrow::json::ParseOptions::Defaults();
    if (options->type_count > 0) {
        ARROW_ASSIGN_OR_RAISE(parsing.explicit_schema, shim::types_of(options));
    }
    ARROW_ASSIGN_OR_RAISE(auto batches,
                          arrow::json::StreamingReader::Make(source, reading, parsing));
    return shim::export_batches(std::make_shared<Batches>(std::move(batches)), ret);
}

} // namespace

enum fkv_status json_read(int fd, const struct formats_text_options *options,
                          struct ArrowArrayStream *ret, struct fkv_error *error)
{
    struct ArrowArrayStream stream = {};
    arrow::Status status = shim::guarded([&] { return open_json(fd, options, &stream); });
    if (!status.ok())
        return shim::set_error(error, shim::status_of(status),
                               "not JSON that can be read: " + tell(status, 0));
    *ret = stream;
    return FKV_OK;
}
