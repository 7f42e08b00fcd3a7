// SPDX-License-Identifier: Apache-2.0
// Arrow C++'s own Flight server, as pyarrow ships it, in JSON mode of Arrow's integration tests. (A
// pyarrow server gives no dictionaries where it gives app_metadata.)
//
//     arrow_cpp_server -port=0
//
// Takes only the tables that PATH.stream has, for each put to a PATH.json, and gives them back.
#include <csignal>
#include <iostream>
#include <map>

#include "arrow_cpp.h"

namespace fl = arrow::flight;

namespace {

// Gives each batch its number.
class Numbered : public fl::FlightDataStream {
public:
    explicit Numbered(std::shared_ptr<arrow::RecordBatchReader> reader) : stream_(reader) {}

    std::shared_ptr<arrow::Schema> schema() override { return stream_.schema(); }
    arrow::Result<fl::FlightPayload> GetSchemaPayload() override
    {
        return stream_.GetSchemaPayload();
    }

    arrow::Result<fl::FlightPayload> Next() override
    {
        ARROW_ASSIGN_OR_RAISE(auto payload, stream_.Next());
        if (payload.ipc_message.type == arrow::ipc::MessageType::RECORD_BATCH)
            payload.app_metadata = arrow::Buffer::FromString(std::to_string(next_++));
        return payload;
    }

private:
    fl::RecordBatchStream stream_;
    int next_ = 0;
};

class JsonServer : public fl::FlightServerBase {
public:
    arrow::Status DoPut(const fl::ServerCallContext &,
                        std::unique_ptr<fl::FlightMessageReader> reader,
                        std::unique_ptr<fl::FlightMetadataWriter> writer) override
    {
        const auto &descriptor = reader->descriptor();
        EXPECT(descriptor.type == fl::FlightDescriptor::PATH && descriptor.path.size() == 1);
        ARROW_ASSIGN_OR_RAISE(auto batches, ReadBatches(descriptor.path[0]));
        ARROW_RETURN_NOT_OK(CheckStream(*reader, batches, [&](const arrow::Buffer &number) {
            return writer->WriteMetadata(number);
        }));
        tables_[descriptor.path[0]] = batches;
        return arrow::Status::OK();
    }

    arrow::Status GetFlightInfo(const fl::ServerCallContext &,
                                const fl::FlightDescriptor &descriptor,
                                std::unique_ptr<fl::FlightInfo> *ret) override
    {
        EXPECT(descriptor.path.size() == 1 && tables_.count(descriptor.path[0]) == 1);
        const auto &batches = tables_.at(descriptor.path[0]);
        fl::FlightEndpoint endpoint;
        endpoint.ticket.ticket = descriptor.path[0];
        ARROW_ASSIGN_OR_RAISE(auto here, fl::Location::ForGrpcTcp("localhost", port()));
        endpoint.locations.push_back(here);
        ARROW_ASSIGN_OR_RAISE(auto info, fl::FlightInfo::Make(*batches.schema, descriptor,
                                                              {endpoint}, batches.rows, -1));
        *ret = std::make_unique<fl::FlightInfo>(std::move(info));
        return arrow::Status::OK();
    }

    arrow::Status DoGet(const fl::ServerCallContext &, const fl::Ticket &ticket,
                        std::unique_ptr<fl::FlightDataStream> *ret) override
    {
        EXPECT(tables_.count(ticket.ticket) == 1);
        const auto &batches = tables_.at(ticket.ticket);
        ARROW_ASSIGN_OR_RAISE(auto reader,
                              arrow::RecordBatchReader::Make(batches.all, batches.schema));
        *ret = std::make_unique<Numbered>(reader);
        return arrow::Status::OK();
    }

private:
    std::map<std::string, Batches> tables_;  // one client, one call after the other
};

arrow::Status Serve()
{
    JsonServer server;
    ARROW_ASSIGN_OR_RAISE(auto anywhere, fl::Location::ForGrpcTcp("localhost", 0));
    ARROW_RETURN_NOT_OK(server.Init(fl::FlightServerOptions(anywhere)));
    ARROW_RETURN_NOT_OK(server.SetShutdownOnSignals({SIGTERM}));
    std::cout << "Server listening on localhost:" << server.port() << std::endl;
    return server.Serve();
}

}  // namespace

int main()
{
    auto status = Serve();
    if (!status.ok())
        std::cerr << status.ToString() << std::endl;
    return status.ok() ? 0 : 1;
}
