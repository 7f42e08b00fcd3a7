# SPDX-License-Identifier: Apache-2.0
"""The site is built, and no link of it leads nowhere: mkdocs is strict about that."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_site(tmp_path):
    done = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--quiet", "-d", str(tmp_path)],
                          cwd=ROOT, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    first = (tmp_path / "index.html").read_text()
    assert "make demo" in first and 'href="PROTOCOL/"' in first
    assert (tmp_path / "repository/include/flightkv/flightkv.h/index.html").exists()
