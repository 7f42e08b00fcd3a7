# SPDX-License-Identifier: Apache-2.0
"""What zsh and fish themselves make of their scripts; the one for bash is a case of cases/."""

import re
import shutil
import subprocess

import pyarrow as pa
import pytest

import run

DATA = run.HERE / "data"
KEYS = ["apples", "ap ple", "ping", "$(touch expanded)"]


@pytest.fixture(scope="module")
def keys(server):
    for key in KEYS:
        server.put(key, [pa.record_batch([[1]], ["n"])])
    return server


def offers(shell, server, folder, lines):
    """What comes of a tab behind each of the lines, in a folder with the file apricot.arrow."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} isn't installed")
    (folder / "apricot.arrow").touch()
    options = {"zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run(
        [shell, *options, DATA / f"offer.{shell}", *lines],
        cwd=folder,
        env={**run.environment(server.uri), "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=run.TIMEOUT_S,
    )
    assert not done.stderr
    assert not (folder / "expanded").exists()
    return done.stdout


FISH = {
    "flightkv p": ["passwd", "ping", "put"],
    "flightkv get ap": ["ap%20ple", "apples"],
    "flightkv get p": ["ping"],
    "flightkv get ping --ti": ["--timeout"],
    "flightkv get %24": ["%24%28touch%20expanded%29"],
    "flightkv get apples --sho": ["--show"],
    "flightkv get apples -o apr": ["apricot.arrow"],
    "flightkv get apples --format n": ["ndjson"],
    "flightkv get apples --format=n": ["--format=ndjson"],
    "flightkv put apples -f ": ["arrow", "csv", "json", "ndjson", "parquet"],
    "flightkv serve --log-level ": ["debug", "error", "info", "warn"],
    "flightkv serve --shm o": ["off", "on"],
    "flightkv serve --shm ap": ["apricot.arrow"],
    "flightkv get apples -o appl": [],
    "flightkv put ap": ["ap%20ple", "apples"],
    "flightkv put apples ap": ["apricot.arrow"],
    "flightkv rm apples pi": ["ping"],
    "flightkv demo ap": ["apricot.arrow"],
    "flightkv ping ap": [],
    "flightkv serve --mem": ["--memory"],
    "flightkv help gen": ["generate"],
    "flightkv completion ": ["bash", "fish", "zsh"],
}


def test_fish_offers_what_fits(keys, tmp_path):
    printed = offers("fish", keys, tmp_path, FISH)
    found = {}
    for line in printed.splitlines():
        if line.startswith("> "):
            found[line[2:]] = words = []
        else:
            words.append(line)
    assert {line: sorted(words) for line, words in found.items()} == FISH


ARGUMENTS = {
    "get": ["k", "-o", "k.parquet"], "put": ["k", "k.arrow"], "ls": [],
    "generate": ["--size", "1KiB", "--columns", "1", "-o", "k.parquet"],
}


@pytest.mark.parametrize("command", ARGUMENTS)
def test_the_values_that_are_offered_are_taken(command, tmp_path):
    """The words of the help's "--sort key|rows": a wrong one is told before a server is missed."""
    variables = run.environment("grpc+tcp://localhost:1")
    (tmp_path / "k.arrow").touch()
    shown = subprocess.check_output([run.program(), "help", command], text=True, env=variables)
    options = re.findall(r"--([a-z-]+) ([a-z]+\|[a-z|\d]+)$", shown, re.M)
    assert options
    for name, words in options:
        for word in [*words.split("|"), "other"]:
            done = subprocess.run(
                [run.program(), command, *ARGUMENTS[command], f"--{name}", word], text=True,
                capture_output=True, timeout=run.TIMEOUT_S, cwd=tmp_path, env=variables)
            assert (f"'{word}'" in done.stderr) == (word == "other"), done.stderr


ZSH = {
    "flightkv pi": "flightkv ping ",
    "flightkv get app": "flightkv get apples ",
    "flightkv get ap%": "flightkv get ap%20ple ",
    "flightkv get %24": "flightkv get %24%28touch%20expanded%29 ",
    "flightkv get apples --sho": "flightkv get apples --show ",
    "flightkv get apples -o apr": "flightkv get apples -o apricot.arrow ",
    "flightkv get apples --format nd": "flightkv get apples --format ndjson ",
    "flightkv put apples -f pa": "flightkv put apples -f parquet ",
    "flightkv serve --shm of": "flightkv serve --shm off ",
    "flightkv put appl": "flightkv put apples ",
    "flightkv put apples apr": "flightkv put apples apricot.arrow ",
    "flightkv rm apples pi": "flightkv rm apples ping ",
    "flightkv help gen": "flightkv help generate ",
    "flightkv completion z": "flightkv completion zsh ",
}


def test_zsh_completes_what_fits(keys, tmp_path):
    printed = offers("zsh", keys, tmp_path, ZSH)
    assert printed.splitlines() == [f"<{line}>" for line in ZSH.values()]


def test_zsh_completes_from_the_installed_file(keys, tmp_path):
    printed = offers("zsh", keys, tmp_path, ["--installed", *ZSH])
    assert printed.splitlines() == [f"<{line}>" for line in ZSH.values()]
