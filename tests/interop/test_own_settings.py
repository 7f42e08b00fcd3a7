# SPDX-License-Identifier: Apache-2.0
"""The tests are the same whatever settings of their own people have who run them."""

import os
import subprocess
import sys

import pytest

from server_process import ROOT
from this_build import preload


@pytest.mark.parametrize("suite", [
    "tests/interop/test_same_host.py::test_off",
    "python/tests/test_client.py::test_the_environment_names_the_server",
])
def test_settings_of_ones_own_are_left_out(tmp_path, suite):
    (tmp_path / "flightkv").mkdir()
    (tmp_path / "flightkv/config").write_text("this is no setting\n")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "FLIGHTKV_PASSWORD": "other",
                   "FLIGHTKV_SERVER": "nonsense://", **preload()}
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", suite], cwd=ROOT, text=True,
                          env=environment, capture_output=True)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
