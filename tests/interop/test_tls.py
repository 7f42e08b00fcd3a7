# SPDX-License-Identifier: Apache-2.0
"""TLS: the stock client and our own, with a private authority, client certificates, and without."""

import datetime
import re
import socket
import ssl
import subprocess

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from server_process import PROGRAM, ROOT, call_options

TABLE = pa.table({"n": pa.array(range(1_000_000), pa.int64())})
LISTEN = "grpc+tls://localhost:0"


class Authority:
    """An authority of its own, and the certificates that it signs, made by the openssl command."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.pem = folder / "ca.pem"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", "ca.key", "-out", self.pem, "-subj", "/CN=authority")

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def sign(self, name, names="DNS:localhost,IP:127.0.0.1,IP:::1", *options):
        """Gives the paths of certificate and key."""
        pem, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        (self.folder / "names").write_text(f"subjectAltName={names}")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", key, "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", self.pem, "-CAkey", "ca.key",
                     "-CAcreateserial", "-extfile", "names", "-out", pem, *options)
        return pem, key

    def sign_expired(self, name):
        """The x509 command signs from now on only; the ca command takes dates."""
        pem, key = self.sign(name)
        (self.folder / "index.txt").write_text("")
        (self.folder / "serial").write_text("01")
        (self.folder / "ca.conf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\n"
            "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
        year = datetime.date.today().year - 2
        self.openssl("ca", "-batch", "-config", "ca.conf", "-in", f"{name}.csr", "-cert", self.pem,
                     "-keyfile", "ca.key", "-out", pem, "-notext", "-extfile", "names",
                     "-startdate", f"{year}0101000000Z", "-enddate", f"{year}0201000000Z")
        return pem, key


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"))


def identity(pair, prefix="tls"):
    return [f"--{prefix}-cert", str(pair[0]), f"--{prefix}-key", str(pair[1])]


@pytest.fixture
def tls_server(start_server, authority):
    def start(*options, pair=None):
        return start_server(*identity(pair or authority.sign("server")), *options, listen=LISTEN)
    return start


def put_and_get(client):
    writer, _ = client.do_put(fl.FlightDescriptor.for_command("k"), TABLE.schema, call_options())
    with writer:
        writer.write_table(TABLE)
    assert client.do_get(fl.Ticket("k"), call_options()).read_all().equals(TABLE)


def run(server, *words):
    return subprocess.run([ROOT / PROGRAM, *words, "--server", server.uri], capture_output=True,
                          text=True, timeout=60)


def refusal(server, *words):
    answer = run(server, "ping", *words)
    assert answer.returncode == 1
    return answer.stderr


def test_private_authority(tls_server, authority):
    server = tls_server()
    with server.connect(tls_root_certs=authority.pem.read_bytes()) as client:
        put_and_get(client)
    assert run(server, "ls", "--tls-ca", authority.pem).stdout.split("\t")[0] == "k"
    got = run(server, "info", "k", "--tls-ca", authority.pem)
    assert got.returncode == 0, got.stderr
    load = run(server, "bench", "--tls-ca", authority.pem, "--keys", "5", "--count", "500", "-P",
               "16", "--verify")
    assert load.returncode == 0, load.stderr


def test_without_verification(tls_server):
    server = tls_server()
    with server.connect(disable_server_verification=True) as client:
        put_and_get(client)
    assert run(server, "ping", "--tls-insecure").returncode == 0


def test_client_certificates(tls_server, authority, stranger):
    server = tls_server("--tls-client-ca", str(authority.pem))
    pem, key = authority.sign("client")
    with server.connect(tls_root_certs=authority.pem.read_bytes(),
                        cert_chain=pem.read_bytes(), private_key=key.read_bytes()) as client:
        put_and_get(client)
    with server.connect(tls_root_certs=authority.pem.read_bytes()) as client:
        with pytest.raises(fl.FlightUnavailableError):
            list(client.list_flights(options=call_options()))
    ca = ["--tls-ca", str(authority.pem)]
    assert run(server, "ls", *ca, *identity((pem, key))).stdout.split("\t")[0] == "k"
    demand = refusal(server, *ca)
    assert "demands a client certificate; name one by --tls-cert FILE" in demand
    unknown = refusal(server, *ca, *identity(stranger.sign("client")))
    assert "the peer does not know the authority of this side's certificate" in unknown
    expired = refusal(server, *ca, *identity(authority.sign_expired("old")))
    assert "the peer finds this side's certificate expired" in expired
    assert re.search(r'event=connection-untrusted peer=\S+ reason="the client shows no certificate',
                     server.log_text())


def test_users(tls_server, authority, tmp_path):
    """Without client certificates: the password goes over TLS, on each connection of a get."""
    made = subprocess.run([ROOT / PROGRAM, "passwd", "ann"], input=b"secret", capture_output=True,
                          check=True, timeout=60)
    users, password = tmp_path / "users", tmp_path / "password"
    for path, content in ((users, made.stdout), (password, b"secret\n")):
        path.write_bytes(content)
        path.chmod(0o600)
    server = tls_server("--auth-file", str(users))
    with server.connect(tls_root_certs=authority.pem.read_bytes()) as client:
        with pytest.raises(fl.FlightUnauthenticatedError):
            list(client.list_flights(options=call_options()))
        token = client.authenticate_basic_token("ann", "secret", call_options())
        options = fl.FlightCallOptions(timeout=60, headers=[token])
        writer, _ = client.do_put(fl.FlightDescriptor.for_command("k"), TABLE.schema, options)
        with writer:
            writer.write_table(TABLE, max_chunksize=100_000)
    ca, out = ["--tls-ca", str(authority.pem)], tmp_path / "k.arrow"
    login = ["--user", "ann", "--password-file", str(password)]
    for part, expected in ([], TABLE), (["--rows", "77:150077"], TABLE.slice(77, 150000)):
        got = run(server, "get", "k", "-o", str(out), "--streams", "3", "--transport",
                  "tcp", *part, *ca, *login)
        assert got.returncode == 0, got.stderr
        with pa.ipc.open_file(out) as file:
            assert file.read_all().equals(expected)
    assert "give --user NAME" in run(server, "ls", *ca).stderr
    assert "--user" not in refusal(server)


def test_columns_over_several_connections(tls_server, authority, tmp_path):
    server, out = tls_server(), tmp_path / "k.arrow"
    table = TABLE.append_column("text", TABLE["n"].cast(pa.string()))
    with server.connect(tls_root_certs=authority.pem.read_bytes()) as client:
        writer, _ = client.do_put(fl.FlightDescriptor.for_command("k"), table.schema,
                                  call_options())
        with writer:
            writer.write_table(table, max_chunksize=50_000)
    before = {line.split("\t")[0]: line.split("\t")[1]
              for line in run(server, "stats", "--tls-ca", authority.pem).stdout.splitlines()}
    for columns, rows in ("text", None), ("text,n", "77:750077"):
        got = run(server, "get", "k", "-o", out, "--streams", "3", "--columns", columns,
                  "--transport", "tcp",
                  *(["--rows", rows] if rows else []), "--tls-ca", authority.pem)
        assert got.returncode == 0, got.stderr
        with pa.ipc.open_file(out) as file:
            expected = table.slice(77, 750_000) if rows else table
            assert file.read_all().equals(expected.select(columns.split(",")))
    after = {line.split("\t")[0]: line.split("\t")[1]
             for line in run(server, "stats", "--tls-ca", authority.pem).stdout.splitlines()}
    assert int(after["connections_total"]) - int(before["connections_total"]) == 2 * (1 + 3) + 1


@pytest.mark.parametrize("what, sentence", [
    ("expired", "the server's certificate has expired"),
    ("other host", "the server's certificate is not for 'localhost'"),
    ("unknown authority", "comes from an authority that is not known here"),
])
def test_server_certificates_that_are_refused(tls_server, authority, stranger, what, sentence):
    pair = {"expired": lambda: authority.sign_expired("late"),
            "other host": lambda: authority.sign("other", "DNS:elsewhere.example.org"),
            "unknown authority": lambda: stranger.sign("server")}[what]()
    server = tls_server(pair=pair)
    said = refusal(server, "--tls-ca", str(authority.pem))
    assert sentence in said and ("--tls-ca FILE" in said) == (what == "unknown authority")
    with server.connect(tls_root_certs=authority.pem.read_bytes()) as client:
        with pytest.raises(fl.FlightUnavailableError):
            list(client.list_flights(options=call_options()))


def test_plain_and_tls_mixed_up(tls_server, start_server):
    plain, tls = start_server(), tls_server()
    plain.uri = plain.uri.replace("tcp", "tls")
    tls.uri = tls.uri.replace("tls", "tcp")
    assert "speaks no TLS" in refusal(plain, "--tls-insecure")
    assert "speaks TLS" in refusal(tls)
    plain.uri = plain.uri.replace("tls", "tcp")
    tls.uri = tls.uri.replace("tcp", "tls")


def shake_hands(server, protocols, version=None):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(protocols)
    if version:
        context.maximum_version = version
    port = int(server.uri.rsplit(":", 1)[1])
    with socket.create_connection(("localhost", port), 30) as raw:
        with context.wrap_socket(raw) as tls:
            return tls.selected_alpn_protocol(), tls.version(), tls.cipher()[0], tls.recv(9)


@pytest.mark.filterwarnings("ignore:.*TLSv1_1:DeprecationWarning")
def test_protocols(tls_server):
    server = tls_server()
    settings = b"\x04"  # the type of the frame that opens HTTP/2
    protocol, version, _, first = shake_hands(server, ["http/1.1", "h2"])
    assert (protocol, version, first[3:4]) == ("h2", "TLSv1.3", settings)
    protocol, version, cipher, first = shake_hands(server, ["h2"], ssl.TLSVersion.TLSv1_2)
    assert (protocol, version, first[3:4]) == ("h2", "TLSv1.2", settings)
    assert cipher.startswith("ECDHE-") and "GCM" in cipher
    with pytest.raises(ssl.SSLError):
        shake_hands(server, ["http/1.1"])
    assert shake_hands(server, None)[3] == b""
    with pytest.raises((ssl.SSLError, OSError)):
        shake_hands(server, ["h2"], ssl.TLSVersion.TLSv1_1)


def test_a_handshake_that_does_not_end(tls_server):
    server = tls_server("--handshake-timeout", "200ms")
    port = int(server.uri.rsplit(":", 1)[1])
    for said in (b"", b"\x16\x03\x01\x02\x00\x01"):
        with socket.create_connection(("localhost", port), 30) as raw:
            raw.sendall(said)
            assert raw.recv(1) == b""
    assert "limit=handshake-timeout" in server.log_text()


def test_files_that_cannot_be_used(authority):
    pem, key = authority.sign("server")
    _, other_key = authority.sign("other")
    cases = [((authority.folder / "absent", key), "absent' can't be used (No such file"),
             ((key, key), "expected a certificate in PEM"),
             ((pem, other_key), "expected the certificate's key in PEM")]
    for pair, sentence in cases:
        refused = subprocess.run([ROOT / PROGRAM, "serve", "--listen", LISTEN, *identity(pair)],
                                 capture_output=True, text=True, timeout=30)
        assert refused.returncode == 2 and sentence in refused.stderr


def test_the_certificate_of_the_docs(start_server, tmp_path):
    """The commands of docs/OPERATIONS.md, as they stand there."""
    text = (ROOT / "docs/OPERATIONS.md").read_text()
    [recipe] = re.findall(r"(?m)^    openssl req -x509.*\\\n.*$", text)
    subprocess.run(["bash", "-ec", recipe], cwd=tmp_path, check=True, capture_output=True)
    server = start_server("--tls-cert", str(tmp_path / "server.pem"),
                          "--tls-key", str(tmp_path / "server.key"), listen=LISTEN)
    asked = [ROOT / PROGRAM, "ping", "--server", server.uri, "--timeout", "20s"]
    trusting = subprocess.run([*asked, "--tls-ca", tmp_path / "server.pem"], timeout=60)
    assert trusting.returncode == 0
    assert subprocess.run(asked, capture_output=True, timeout=60).returncode == 1
