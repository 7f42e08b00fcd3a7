// SPDX-License-Identifier: Apache-2.0
// Arrow C++'s own Flight client, as pyarrow ships it, for the calls that pyarrow doesn't wrap.
//
//     arrow_cpp_client URI SCENARIO
//     arrow_cpp_client URI json PATH.json
//
// The scenarios are those of Arrow's integration tests, and "cache": the same calls to flightkv.
// "json" is their JSON mode; the table is read from PATH.stream, which lies beside the JSON.
// Exits with 0 when all went as it should, else with a line that says what didn't.
#include <arrow/flight/client_cookie_middleware.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>

#include "arrow_cpp.h"

namespace fl = arrow::flight;

namespace {

void Must(bool holds, const char *what, int line)
{
    if (holds)
        return;
    std::cerr << "line " << line << ": " << what << std::endl;
    std::exit(1);
}

#define MUST(condition) Must((condition), #condition, __LINE__)

template <typename T>
T Value(arrow::Result<T> result, int line)
{
    Must(result.ok(), result.status().ToString().c_str(), line);
    return std::move(result).ValueUnsafe();
}

#define OK(expression) Value((expression), __LINE__)
#define DONE(expression)                                         \
    do {                                                         \
        arrow::Status status = (expression);                     \
        Must(status.ok(), status.ToString().c_str(), __LINE__);  \
    } while (false)

std::unique_ptr<fl::FlightInfo> Info(fl::FlightClient &client, const std::string &command)
{
    return OK(client.GetFlightInfo(fl::FlightDescriptor::Command(command)));
}

arrow::Result<std::shared_ptr<arrow::Table>> Get(fl::FlightClient &client, const fl::Ticket &ticket)
{
    ARROW_ASSIGN_OR_RAISE(auto reader, client.DoGet(ticket));
    return reader->ToTable();
}

// ---- scenarios ----

void PollFlightInfo(fl::FlightClient &client)
{
    auto first = OK(client.PollFlightInfo(fl::FlightDescriptor::Command("heavy query")));
    MUST(first->info != nullptr && first->descriptor.has_value());
    MUST(first->progress.has_value() && *first->progress >= 0 && *first->progress <= 1);
    MUST(first->expiration_time.has_value());
    auto last = OK(client.PollFlightInfo(*first->descriptor));
    MUST(last->info != nullptr && !last->descriptor.has_value());
    MUST(last->progress.has_value() && *last->progress == 1.0);
    MUST(!last->expiration_time.has_value());
}

arrow::Result<fl::CancelFlightInfoResult> Cancel(fl::FlightClient &client,
                                                 const fl::FlightInfo &info)
{
    fl::CancelFlightInfoRequest request(std::make_unique<fl::FlightInfo>(info));
    return client.CancelFlightInfo(request);
}

void CancelFlightInfo(fl::FlightClient &client)
{
    auto info = Info(client, "expiration");
    auto result = OK(Cancel(client, *info));
    MUST(result.status == fl::CancelStatus::kCancelled);
    for (const auto &endpoint : info->endpoints())
        MUST(!Get(client, endpoint.ticket).ok());
}

void RenewFlightEndpoint(fl::FlightClient &client)
{
    auto info = Info(client, "expiration");
    for (const auto &endpoint : info->endpoints()) {
        if (!endpoint.expiration_time.has_value())
            continue;
        auto renewed = OK(client.RenewFlightEndpoint(fl::RenewFlightEndpointRequest(endpoint)));
        MUST(renewed.expiration_time.has_value());
        MUST(*renewed.expiration_time > *endpoint.expiration_time);
    }
}

void ExpirationDoGet(fl::FlightClient &client)
{
    auto info = Info(client, "expiration");
    MUST(info->endpoints().size() == 3);
    for (std::size_t i = 0; i < 3; i++) {
        const auto &endpoint = info->endpoints()[i];
        MUST(endpoint.expiration_time.has_value() == (i != 0));
        auto table = OK(Get(client, endpoint.ticket));
        MUST(table->num_rows() == 1);
    }
    MUST(!Get(client, info->endpoints()[0].ticket).ok());
    MUST(Get(client, info->endpoints()[1].ticket).ok());
}

std::map<std::string, fl::SessionOptionValue> Options(fl::FlightClient &client)
{
    return OK(client.GetSessionOptions({}, fl::GetSessionOptionsRequest{})).session_options;
}

void SessionOptions(fl::FlightClient &client)
{
    std::vector<std::string> words = {"a", "b", "sea", "dee", " ", "  ", "geee"};
    auto result = OK(client.SetSessionOptions(
        {}, fl::SetSessionOptionsRequest{{{"foolong", std::int64_t{123}},
                                          {"bardouble", 456.0},
                                          {"lol_invalid", "this won't get set"},
                                          {"key_with_invalid_value", "lol_invalid"},
                                          {"big_ol_string_list", words}}}));
    MUST(result.errors.size() == 2);
    MUST(result.errors.at("lol_invalid").value == fl::SetSessionOptionErrorValue::kInvalidName);
    MUST(result.errors.at("key_with_invalid_value").value ==
         fl::SetSessionOptionErrorValue::kInvalidValue);
    auto options = Options(client);
    MUST(options.size() == 3);
    MUST(std::get<std::int64_t>(options.at("foolong")) == 123);
    MUST(std::get<std::vector<std::string>>(options.at("big_ol_string_list")) == words);

    result = OK(client.SetSessionOptions(
        {}, fl::SetSessionOptionsRequest{
                {{"foolong", std::monostate{}}, {"big_ol_string_list", "a,b,sea"}}}));
    MUST(result.errors.empty());
    options = Options(client);
    MUST(options.size() == 2);
    MUST(std::get<double>(options.at("bardouble")) == 456.0);
    MUST(std::get<std::string>(options.at("big_ol_string_list")) == "a,b,sea");
}

// Closed, a session's cookie is over: the next call has a session of its own.
void SessionExpiry(fl::FlightClient &client)
{
    DONE(client.SetSessionOptions({}, fl::SetSessionOptionsRequest{{{"x", true}}}).status());
    MUST(Options(client).size() == 1);
    auto closed = OK(client.CloseSession({}, fl::CloseSessionRequest{}));
    MUST(closed.status == fl::CloseSessionStatus::kClosed);
    MUST(Options(client).empty());
    DONE(client.SetSessionOptions({}, fl::SetSessionOptionsRequest{{{"y", false}}}).status());
    MUST(Options(client).count("y") == 1);
}

void Echo(fl::FlightClient &client)
{
    auto schema = arrow::schema({arrow::field("x", arrow::int32(), false)});
    auto exchange = OK(client.DoExchange(fl::FlightDescriptor::Command("echo")));
    DONE(exchange.writer->Begin(schema));
    for (int i = 0; i < 4; i++) {
        arrow::Int32Builder builder;
        DONE(builder.AppendValues({i, i + 1, i + 2}));
        auto batch = arrow::RecordBatch::Make(schema, 3, {OK(builder.Finish())});
        if (i % 2 == 0)
            DONE(exchange.writer->WriteWithMetadata(*batch,
                                                    arrow::Buffer::FromString(std::to_string(i))));
        else
            DONE(exchange.writer->WriteRecordBatch(*batch));
        auto back = OK(exchange.reader->Next());
        MUST(back.data != nullptr && back.data->Equals(*batch));
        MUST((back.app_metadata != nullptr) == (i % 2 == 0));
        MUST(back.app_metadata == nullptr || back.app_metadata->ToString() == std::to_string(i));
    }
    DONE(exchange.writer->DoneWriting());
    auto end = OK(exchange.reader->Next());
    MUST(end.data == nullptr && end.app_metadata == nullptr);
    DONE(exchange.writer->Close());
}

// ---- JSON mode ----

// In lock-step: each batch is acknowledged by its own app_metadata, and nothing comes after.
void PutBatches(fl::FlightClient &client, const fl::FlightDescriptor &descriptor,
                const Batches &batches)
{
    auto put = OK(client.DoPut(descriptor, batches.schema));
    std::shared_ptr<arrow::Buffer> result;
    for (std::size_t i = 0; i < batches.all.size(); i++) {
        auto number = std::to_string(i);
        DONE(put.writer->WriteWithMetadata(*batches.all[i], arrow::Buffer::FromString(number)));
        DONE(put.reader->ReadMetadata(&result));
        MUST(result != nullptr && result->ToString() == number);
    }
    DONE(put.writer->DoneWriting());
    DONE(put.reader->ReadMetadata(&result));
    MUST(result == nullptr);
    DONE(put.writer->Close());
}

void GetBatches(fl::FlightClient &client, const fl::Ticket &ticket, const Batches &batches)
{
    auto reader = OK(client.DoGet(ticket));
    DONE(CheckStream(*reader, batches, [](const arrow::Buffer &) { return arrow::Status(); }));
}

void Json(fl::FlightClient &client, const std::string &uri, const std::string &path)
{
    auto batches = OK(ReadBatches(path));
    auto descriptor = fl::FlightDescriptor::Path({path});
    PutBatches(client, descriptor, batches);
    auto info = OK(client.GetFlightInfo(descriptor));
    arrow::ipc::DictionaryMemo memo;
    MUST(info->descriptor().Equals(descriptor));
    MUST(OK(info->GetSchema(&memo))->Equals(*batches.schema, true));
    MUST(info->total_records() == batches.rows && !info->endpoints().empty());
    for (const auto &endpoint : info->endpoints()) {
        auto locations = endpoint.locations;
        if (locations.empty())  // the server that was asked
            locations.push_back(OK(fl::Location::Parse(uri)));
        for (const auto &location : locations) {
            auto another = OK(fl::FlightClient::Connect(location));
            GetBatches(*another, endpoint.ticket, batches);
            DONE(another->Close());
        }
    }
}

// ---- the cache ----

void Put(fl::FlightClient &client, const fl::FlightDescriptor &descriptor,
         const arrow::Table &table)
{
    auto put = OK(client.DoPut(descriptor, table.schema()));
    DONE(put.writer->WriteTable(table));
    DONE(put.writer->Close());
}

void Cache(fl::FlightClient &client)
{
    arrow::Int32Builder builder;
    DONE(builder.AppendValues({1, 2, 3}));
    auto table =
        arrow::Table::Make(arrow::schema({arrow::field("x", arrow::int32())}),
                           std::vector<std::shared_ptr<arrow::Array>>{OK(builder.Finish())});
    auto descriptor = fl::FlightDescriptor::Command("cpp");
    Put(client, descriptor, *table);
    auto poll = OK(client.PollFlightInfo(descriptor));
    MUST(poll->info != nullptr && !poll->descriptor.has_value() && *poll->progress == 1.0);
    auto info = Info(client, "cpp");
    MUST(info->total_records() == 3);
    auto cancelled = OK(Cancel(client, *info));
    MUST(cancelled.status == fl::CancelStatus::kNotCancellable);
    auto endpoint =
        OK(client.RenewFlightEndpoint(fl::RenewFlightEndpointRequest(info->endpoints()[0])));
    MUST(OK(Get(client, endpoint.ticket))->Equals(*table));

    auto exchange = OK(client.DoExchange(descriptor));
    DONE(exchange.writer->Begin(table->schema()));
    DONE(exchange.writer->WriteTable(*table));
    DONE(exchange.writer->DoneWriting());
    MUST(OK(exchange.reader->ToTable())->num_rows() == 6);
    DONE(exchange.writer->Close());
}

// The cache's session: defaults for its calls.
void CacheSession(fl::FlightClient &client)
{
    arrow::Int32Builder builder;
    DONE(builder.AppendValues({1, 2, 3}));
    auto column = OK(builder.Finish());
    auto schema =
        arrow::schema({arrow::field("x", arrow::int32()), arrow::field("y", arrow::int32())});
    auto table = arrow::Table::Make(schema, {column, column});
    Put(client, fl::FlightDescriptor::Command("session"), *table);

    MUST(Options(client).empty());
    auto result = OK(client.SetSessionOptions(
        {}, fl::SetSessionOptionsRequest{{{"flightkv-columns", "y"},
                                          {"flightkv-rows", "1:"},
                                          {"flightkv-max-message-bytes", std::int64_t{1 << 20}},
                                          {"flightkv-endpoints", std::int64_t{-1}},
                                          {"columns", "y"}}}));
    MUST(result.errors.size() == 2);
    MUST(result.errors.at("columns").value == fl::SetSessionOptionErrorValue::kInvalidName);
    MUST(result.errors.at("flightkv-endpoints").value ==
         fl::SetSessionOptionErrorValue::kInvalidValue);
    auto options = Options(client);
    MUST(options.size() == 3);
    MUST(std::get<std::int64_t>(options.at("flightkv-max-message-bytes")) == 1 << 20);
    auto part = OK(Get(client, fl::Ticket{"session"}));
    MUST(part->num_columns() == 1 && part->num_rows() == 2);

    DONE(client
             .SetSessionOptions({},
                                fl::SetSessionOptionsRequest{{{"flightkv-rows", std::monostate{}}}})
             .status());
    MUST(OK(Get(client, fl::Ticket{"session"}))->num_rows() == 3);
    MUST(OK(client.CloseSession({}, fl::CloseSessionRequest{})).status ==
         fl::CloseSessionStatus::kClosed);
    MUST(OK(Get(client, fl::Ticket{"session"}))->Equals(*table));
    MUST(!client.CloseSession({}, fl::CloseSessionRequest{}).ok());
}

const std::map<std::string, std::function<void(fl::FlightClient &)>> scenarios = {
    {"poll_flight_info", PollFlightInfo},
    {"expiration_time:do_get", ExpirationDoGet},
    {"expiration_time:cancel_flight_info", CancelFlightInfo},
    {"expiration_time:renew_flight_endpoint", RenewFlightEndpoint},
    {"session_options", SessionOptions},
    {"session expiry", SessionExpiry},
    {"do_exchange:echo", Echo},
    {"cache", Cache},
    {"cache session", CacheSession},
};

}  // namespace

int main(int argc, char **argv)
{
    bool is_json = argc == 4 && std::string(argv[2]) == "json";
    if (!is_json && (argc != 3 || scenarios.count(argv[2]) == 0)) {
        std::cerr << "expected a URI, and a scenario or json and a path" << std::endl;
        return 2;
    }
    auto options = fl::FlightClientOptions::Defaults();
    options.middleware.push_back(fl::GetCookieFactory());
    auto client = OK(fl::FlightClient::Connect(OK(fl::Location::Parse(argv[1])), options));
    if (is_json)
        Json(*client, argv[1], argv[3]);
    else
        scenarios.at(argv[2])(*client);
    DONE(client->Close());
    return 0;
}
