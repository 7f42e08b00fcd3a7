# SPDX-License-Identifier: Apache-2.0
"""Keeps the settings of whoever runs the tests out of them: the program's own config file, and what
the environment says of servers and passwords. Other programs' settings stay, which tests that
build, or install packages, need."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def leave_out():
    for name in ("FLIGHTKV_SERVER", "FLIGHTKV_PASSWORD"):
        os.environ.pop(name, None)
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    others = Path(tempfile.mkdtemp(prefix="flightkv-settings-"))
    atexit.register(shutil.rmtree, others)
    for entry in settings.iterdir() if settings.is_dir() else ():
        if entry.name != "flightkv":
            (others / entry.name).symlink_to(entry)
    os.environ["XDG_CONFIG_HOME"] = str(others)
