# SPDX-License-Identifier: Apache-2.0
"""Arrow's Flight integration tests: our conformance programs, built against the installed package
as a stranger builds them, with those of arrow-go, and with pyarrow where arrow-go lacks a scenario.

arrow-go's programs are made by `go install` when Go is here and its modules can be had; else those
tests are skipped, and say so. FLIGHTKV_GO_CONFORMANCE names a folder that has them already.

JSON mode runs with the JSON files of Arrow's own test data (FKV_GOLDEN), and with tables that
arrow_json.py writes. Of a table our client and the programs with Arrow C++ read the IPC stream that
lies beside the JSON: they have no JSON reader. arrow-go's client doesn't look at all that it gets,
and its programs lack some types; those with Arrow C++ compare everything.

    pytest tests/interop/test_conformance.py --write-conformance     writes docs/PROTOCOL.md's table
"""

import gzip
import os
import re
import select
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as fl
import pytest

import arrow_json
from server_process import CALL_TIMEOUT_S, PROGRAM, ROOT, START_TIMEOUT_S

BUILD = (ROOT / PROGRAM).parent
GOLDEN = Path(os.environ.get("FKV_GOLDEN", ROOT.parent / "shared/golden"))
GO_PACKAGE = "github.com/apache/arrow-go/v18/arrow/internal/flight_integration/cmd"
GO_VERSION = "v18.8.0"
GO_TIMEOUT_S = 600
WARNINGS = ["-std=c17", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]

SCENARIOS = [
    "auth:basic_proto", "middleware", "ordered", "expiration_time:do_get",
    "expiration_time:list_actions", "expiration_time:cancel_flight_info",
    "expiration_time:renew_flight_endpoint", "location:reuse_connection", "session_options",
    "poll_flight_info", "app_metadata_flight_info_endpoint",
]
# arrow-go's integration programs know no JSON of these types.
GO_LACKS = ["decimal32", "decimal64"]
# What isn't a scenario by name.
WITHOUT_NAME = ["session expiry", "JSON mode", *(f"JSON mode, {name}" for name in GO_LACKS)]


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=CALL_TIMEOUT_S,
                          **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


# ---- programs ----

@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """Builds conformance_NAME against the installed package; gives its command."""
    prefix = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", str(BUILD), "--prefix", str(prefix))
    env = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "flightkv", env=env).split()
    library = run("objdump", "-p", str(prefix / "lib/libflightkv.so"))
    sanitizers = ["-fsanitize=address,undefined"] if "libasan" in library else []
    sources = ROOT / "tests/interop"
    built = {}

    def program(name):
        if name not in built:
            built[name] = str(prefix / f"conformance_{name}")
            run("gcc", *WARNINGS, *sanitizers, str(sources / f"conformance_{name}.c"),
                str(sources / "conformance.c"), "-o", built[name], *flags,
                f"-Wl,-rpath,{prefix}/lib")
        return built[name]
    return program


def go_install(name, folder):
    """What went wrong, as a list of no or one text."""
    try:
        done = subprocess.run(["go", "install", f"{GO_PACKAGE}/{name}@{GO_VERSION}"],
                              env={**os.environ, "GOBIN": str(folder)}, capture_output=True,
                              text=True, timeout=GO_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return [f"go install took longer than {GO_TIMEOUT_S} s"]
    return [done.stderr.strip().splitlines()[-1]] if done.returncode != 0 else []


@pytest.fixture(scope="session")
def arrow_go(unavailable):
    """arrow-go's program NAME; skips where it can't be had."""
    folder = Path(os.environ.get("FLIGHTKV_GO_CONFORMANCE", ROOT / "build/conformance-go"))
    failed = []

    def program(name):
        path = folder / f"arrow-flight-integration-{name}"
        if path.exists():
            return str(path)
        if shutil.which("go") is None:
            unavailable("arrow-go", "Go isn't here")
        if not failed:
            failed.extend(go_install(f"arrow-flight-integration-{name}", folder))
        if failed:
            unavailable("arrow-go", failed[0])
        return str(path)
    return program


class Server:
    """A server program of the integration protocol, for one test."""

    def __init__(self, program, scenario=None):
        command = [program, "-port=0"] + ([f"-scenario={scenario}"] if scenario else [])
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)

    def __enter__(self):
        if not select.select([self.process.stdout], [], [], START_TIMEOUT_S)[0]:
            self.process.kill()
            raise AssertionError("the server didn't say where it listens")
        line = self.process.stdout.readline()
        listening = re.fullmatch(r"Server listening on localhost:(\d+)\n", line)
        assert listening, f"{line!r} {self.process.communicate()[1]}"
        self.port = listening.group(1)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        _, errors = self.process.communicate(timeout=START_TIMEOUT_S)
        assert "Sanitizer" not in errors and "runtime error" not in errors, errors


