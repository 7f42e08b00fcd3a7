# SPDX-License-Identifier: Apache-2.0
"""What tools/deps.sh makes of a .venv that it finds; it installs nothing here."""

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
