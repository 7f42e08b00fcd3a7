# SPDX-License-Identifier: Apache-2.0
"""Puts and gets with the stock pyarrow client, batch by batch, and their comparison."""

import pyarrow.flight as fl

from server_process import call_options


def command(key):
    return fl.FlightDescriptor.for_command(key)


def path(*segments):
    return fl.FlightDescriptor.for_path(*segments)


def put(client, descriptor, schema, batches, app_metadata=None, options=None):
    """Puts the batches, each with its app_metadata where a list of these is given (None: none).
    Returns the PutResults that came back."""
    if isinstance(descriptor, (bytes, str)):
        descriptor = command(descriptor)
    writer, reader = client.do_put(descriptor, schema, options or call_options())
    with writer:
        for i, batch in enumerate(batches):
            if app_metadata is not None and app_metadata[i] is not None:
                writer.write_with_metadata(batch, app_metadata[i])
            else:
                writer.write_batch(batch)
        writer.done_writing()
        results = []
        while (result := reader.read()) is not None:
            results.append(result.to_pybytes())
    return results


def get(client, ticket):
    """The schema and the chunks (batch, app_metadata) under a key, or for a ticket."""
    if not isinstance(ticket, fl.Ticket):
        ticket = fl.Ticket(ticket)
    reader = client.do_get(ticket, call_options())
    chunks = []
    while True:
        try:
            chunk = reader.read_chunk()
        except StopIteration:
            return reader.schema, chunks
        chunks.append((chunk.data, chunk.app_metadata and chunk.app_metadata.to_pybytes()))


def assert_same(schema, batches, received, app_metadata=None):
    """That the table received (what get returned) is the one put: values, boundaries, metadata."""
    got_schema, chunks = received
    assert got_schema.equals(schema, check_metadata=True)
    assert len(chunks) == len(batches)
    for i, (want, (got, metadata)) in enumerate(zip(batches, chunks)):
        got.validate(full=True)
        assert got.num_rows == want.num_rows
        assert got.equals(want), f"batch {i} differs"
        assert metadata == (app_metadata[i] if app_metadata else None)


def round_trip(client, key, schema, batches, app_metadata=None, options=None):
    put(client, key, schema, batches, app_metadata, options)
    assert_same(schema, batches, get(client, key), app_metadata)