def run_client(program, port, *arguments):
    run(program, "-host=localhost", f"-port={port}", *arguments)


# ---- scenarios ----

@pytest.mark.parametrize("scenario", SCENARIOS)
def test_our_server_with_arrow_go(ours, arrow_go, scenario, conformance):
    client = arrow_go("client")
    with Server(ours("server"), scenario) as server:
        run_client(client, server.port, f"-scenario={scenario}")
    conformance(scenario, "server", "arrow-go")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_our_client_with_arrow_go(ours, arrow_go, scenario, conformance):
    with Server(arrow_go("server"), scenario) as server:
        run_client(ours("client"), server.port, f"-scenario={scenario}")
    conformance(scenario, "client", "arrow-go")


@pytest.mark.parametrize("scenario", [*SCENARIOS, "do_exchange:echo"])
def test_our_own_two_halves(ours, scenario):
    with Server(ours("server"), scenario) as server:
        run_client(ours("client"), server.port, f"-scenario={scenario}")


# ---- Arrow C++'s client, for what pyarrow doesn't wrap ----

CPP_SCENARIOS = {
    "poll_flight_info": "poll_flight_info", "session_options": "session_options",
    "session expiry": "session_options", "do_exchange:echo": "do_exchange:echo",
    "expiration_time:do_get": "expiration_time:do_get",
    "expiration_time:cancel_flight_info": "expiration_time:cancel_flight_info",
    "expiration_time:renew_flight_endpoint": "expiration_time:renew_flight_endpoint",
}


@pytest.fixture(scope="session")
def arrow_cpp(tmp_path_factory, unavailable):
    """Builds arrow_cpp_NAME with the headers and libraries that pyarrow brings; gives its path."""
    if shutil.which("g++") is None:
        unavailable("Arrow C++", "g++ isn't here")
    folder = Path(pa.get_library_dirs()[0])
    libraries = [str(next(folder.glob(f"lib{name}.so.*"))) for name in ("arrow_flight", "arrow")]
    built = {}

    def program(name):
        if name not in built:
            path = str(tmp_path_factory.mktemp("cpp") / f"arrow_cpp_{name}")
            run("g++", "-std=c++20", "-Wall", "-Wextra", "-isystem", pa.get_include(),
                str(ROOT / f"tests/interop/arrow_cpp_{name}.cc"), "-o", path, *libraries,
                f"-Wl,-rpath,{folder}")
            built[name] = path
        return built[name]
    return program


@pytest.mark.parametrize("scenario", CPP_SCENARIOS)
def test_our_server_with_arrow_cpp(ours, arrow_cpp, scenario, conformance):
    with Server(ours("server"), CPP_SCENARIOS[scenario]) as server:
        run(arrow_cpp("client"), f"grpc+tcp://localhost:{server.port}", scenario)
    conformance(scenario, "server", "Arrow C++")


@pytest.mark.parametrize("scenario", ["cache", "cache session"])
def test_the_cache_with_arrow_cpp(arrow_cpp, server, scenario):
    run(arrow_cpp("client"), server.uri, scenario)


# ---- sessions that are over, with pyarrow ----

class Cookies(fl.ClientMiddlewareFactory):
    """Sends a cookie, and keeps those that come."""

    def __init__(self):
        super().__init__()
        self.sent, self.received = None, []

    def start_call(self, info):
        return CookieMiddleware(self)


