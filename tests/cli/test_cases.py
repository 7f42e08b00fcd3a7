# SPDX-License-Identifier: Apache-2.0
"""Every case of cases/ as a test; run.py says what a case is."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import run  # noqa: E402


@pytest.mark.parametrize("path", run.all_cases(), ids=lambda path: path.stem)
def test_case(path):
    if path.stem == "parquet" and not (run.program().parent / "flightkv_formats.so").exists():
        pytest.skip("the Parquet module isn't built")
    diff = run.difference(path)
    assert not diff, "\n" + diff
