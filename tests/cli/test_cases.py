# SPDX-License-Identifier: Apache-2.0
"""Every case of cases/ as a test; run.py says what a case is."""

import pytest

import run


@pytest.mark.parametrize("path", run.all_cases(), ids=lambda path: path.stem)
def test_case(path):
    module = run.program().parent / "flightkv_formats.so"
    if path.stem in ("parquet", "sources") and not module.exists():
        pytest.skip("the module for Parquet, CSV and JSON isn't built")
    diff = run.difference(path)
    assert not diff, "\n" + diff
