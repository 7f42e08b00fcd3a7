# SPDX-License-Identifier: Apache-2.0
"""The programs of docs/CLIENTS.md, taken from the page and run as it says. A program is skipped
where its toolchain, or what it fetches, isn't."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from server_process import ROOT
from this_build import BUILD, preload, sanitizer_flags

PAGE = (ROOT / "docs/CLIENTS.md").read_text()
PROGRAMS = dict(re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```\n", PAGE, re.S))
# Fetched and compiled code is kept from run to run.
KEPT = ROOT / "build/clients"
TIME_LIMIT_S = 900
JAVA_OPTIONS = "--add-opens=java.base/java.nio=ALL-UNNAMED"


def run(*command, cwd, **env):
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True,
                          env={**os.environ, **env}, timeout=TIME_LIMIT_S)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def fetch(*command, cwd):
    """A step that needs a registry; skips where there is none."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=TIME_LIMIT_S)
    if done.returncode != 0:
        pytest.skip(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-300:]}")


def need(tool):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} isn't here")


@pytest.fixture
def page_files(server):
    """Writes the page's files of one folder, for the server under test; gives the folder."""
    def write(prefix, folder):
        for name, text in PROGRAMS.items():
            if name.startswith(prefix):
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                port = server.uri.rpartition(":")[2]
                path.write_text(text.replace("localhost:6666", f"localhost:{port}"))
        return folder
    return write


def package_environment():
    """For the Python package of the build."""
    return {"PYTHONPATH": str(BUILD / "python"), **preload()}


PYTHON = [name for name in PROGRAMS if name.endswith(".py")]


@pytest.mark.parametrize("name", PYTHON)
def test_python(page_files, tmp_path, name):
    modules = re.findall(r"^import (\w+)", PROGRAMS[name], re.M)
    for module in modules:
        is_built = module == "flightkv" and (BUILD / "python/flightkv/_flightkv.abi3.so").exists()
        if not is_built and importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} isn't here")
    # The file's name would hide the module of that name.
    program = page_files(name, tmp_path / "page") / name
    env = package_environment() if "flightkv" in modules else {}
    run(sys.executable, "-P", program, cwd=tmp_path, **env)


def test_c(page_files, tmp_path):
    folder = page_files("c/", tmp_path) / "c"
    run("cmake", "--install", BUILD, "--prefix", tmp_path, cwd=ROOT)
    flags = run("pkg-config", "--cflags", "--libs", "flightkv", cwd=folder,
                PKG_CONFIG_PATH=str(tmp_path / "lib/pkgconfig")).split()
    run("cc", "-Wall", "-Wextra", "-Werror", "example.c", *flags, *sanitizer_flags(),
        f"-Wl,-rpath,{tmp_path}/lib", cwd=folder)
    table = pa.table({"city": ["Bern", "Oslo"], "population": [134_000, 717_000]})
    with pa.ipc.new_file(folder / "in.arrow", table.schema) as writer:
        writer.write_table(table)
    assert run("./a.out", "in.arrow", "out.arrow", cwd=folder) == "put 2 rows, got 2\n"
    assert pa.ipc.open_stream(folder / "out.arrow").read_all().equals(table)


@pytest.mark.slow
def test_go(page_files):
    need("go")
    folder = page_files("go/", KEPT) / "go"
    fetch("go", "mod", "tidy", cwd=folder)
    assert run("go", "run", ".", cwd=folder) == "2 rows\n"


@pytest.mark.slow
def test_rust(page_files):
    need("cargo")
    folder = page_files("rust/", KEPT) / "rust"
    fetch("cargo", "fetch", cwd=folder)
    assert run("cargo", "run", "--quiet", cwd=folder) == "2 rows\n"


@pytest.mark.slow
def test_java(page_files):
    need("mvn")
    folder = page_files("java/", KEPT) / "java"
    fetch("mvn", "-q", "-B", "compile", cwd=folder)
    said = run("mvn", "-q", "-B", "exec:java", "-Dexec.mainClass=Example", cwd=folder,
               MAVEN_OPTS=JAVA_OPTIONS)
    assert "2 rows" in said


def test_every_program_of_the_page_is_run():
    languages = {Path(name).parts[0] for name in PROGRAMS if "/" in name}
    assert languages == {"c", "go", "rust", "java"} and len(PYTHON) >= 5