class CookieMiddleware(fl.ClientMiddleware):
    def __init__(self, factory):
        super().__init__()
        self.factory = factory

    def sending_headers(self):
        return {"cookie": self.factory.sent} if self.factory.sent else {}

    def received_headers(self, headers):
        self.factory.received += headers.get("set-cookie", [])


def test_a_closed_session_is_over_with_pyarrow(ours, conformance):
    cookies = Cookies()
    with Server(ours("server"), "session_options") as server, \
            fl.connect(f"grpc+tcp://localhost:{server.port}", middleware=[cookies]) as client:
        list(client.do_action("GetSessionOptions"))
        first = cookies.received.pop()
        cookies.sent = first
        list(client.do_action("GetSessionOptions"))
        assert cookies.received == []
        list(client.do_action("CloseSession"))
        assert cookies.received.pop().endswith("Max-Age=0")
        with pytest.raises(KeyError, match="no such session"):
            list(client.do_action("GetSessionOptions"))
        cookies.sent = None
        list(client.do_action("GetSessionOptions"))
        assert cookies.received.pop() != first
    conformance("session expiry", "server", "pyarrow")


# ---- do_exchange:echo, which arrow-go hasn't, with pyarrow ----

def test_echo_with_pyarrow_client(ours, conformance):
    with Server(ours("server"), "do_exchange:echo") as server, \
            fl.connect(f"grpc+tcp://localhost:{server.port}") as client:
        descriptor = fl.FlightDescriptor.for_command(b"echo")
        writer, reader = client.do_exchange(descriptor)
        schema = pa.schema([pa.field("x", pa.int32(), nullable=False)])
        writer.begin(schema)
        for i in range(4):
            batch = pa.record_batch([pa.array([i, i + 1, i + 2], pa.int32())], schema=schema)
            if i % 2 == 0:
                writer.write_with_metadata(batch, str(i).encode())
            else:
                writer.write_batch(batch)
            back = reader.read_chunk()
            assert back.data.equals(batch)
            expected = str(i).encode() if i % 2 == 0 else None
            assert (back.app_metadata and back.app_metadata.to_pybytes()) == expected
        writer.done_writing()
        with pytest.raises(StopIteration):
            reader.read_chunk()
        writer.close()
    conformance("do_exchange:echo", "server", "pyarrow")


class EchoServer(fl.FlightServerBase):
    def do_exchange(self, context, descriptor, reader, writer):
        assert descriptor.command == b"echo"
        begun = False
        for chunk in reader:
            if not begun:
                writer.begin(chunk.data.schema)
                begun = True
            if chunk.app_metadata is not None:
                writer.write_with_metadata(chunk.data, chunk.app_metadata)
            else:
                writer.write_batch(chunk.data)


def test_echo_with_pyarrow_server(ours, conformance):
    with EchoServer("grpc://localhost:0") as server:
        run_client(ours("client"), server.port, "-scenario=do_exchange:echo")
    conformance("do_exchange:echo", "client", "pyarrow")


# ---- JSON mode ----

def golden_tables():
    """(name, JSON file, IPC stream) of Arrow's own test data, where it is."""
    for file in sorted(GOLDEN.glob("cpp-21.0.0/generated_*.json.gz")):
        name = file.name.removeprefix("generated_").removesuffix(".json.gz")
        yield name, file, file.with_name(f"generated_{name}.stream")


TABLES = [*golden_tables(),
          *((name, None, None) for name in arrow_json.TABLES)]


@pytest.fixture
def json_table(request, tmp_path):
    """TABLE.json, with TABLE.stream beside it."""
    name, file, stream = request.param
    path = tmp_path / f"{name}.json"
    if file is None:
        arrow_json.write(arrow_json.TABLES[name], path)
    else:
        path.write_bytes(gzip.decompress(file.read_bytes()))
        shutil.copy(stream, path.with_suffix(".stream"))
    return path


def every_table(test):
    ids = [("golden-" if file else "own-") + name for name, file, _ in TABLES]
    return pytest.mark.parametrize("json_table", TABLES, indirect=True, ids=ids)(test)


