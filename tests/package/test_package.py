# SPDX-License-Identifier: Apache-2.0
"""The installed package as a stranger meets it: found by pkg-config, linked either way, and showing
nothing but fkv_ functions. For the release build; FLIGHTKV_PROGRAM says where it is."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as fl
import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("FLIGHTKV_PROGRAM", "build/release/flightkv")).parent
WARNINGS = ["-std=c17", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", str(BUILD), "--prefix", str(prefix))
    return prefix


def declared_functions():
    headers = (ROOT / "include/flightkv").glob("*.h")
    text = re.sub(r"/\*.*?\*/", "", "".join(header.read_text() for header in headers), flags=re.S)
    return set(re.findall(r"^FKV_API[^(;]*?(\w+)\(", text, re.M))


@pytest.mark.parametrize("library, kind", [("libflightkv.so", "-D"), ("libflightkv.a", "-g")])
def test_exactly_what_the_headers_declare_is_exported(prefix, library, kind):
    file = str(prefix / "lib" / library)
    listed = run("nm", kind, "--defined-only", "--format=posix", file)
    symbols = {line.split()[0] for line in listed.splitlines() if " " in line}
    assert symbols == declared_functions()


def test_what_is_installed(prefix):
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir()}
    for name in ("bin/flightkv", "include/flightkv/flightkv.h", "include/flightkv/status.h",
                 "include/flightkv/flight.h", "include/flightkv/arrow_abi.h",
                 "lib/libflightkv.a", "lib/libflightkv.so", "lib/libflightkv.so.0",
                 "lib/flightkv/flightkv_formats.so",
                 "lib/pkgconfig/flightkv.pc", "lib/cmake/flightkv/flightkvConfig.cmake",
                 "lib/systemd/system/flightkv.service", "share/man/man1/flightkv.1",
                 "share/bash-completion/completions/flightkv",
                 "share/zsh/site-functions/_flightkv",
                 "share/fish/vendor_completions.d/flightkv.fish"):
        assert name in files
    version = run(str(prefix / "bin/flightkv"), "--version", env={})
    assert re.fullmatch(r"flightkv \d+\.\d+\.\d+\n", version)


def test_the_systemd_unit_is_one(prefix, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    unit = (prefix / "lib/systemd/system/flightkv.service").read_text()
    assert "/usr/bin/flightkv serve" in unit
    checked = tmp_path / "flightkv.service"
    checked.write_text(unit.replace("/usr/bin/flightkv", str(prefix / "bin/flightkv")))
    done = subprocess.run(["systemd-analyze", "verify", str(checked)], capture_output=True,
                          text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")  # a key that it doesn't know is only warned of


def test_no_path_of_this_machine_is_installed(prefix):
    for file in prefix.rglob("*"):
        if file.is_file() and file.suffix not in (".h", ".a"):
            dynamic = run("objdump", "-p", str(file)) if ".so" in file.name else ""
            assert str(ROOT) not in dynamic, file


@pytest.mark.parametrize("header", ["flightkv.h", "flight.h", "status.h", "arrow_abi.h"])
@pytest.mark.parametrize("compiler", [["gcc", *WARNINGS, "-xc"], ["g++", "-std=c++17", "-xc++"]],
                         ids=["C", "C++"])
def test_each_header_stands_alone(prefix, compiler, header):
    run(*compiler, "-fsyntax-only", f"-I{prefix}/include", "-",
        input=f"#include <flightkv/{header}>\n#include <flightkv/{header}>\n")


@pytest.fixture(params=["shared", "static"])
def build_example(request, prefix, tmp_path):
    """Builds an example by what pkg-config says; gives its command with its environment."""
    env = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    static = request.param == "static"

    def build(name):
        flags = run("pkg-config", "--cflags", "--libs", *(["--static"] if static else []),
                    "flightkv", env=env).split()
        if static:
            flags = [f if f != "-lflightkv" else "-l:libflightkv.a" for f in flags]
        program = tmp_path / name
        run("gcc", *WARNINGS, str(ROOT / f"examples/{name}.c"), "-o", str(program), *flags)
        linked = "libflightkv.so" in run("objdump", "-p", str(program))
        assert linked != static
        return [str(program)], {**os.environ, "LD_LIBRARY_PATH": str(prefix / "lib")}
    return build


@pytest.mark.parametrize("folder", ["lib", "lib64", "lib/x86_64-linux-gnu"])
def test_pkg_config_finds_the_library_where_the_system_puts_it(tmp_path, folder):
    build, prefix = tmp_path / "build", tmp_path / "prefix"
    run("cmake", "-S", str(ROOT), "-B", str(build), "-DFKV_TESTS=OFF",
        f"-DCMAKE_INSTALL_LIBDIR={folder}")
    modules = prefix / folder / "pkgconfig"
    modules.mkdir(parents=True)
    shutil.copy(build / "flightkv.pc", modules)
    env = {**os.environ, "PKG_CONFIG_PATH": str(modules)}
    for variable, expected in (("libdir", folder), ("includedir", "include")):
        found = run("pkg-config", f"--variable={variable}", "flightkv", env=env).strip()
        assert Path(found).resolve() == prefix / expected


def test_the_examples_by_cmake(prefix, tmp_path):
    run("cmake", "-S", str(ROOT / "examples"), "-B", str(tmp_path),
        f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror")
    run("cmake", "--build", str(tmp_path))
    said = subprocess.run([str(tmp_path / "client")], capture_output=True, text=True)
    assert said.returncode == 2 and said.stderr.startswith("usage:")


def test_the_debian_package(tmp_path):
    """What it holds and needs; it is built from the build that is tested."""
    if shutil.which("dpkg-shlibdeps") is None:
        pytest.skip("dpkg-dev isn't here")
    run("cpack", "--config", str(BUILD / "CPackConfig.cmake"), "-B", str(tmp_path))
    package, = tmp_path.glob("flightkv_*.deb")
    fields = run("dpkg-deb", "--field", str(package))
    for library in ("libc6", "libnghttp2-14", "libuv1", "libssl3"):
        assert re.search(rf"^Depends:.*\b{library}", fields, re.M), fields
    run("dpkg-deb", "--extract", str(package), str(tmp_path / "root"))
    program = tmp_path / "root/usr/bin/flightkv"
    assert run(str(program), "--version") == f"flightkv {version()}\n"
    assert (tmp_path / "root/usr/lib/systemd/system/flightkv.service").exists()


def version():
    return re.search(r"project\(flightkv VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]


def test_the_examples(build_example, tmp_path):
    table = pa.table({"a": pa.array(range(10_000)), "b": ["text"] * 10_000})
    file = tmp_path / "table.arrow"
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)

    command, env = build_example("server")
    server = subprocess.Popen([*command, "grpc+tcp://localhost:0"], env=env,
                              stdout=subprocess.PIPE, text=True)
    try:
        uri = server.stdout.readline().split()[-1]
        command, env = build_example("client")
        said = run(*command, uri, "example", str(file), env=env)
        assert said == "put 10000 rows in 10 batches\ngot 10000 rows\n"
        with fl.connect(uri) as client:
            assert client.do_get(fl.Ticket("example")).read_all().equals(table)
        with pa.ipc.new_file(tmp_path / "one.arrow", table.schema) as writer:
            writer.write_table(table)
        said = run(*command, uri, "example", str(tmp_path / "one.arrow"), env=env)
        assert said.startswith("put 10000 rows in 1 batch\n")
        bad = subprocess.run([*command, uri, "example", "no such file"], env=env, text=True,
                             capture_output=True)
        assert bad.returncode == 1 and "no such file" in bad.stderr
    finally:
        server.send_signal(signal.SIGTERM)
        rest, _ = server.communicate(timeout=30)
    assert server.returncode == 0
    assert rest == "\nStopping the server...\nServer stopped...\n"
    gone = subprocess.run([*command, uri, "example", str(file)], env=env, text=True,
                          capture_output=True)
    assert gone.returncode == 1 and '; start a server with "flightkv serve"' in gone.stderr
