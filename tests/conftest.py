# SPDX-License-Identifier: Apache-2.0
"""Of all suites below this folder."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "interop"))

import own_settings  # noqa: E402

own_settings.leave_out()
