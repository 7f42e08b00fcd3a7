# SPDX-License-Identifier: Apache-2.0
"""What is known of tables without their data: infos, schemas, lists, actions; what isn't built."""

import json
import re

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from server_process import call_options
from transfer import assert_same, command, get, path, put

ACTIONS = {"CancelFlightInfo", "RenewFlightEndpoint", "SetSessionOptions", "GetSessionOptions",
           "CloseSession", "drop_dataset", "flightkv.ping", "flightkv.shm", "flightkv.version",
           "flightkv.stat", "flightkv.stats", "flightkv.delete", "flightkv.exists"}
BATCH = pa.record_batch([pa.array(range(1000)), pa.array(["x"] * 1000)], names=["a", "b"])


def put_batches(client, key, count=1):
    put(client, key, BATCH.schema, [BATCH] * count)


def test_flight_info(client):
    schema = BATCH.schema.with_metadata({"origin": "test"})
    put(client, "info", schema, [BATCH.replace_schema_metadata(schema.metadata)] * 3)
    info = client.get_flight_info(command("info"), call_options())
    assert info.schema.equals(schema, check_metadata=True)
    assert info.descriptor == command("info")
    assert info.total_records == 3000
    assert info.total_bytes >= 3 * BATCH.nbytes
    assert len(info.endpoints) == 1
    assert info.endpoints[0].locations == [], "empty: from this server"
    assert client.do_get(info.endpoints[0].ticket, call_options()).read_all().num_rows == 3000


def test_infos_have_the_figures_of_stat(server, client):
    """So that nobody has to ask for them key by key."""
    for key, count in ("figures/1", 3), ("figures/2", 0):
        put_batches(client, key, count)
        stat = server.action("stat", key=key)
        figures = {name: stat[name]
                   for name in ("batches", "memory_bytes", "etag", "version", "created")}
        assert figures["batches"] == count
        [listed] = client.list_flights(key.encode(), call_options())
        parts = call_options(headers=[(b"flightkv-endpoints", b"2")])
        for info in (listed, client.get_flight_info(command(key), call_options()),
                     client.get_flight_info(command(key), parts)):
            assert json.loads(info.app_metadata) == figures


def test_get_schema(client):
    put_batches(client, "schema")
    schema = client.get_schema(command("schema"), call_options()).schema
    assert schema.equals(BATCH.schema, check_metadata=True)


@pytest.mark.parametrize("pattern, expected", [
    ("list *", {"list a", "list b", "list bb", "list *", "list [x]"}),
    ("list ?", {"list a", "list b", "list *"}),
    ("list [a-b]", {"list a", "list b"}),
    ("list [^a]", {"list b", "list *"}),
    ("list \\*", {"list *"}),
    ("list \\[x\\]", {"list [x]"}),
    ("list b", {"list b"}),
    ("list", set()),
    ("*bb", {"list bb"}),
])
def test_list_flights_by_glob(client, pattern, expected):
    for key in ("list a", "list b", "list bb", "list *", "list [x]"):
        put_batches(client, key)
    infos = list(client.list_flights(pattern.encode(), call_options()))
    assert {info.descriptor.command.decode() for info in infos} == expected
    assert len(infos) == len(expected)


def test_list_all_flights(start_server):
    """More than the server lists in one step; a listed ticket is good for a get."""
    with start_server().connect() as client:
        assert list(client.list_flights(b"", call_options())) == []
        for i in range(300):
            put_batches(client, f"{i}")
        infos = list(client.list_flights(b"", call_options()))
        assert sorted(int(info.descriptor.command) for info in infos) == list(range(300))
        assert all(info.total_records == 1000 and info.schema == BATCH.schema for info in infos)
        assert_same(BATCH.schema, [BATCH], get(client, infos[7].endpoints[0].ticket))


def test_list_actions(client):
    actions = client.list_actions(call_options())
    assert {action.type for action in actions} == ACTIONS
    assert all(action.description for action in actions)


def test_drop_dataset(client):
    put_batches(client, "dropped")
    assert list(client.do_action(fl.Action("drop_dataset", b"dropped"), call_options())) == []
    with pytest.raises(pa.ArrowKeyError, match="dropped"):
        get(client, "dropped")


def test_a_reader_keeps_what_was_dropped(client):
    batch = pa.record_batch([pa.array(range(200_000))], names=["a"])
    put(client, "kept", batch.schema, [batch] * 40)
    reader = client.do_get(fl.Ticket("kept"), call_options())
    reader.read_chunk()
    list(client.do_action(fl.Action("drop_dataset", b"kept"), call_options()))
    assert reader.read_all().num_rows == 39 * batch.num_rows


def test_ping_and_version(server):
    assert server.action("ping")["ok"] is True
    version = server.action("version")
    assert version["name"] == "flightkv" and re.fullmatch(r"\d+\.\d+\.\d+", version["version"])


