# SPDX-License-Identifier: Apache-2.0
"""The Python package as users get it: a wheel built in isolation, installed where no Arrow library
is, by each Python of this machine that it is for."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow

TRY = """
import subprocess, sys
import nanoarrow as na
import flightkv

table = na.c_array_from_buffers(na.struct({"n": na.int64()}), length=3, buffers=[None],
                                children=[na.c_array([1, 2, 3], na.int64())])
with flightkv.Server(memory="16MiB") as server, server.connect() as client:
    client["k"] = table
    client["again"] = client["k"]
    assert na.ArrayStream(client["again"]).read_all().to_pylist() == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert "n: int64" in repr(client["k"]) and "install pyarrow" in client["k"]._repr_html_()
    for name in ("to_pyarrow", "to_polars", "to_pandas"):
        try:
            getattr(client["k"], name)()
        except ImportError as error:
            assert "pip install" in str(error)
        else:
            raise AssertionError(name)
    for program in ([sys.prefix + "/bin/flightkv"], [sys.executable, "-m", "flightkv"]):
        print(subprocess.run([*program, "ls", "--keys", "--server", server.uri], check=True,
                             capture_output=True, text=True).stdout.split())
"""


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=600, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT)
    (wheel,) = folder.iterdir()
    return wheel


def pythons():
    """Those that run; a version manager may have stubs of others."""
    yield sys.executable
    for minor in range(9, 20):
        found = shutil.which(f"python3.{minor}")
        if found and sys.version_info[1] != minor and subprocess.run(
                [found, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0:
            yield found


def test_what_is_in_the_wheel(wheel):
    assert re.fullmatch(r"flightkv-\d+\.\d+\.\d+-cp39-abi3-linux_\w+\.whl", wheel.name)
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("flightkv/__init__.py", "flightkv/py.typed", "flightkv/_flightkv.pyi",
                 "flightkv/_flightkv.abi3.so"):
        assert name in names
    assert any(name.endswith(".data/scripts/flightkv") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any("test" in name or name.endswith((".c", ".h", ".a")) for name in names)
    metadata = next(name for name in names if name.endswith("/METADATA"))
    needs = [line for line in zipfile.ZipFile(wheel).read(metadata).decode().splitlines()
             if line.startswith("Requires-Dist")]
    assert all("extra ==" in line for line in needs), needs


def test_only_its_entry_point_is_seen(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    module = tmp_path / "flightkv/_flightkv.abi3.so"
    listed = run("nm", "-D", "--defined-only", "--format=posix", module)
    assert [line.split()[0] for line in listed.splitlines()] == ["PyInit__flightkv"]
    program = next(tmp_path.glob("*.data/scripts/flightkv"))
    for file in (module, program):
        dynamic = run("objdump", "-p", file)
        assert "libflightkv" not in dynamic and "PATH" not in dynamic and str(ROOT) not in dynamic


@pytest.mark.parametrize("python", list(pythons()), ids=lambda path: Path(path).name)
def test_a_fresh_environment(wheel, tmp_path, python):
    run(python, "-m", "venv", tmp_path / "venv")
    fresh = tmp_path / "venv/bin/python"
    run(fresh, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, "nanoarrow")
    packages = run(fresh, "-m", "pip", "list", "--format=freeze").split()
    assert not any(name.startswith(("pyarrow", "polars", "pandas", "numpy")) for name in packages)
    assert run(fresh, "-c", TRY, cwd=tmp_path) == "['again', 'k']\n" * 2
