# SPDX-License-Identifier: Apache-2.0
"""A locale whose numbers have a decimal comma, made for a test: few machines have one."""

import shutil
import subprocess

import pytest


def comma_locale(folder):
    """Variables that put it in force; the test is skipped where it can't be made."""
    made = folder / "de_DE.UTF-8"
    if shutil.which("localedef") is None:
        pytest.skip("localedef isn't here")
    done = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", made], capture_output=True)
    if not made.exists():
        pytest.skip(f"localedef can't make de_DE: {done.stderr.decode().splitlines()[-1:]}")
    return {"LC_ALL": "de_DE.UTF-8", "LOCPATH": str(folder)}