def test_stat_exists_and_delete(server, client):
    put_batches(client, "stat", 2)
    stat = server.action("stat", key="stat")
    assert stat["key"] == "stat" and stat["rows"] == 2000 and stat["batches"] == 2
    assert stat["bytes"] >= 2 * BATCH.nbytes and re.fullmatch("[0-9a-f]{32}", stat["etag"])
    assert server.action("exists", key="stat") == {"key": "stat", "exists": True}
    assert server.action("delete", key="stat") == {"key": "stat", "deleted": True}
    assert server.action("delete", key="stat") == {"key": "stat", "deleted": False}
    assert server.action("exists", key="stat") == {"key": "stat", "exists": False}
    with pytest.raises(pa.ArrowKeyError, match="stat"):
        server.action("stat", key="stat")


def test_a_key_that_is_not_text_in_json(server, client):
    put_batches(client, b"\xff\x01")
    assert server.action("stat", key_b64="/wE=")["key_b64"] == "/wE="
    assert server.action("delete", key_b64="/wE=") == {"key_b64": "/wE=", "deleted": True}


def test_equal_tables_have_equal_etags(server, client):
    put_batches(client, "etag 1", 2)
    put_batches(client, "etag 2", 2)
    put_batches(client, "etag 3", 3)
    etags = [server.action("stat", key=f"etag {i}")["etag"] for i in (1, 2, 3)]
    assert etags[0] == etags[1] != etags[2]


def test_stats_count_tables(start_server):
    server = start_server()
    before = server.stats()
    with server.connect() as client:
        put_batches(client, "stats", 4)
        after = server.stats()
    assert before["keys"] == 0 and after["keys"] == 1
    assert after["table_bytes"] >= 4 * BATCH.nbytes
    assert after["memory_used_bytes"] >= after["table_bytes"]
    assert after["memory_limit_bytes"] >= after["memory_used_bytes"]
    assert after["puts_open"] == 0


@pytest.mark.parametrize("body", [b'{', b'[]', b'{"key": 1}', b'\xff', b'{}', b'{"key_b64": "?"}',
                                  b'{"key": "a", "key_b64": "YQ=="}'])
def test_bad_json_is_refused(client, body):
    with pytest.raises(pa.ArrowInvalid, match="flightkv.stat"):
        list(client.do_action(fl.Action("flightkv.stat", body), call_options()))


def test_an_unknown_member_of_an_action_is_named(client):
    with pytest.raises(pa.ArrowNotImplementedError, match="flightkv.stat.*'kee'"):
        list(client.do_action(fl.Action("flightkv.stat", b'{"kee": "a"}'), call_options()))


def test_an_unknown_action_is_named(client):
    with pytest.raises(pa.ArrowNotImplementedError, match="flightkv.nonsense"):
        list(client.do_action(fl.Action("flightkv.nonsense", b""), call_options()))


def test_handshake_is_not_implemented(client):
    with pytest.raises(pa.ArrowNotImplementedError):
        client.authenticate_basic_token(b"user", b"password", call_options())


@pytest.mark.parametrize("name", [b"flightkv-ttl", b"flightkv-if", b"flightkv-nonsense"])
def test_a_call_option_that_is_not_built_is_refused_by_name(client, name):
    put_batches(client, "options")
    options = call_options(headers=[(name, b"1")])
    with pytest.raises(pa.ArrowNotImplementedError, match=name.decode()):
        client.do_get(fl.Ticket("options"), options).read_all()
    with pytest.raises(pa.ArrowNotImplementedError, match=name.decode()):
        put(client, "options", BATCH.schema, [BATCH], options=options)
    with pytest.raises(pa.ArrowNotImplementedError, match=name.decode()):
        client.get_flight_info(command("options"), options)


def test_in_the_terms_of_r(client):
    """What the R package does: PATH descriptors for put and get, a ticket from GetFlightInfo, and
    paths from ListFlights."""
    table = pa.Table.from_batches([BATCH, BATCH.slice(10, 5)])
    writer, _ = client.do_put(path("r", "mtcars"), table.schema, call_options())
    writer.write_table(table)
    writer.close()
    paths = [info.descriptor.path for info in client.list_flights(b"r/*", call_options())]
    assert paths == [[b"r", b"mtcars"]]
    info = client.get_flight_info(path("r", "mtcars"), call_options())
    assert info.endpoints[0].ticket.ticket == b"r/mtcars"
    assert client.do_get(info.endpoints[0].ticket, call_options()).read_all().equals(table)
    writer, _ = client.do_put(path("r", "mtcars"), table.schema, call_options())
    writer.write_table(table.slice(0, 7))
    writer.close()
    assert client.do_get(info.endpoints[0].ticket, call_options()).read_all().num_rows == 7


def test_json_may_have_any_blanks(client):
    body = json.dumps({"key": "nobody"}, indent=4).encode()
    result, = client.do_action(fl.Action("flightkv.exists", body), call_options())
    assert json.loads(result.body.to_pybytes()) == {"key": "nobody", "exists": False}
