# SPDX-License-Identifier: Apache-2.0
"""The build whose program is tested, and what its sanitizers need."""

import re
import subprocess

from server_process import PROGRAM, ROOT

BUILD = (ROOT / PROGRAM).parent


def sanitizer_flags():
    """Those of the library, which its programs need too."""
    cache = (BUILD / "CMakeCache.txt").read_text()
    [name] = re.findall(r"^FKV_SANITIZE:\w+=(.*)$", cache, re.M) or [""]
    return [f"-fsanitize={name}"] if name else []


def preload():
    """Variables for programs that load the build's library and aren't sanitized themselves, as
    Python: what the sanitizers look after must be there from the beginning."""
    if not sanitizer_flags():
        return {}
    files = [subprocess.check_output(["gcc", f"-print-file-name=lib{name}.so"], text=True).strip()
             for name in ("asan", "ubsan", "stdc++", "crypt")]
    return {"LD_PRELOAD": " ".join(files), "ASAN_OPTIONS": "detect_leaks=0"}
