# SPDX-License-Identifier: Apache-2.0
"""The manual page: every command and option is in it, and mandoc finds nothing wrong."""

import re
import shutil
import subprocess

import pytest

import run


def flightkv(*words):
    done = subprocess.run([run.program(), *words], capture_output=True, text=True, check=True,
                          env=run.environment(None))
    return done.stdout


def test_every_command_and_option_is_there():
    manual = flightkv("help", "--man").replace("\\-", "-")
    commands = re.findall(r"^  (\w+) ", flightkv("help").partition("Commands:")[2], re.M)
    assert len(commands) > 10
    for command in set(commands) - {"flightkv"}:
        assert re.search(rf'^\.SS "{command}[ "]', manual, re.M), command
        for option in re.findall(r"^  (?:-\w, |    )--([\w-]+)", flightkv("help", command), re.M):
            assert option == "help" or f"\\fB--{option}\\fR" in manual, (command, option)


def test_mandoc_has_nothing_against_it(tmp_path):
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc isn't installed")
    page = tmp_path / "flightkv.1"
    page.write_text(flightkv("help", "--man"))
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], capture_output=True, text=True,
                          check=False)
    said = [line for line in done.stdout.splitlines() if "missing date" not in line]
    assert not said  # a date would make every build another one


def test_man_shows_the_options_as_they_are_typed(tmp_path):
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc isn't installed")
    page = tmp_path / "flightkv.1"
    page.write_text(flightkv("help", "--man"))
    shown = subprocess.run(["mandoc", "-Tutf8", page], capture_output=True, text=True,
                           check=True).stdout
    shown = re.sub(".\b", "", shown)
    assert "-o, --output FILE" in shown
    assert "flightkv get prices -o prices.parquet" in shown
