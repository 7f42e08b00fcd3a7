# SPDX-License-Identifier: Apache-2.0
"""Arrow Flight by pyarrow: the stock client, and a server that keeps tables in a dict."""

import pyarrow.flight as flight

from ways import harness


class DictServer(flight.FlightServerBase):
    """The key-value cache in a few lines of Python."""

    def __init__(self, location):
        super().__init__(location)
        self.tables = {}

    def do_put(self, context, descriptor, reader, writer):
        self.tables[descriptor.command] = reader.read_all()

    def do_get(self, context, ticket):
        if ticket.ticket not in self.tables:
            raise KeyError(ticket.ticket)
        return flight.RecordBatchStream(self.tables[ticket.ticket])


def serve():
    server = DictServer("grpc+tcp://127.0.0.1:0")
    print(f"grpc+tcp://127.0.0.1:{server.port}", flush=True)
    server.serve()


def run_client(arguments):
    table = harness.load_table(arguments.table)
    client = flight.connect(arguments.address)
    descriptor = flight.FlightDescriptor.for_command(harness.KEY)
    ticket = flight.Ticket(harness.KEY)

    def put():
        writer, _ = client.do_put(descriptor, table.schema)
        writer.write_table(table)
        writer.close()

    def get():
        return client.do_get(ticket).read_all()

    harness.run_client(arguments, table, put, get)


if __name__ == "__main__":
    arguments = harness.parse_arguments()
    serve() if arguments.role == "server" else run_client(arguments)
