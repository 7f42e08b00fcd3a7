# SPDX-License-Identifier: Apache-2.0
"""What tools/deps.sh makes of a .venv that it finds, and what it says when it installs; it installs
nothing here, for apt-get and pip are stand-ins."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def project(tmp_path):
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/deps.sh", tmp_path / "tools")
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    return tmp_path


def make_venv(project, python):
    (project / ".venv/bin").mkdir(parents=True)
    program = project / ".venv/bin/python"
    program.write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    program.chmod(0o755)


def run(project):
    return subprocess.run(
        [project / "tools/deps.sh"],
        env={**os.environ, "NO_INSTALL": "1"},
        capture_output=True,
        text=True,
    )


def test_one_made_by_hand_that_has_all_is_taken(project):
    make_venv(project, sys.executable)
    done = run(project)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_one_made_by_hand_that_lacks_something_is_left_and_told(project):
    make_venv(project, f"{sys.executable} -I -S")
    done = run(project)
    assert done.returncode == 1
    assert "lacks: pyarrow numpy" in done.stderr and "pip install -r requirements" in done.stderr
    assert "--clear" not in done.stdout


def test_one_of_its_own_is_made_anew_when_out_of_date(project):
    make_venv(project, sys.executable)
    (project / ".venv/requirements.txt").write_text("pyarrow==1\n")
    done = run(project)
    assert "+ python3 -m venv --clear .venv" in done.stdout


def test_one_of_its_own_that_is_up_to_date_is_kept(project):
    make_venv(project, sys.executable)
    shutil.copy(project / "requirements.txt", project / ".venv")
    done = run(project)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# ---- what it says ----

TOOLS = ("bash cat chmod cmp cp dirname env g++ gcc id ln mkdir ninja openssl pkg-config protoc-c "
         "rm sed tail touch uname xargs")


def script(path, text):
    """A new file: writing to one that is there would follow a link out of the test's folder."""
    with path.open("x") as file:
        file.write(f"#!{shutil.which('bash')}\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def bare(project):
    """A machine without cmake: apt-get and pip say much, and pip fails where FAIL is set."""
    tools = project / "bin"
    tools.mkdir()
    for name in TOOLS.split():
        if shutil.which(name) is None:
            pytest.skip(f"{name} isn't here")
        (tools / name).symlink_to(shutil.which(name))
    script(tools / "sudo", 'exec "$@"')
    script(tools / "apt-get", "for i in {1..500}; do echo Unpacking $i; done\n"
           f"[ $1 != install ] || ln -s {shutil.which('true')} {tools}/cmake")
    script(tools / "python3", f"""
if [ "$1 $2" != "-m venv" ]; then exec {sys.executable} "$@"; fi
mkdir -p .venv/bin
printf '#!%s\\necho Collecting everything >&2\\n[ -z "$FAIL" ]\\n' $BASH > .venv/bin/python
chmod +x .venv/bin/python""")
    return project


def install(project, **variables):
    done = subprocess.run([project / "tools/deps.sh"], capture_output=True, text=True,
                          env={"PATH": str(project / "bin"), "HOME": str(project), **variables})
    if "Still missing" in done.stderr or "isn't here" in done.stderr:
        pytest.skip(f"more than cmake is missing: {done.stderr}")
    return done


def test_it_says_a_line_for_each_step(bare):
    done = install(bare)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Updating the lists of packages",
        "Installing with apt-get, which takes about a minute: cmake",
        "Making .venv, with 0.9 GB of Python packages, which takes about a minute"]
    log = (bare / "build/deps.log").read_text()
    assert log.count("Unpacking") == 1000 and "Collecting everything" in log
    assert "+ .venv/bin/python -m pip install" in log


def test_it_names_the_log_when_a_step_fails(bare):
    done = install(bare, FAIL="1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "All it said is in build/deps.log"
    assert "Collecting everything" in done.stderr
    assert "This failed: .venv/bin/python -m pip install" in done.stderr
    assert not (bare / ".venv/requirements.txt").read_text()
