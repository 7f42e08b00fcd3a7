/* SPDX-License-Identifier: Apache-2.0 */
/* CSV by Arrow C++, a block at a time.
 *
 * Arrow's errors name columns by number. Where the first block can't be read there is no schema to
 * look the name up in: so the beginning of the text is kept, which has the header. */
#include <algorithm>
#include <cstring>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include <arrow/csv/api.h>
#include <arrow/csv/parser.h>

#include "formats/arrow_shim.h"

namespace
{

/* The first block is what types are inferred from, and each becomes a batch. */
constexpr int32_t block_bytes = 8 << 20;

/* A header that is longer isn't told by name. */
constexpr size_t header_bytes_max = 64 << 10;

class KeepsBeginning : public shim::FdSource
{
  public:
    using FdSource::FdSource;
    using FdSource::Read;

    arrow::Result<int64_t> Read(int64_t size, void *out) override
    {
        ARROW_ASSIGN_OR_RAISE(int64_t taken, FdSource::Read(size, out));
        size_t kept = std::min(static_cast<size_t>(taken), header_bytes_max - beginning_.size());
        beginning_.append(static_cast<const char *>(out), kept);
        return taken;
    }

    const std::string &beginning() const
    {
        return beginning_;
    }

  private:
    std::string beginning_;
};

/* The names in the first row; none where it isn't whole. */
std::vector<std::string> names_in(std::string text, const arrow::csv::ParseOptions &parsing)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    std::vector<std::string> names;
    if (text.compare(0, 3, byte_order_mark) == 0)
        text.erase(0, 3);
    arrow::csv::BlockParser parser(parsing, -1, 1, 1);
    uint32_t size;
    if (!parser.Parse(text, &size).ok() || parser.num_rows() != 1)
        return names;
    arrow::Status status =
        parser.VisitLastRow([&](const uint8_t *data, uint32_t bytes, auto...) -> arrow::Status {
            names.emplace_back(reinterpret_cast<const char *>(data), bytes);
            return arrow::Status::OK();
        });
    return status.ok() ? names : std::vector<std::string>();
}

/* What is known of a file to tell what is wrong with a value. */
class Teller
{
  public:
    Teller(std::shared_ptr<KeepsBeginning> source, const arrow::csv::ParseOptions &parsing,
           const arrow::csv::ConvertOptions &converting)
        : source_(std::move(source)), parsing_(parsing), converting_(converting)
    {
    }

    /* Arrow's "In CSV column #0: Row #3: CSV conversion error to int64: invalid value 'x'", or some
     * other words behind the row, as "Rescaling Decimal value would cause data loss"; and "CSV
     * parse error: Row #3: Expected 2 columns, got 1: x". */
    arrow::Status tell(const arrow::Status &status) const
    {
        static const std::regex of_column("In CSV column #(\\d+): (?:Row #(\\d+): )?([^]*)");
        static const std::regex of_row("CSV parse error: Row #(\\d+): ([^]*)");
        std::smatch parts;
        if (status.ok())
            return status;
        std::string sentence = shim::shortened(shim::sentence_of(status));
        if (std::regex_match(sentence, parts, of_row))
            return status.WithMessage("row ", parts[1].str(), ": ", parts[2].str());
        if (!std::regex_match(sentence, parts, of_column))
            return status.WithMessage(sentence);
        std::string row = parts[2].matched ? "row " + parts[2].str() + ", " : "";
        return status.WithMessage(row, tell_column(std::stoul(parts[1]), parts[3]));
    }

  private:
    std::string tell_column(size_t column, std::string trouble) const
    {
        static const std::regex conversion("CSV conversion error to ([^:]*): ([^]*)");
        static const std::regex invalid("invalid value ('[^]*')");
        std::smatch parts, value;
        std::vector<std::string> names = names_in(source_->beginning(), parsing_);
        std::string name = column < names.size() ? names[column] : "";
        std::string text =
            name.empty() ? "column " + std::to_string(column + 1) : "column '" + name + "'";
        auto type = converting_.column_types.find(name);
        bool is_inferred = type == converting_.column_types.end();
        std::string type_text = is_inferred ? "" : type->second->ToString();
        trouble = trouble.substr(0, trouble.find(". If ")); /* what to do in Arrow's interface */
        if (std::regex_match(trouble, parts, conversion)) {
            type_text = parts[1];
            trouble = std::string(parts[2]);
        }
        if (std::regex_match(trouble, value, invalid))
            text += ": " + value[1].str() + " isn't of type " + type_text;
        else
            text +=
                type_text.empty() ? ": " + trouble : " isn't of type " + type_text + ": " + trouble;
        if (is_inferred)
            text += ", inferred from the first 8 MiB; name another, as in --types '" +
                    (name.empty() ? "COLUMN" : name) + "=string'";
        return text;
    }

    std::shared_ptr<KeepsBeginning> source_;
    arrow::csv::ParseOptions parsing_;
    arrow::csv::ConvertOptions converting_;
};

class Batches : public arrow::RecordBatchReader
{
  public:
    Batches(Teller teller, std::shared_ptr<arrow::RecordBatchReader> batches)
        : teller_(std::move(teller)), batches_(std::move(batches))
    {
    }

    std::shared_ptr<arrow::Schema> schema() const override
    {
        return batches_->schema();
    }

    arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch> *ret) override
    {
        return teller_.tell(batches_->ReadNext(ret));
    }

  private:
    Teller teller_;
    std::shared_ptr<arrow::RecordBatchReader> batches_;
};

arrow::Status check_names(const arrow::Schema &types, const arrow::Schema &schema)
{
    for (const auto &field : types.fields())
        if (schema.GetAllFieldIndices(field->name()).empty())
            return arrow::Status::Invalid("it has no column '", field->name(),
                                          "', for which --types names a type");
    return arrow::Status::OK();
}

arrow::Status open_csv(int fd, const struct formats_text_options *options,
                       struct ArrowArrayStream *ret)
{
    auto source = std::make_shared<KeepsBeginning>(fd);
    auto reading = arrow::csv::ReadOptions::Defaults();
    reading.block_size = block_bytes;
    reading.use_threads = false; /* errors then name the row */
    auto parsing = arrow::csv::ParseOptions::Defaults();
    parsing.delimiter = options->delimiter != 0 ? options->delimiter : ',';
    parsing.newlines_in_values = true;
    auto converting = arrow::csv::ConvertOptions::Defaults();
    converting.null_values = {""};
    converting.strings_can_be_null = true;
    converting.quoted_strings_can_be_null = false;
    ARROW_ASSIGN_OR_RAISE(auto types, shim::types_of(options));
    for (const auto &field : types->fields())
        converting.column_types[field->name()] = field->type();
    Teller teller(source, parsing, converting);
    auto opened = arrow::csv::StreamingReader::Make(arrow::io::default_io_context(), source,
                                                    reading, parsing, converting);
    ARROW_RETURN_NOT_OK(teller.tell(opened.status()));
    ARROW_RETURN_NOT_OK(check_names(*types, *(*opened)->schema()));
    return shim::export_batches(std::make_shared<Batches>(std::move(teller), *opened), ret);
}

} // namespace

enum fkv_status csv_read(int fd, const struct formats_text_options *options,
                         struct ArrowArrayStream *ret, struct fkv_error *error)
{
    struct ArrowArrayStream stream = {};
    arrow::Status status = shim::guarded([&] { return open_csv(fd, options, &stream); });
    if (!status.ok())
        return shim::set_error(error, shim::status_of(status),
                               "not CSV that can be read: " + shim::sentence_of(status));
    *ret = stream;
    return FKV_OK;
}