def json_mode(path):
    """What it is called in the table: types that arrow-go lacks have lines of their own."""
    return f"JSON mode, {path.stem}" if path.stem in GO_LACKS else "JSON mode"


def skip_what_go_lacks(path):
    if path.stem in GO_LACKS:
        pytest.skip(f"arrow-go has no JSON of {path.stem}; Arrow C++ takes its place")


@every_table
def test_json_our_server_with_arrow_go(ours, arrow_go, json_table, conformance):
    skip_what_go_lacks(json_table)
    client = arrow_go("client")
    with Server(ours("server")) as server:
        run_client(client, server.port, f"-path={json_table}")
    conformance(json_mode(json_table), "server", "arrow-go")


@every_table
def test_json_our_client_with_arrow_go(ours, arrow_go, json_table, conformance):
    skip_what_go_lacks(json_table)
    with Server(arrow_go("server")) as server:
        run_client(ours("client"), server.port, f"-path={json_table}")
    conformance(json_mode(json_table), "client", "arrow-go")


@every_table
def test_json_our_server_with_arrow_cpp(ours, arrow_cpp, json_table, conformance):
    with Server(ours("server")) as server:
        run(arrow_cpp("client"), f"grpc+tcp://localhost:{server.port}", "json", str(json_table))
    conformance(json_mode(json_table), "server", "Arrow C++")


@every_table
def test_json_the_cache_with_arrow_cpp(arrow_cpp, server, json_table):
    run(arrow_cpp("client"), server.uri, "json", str(json_table))


@every_table
def test_json_our_client_with_arrow_cpp(ours, arrow_cpp, json_table, conformance):
    with Server(arrow_cpp("server")) as server:
        run_client(ours("client"), server.port, f"-path={json_table}")
    conformance(json_mode(json_table), "client", "Arrow C++")


@every_table
def test_json_our_own_two_halves(ours, json_table):
    with Server(ours("server")) as server:
        run_client(ours("client"), server.port, f"-path={json_table}")


# ---- the table in docs/PROTOCOL.md ----

class Findings:
    """What has passed, with whom, and who couldn't be had."""

    def __init__(self):
        self.passed, self.missing = {}, {}

    def note(self, scenario, half, peer):
        peers = self.passed.setdefault((scenario, half), {})
        peers[peer] = peers.get(peer, 0) + 1

    def cell(self, scenario, half):
        peers = self.passed.get((scenario, half), {})
        shown = [f"{peer}, {count} tables" if count > 1 else peer for peer, count in peers.items()]
        return "; ".join(shown) or "-"

    def table(self):
        names = [*SCENARIOS, "do_exchange:echo", *WITHOUT_NAME]
        rows = ["| scenario | our server, with the client of | our client, with the server of |",
                "|---|---|---|"]
        for name in names:
            shown = name if name in WITHOUT_NAME else f"`{name}`"
            rows.append(f"| {shown} | {self.cell(name, 'server')} | {self.cell(name, 'client')} |")
        rows += [f"\nNot run with {peer}: {why}." for peer, why in self.missing.items()]
        return "\n".join(rows)


@pytest.fixture(scope="session")
def findings(request):
    """With --write-conformance the table is written at the end, if nothing has failed."""
    findings = Findings()
    yield findings
    if request.config.getoption("--write-conformance"):
        assert request.session.testsfailed == 0, "the table isn't written: tests failed"
        path = ROOT / "docs/PROTOCOL.md"
        text = re.sub(r"(<!-- conformance -->\n).*?(<!-- end -->)",
                      lambda found: f"{found[1]}{findings.table()}\n{found[2]}",
                      path.read_text(), flags=re.S)
        path.write_text(text)


@pytest.fixture(scope="session")
def conformance(findings):
    return findings.note


@pytest.fixture(scope="session")
def unavailable(findings):
    """Skips the test because a peer's programs can't be built, and has the table say so."""
    def skip(peer, why):
        findings.missing[peer] = why
        pytest.skip(f"{peer}'s conformance programs can't be built: {why}")
    return skip
