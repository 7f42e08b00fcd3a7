# SPDX-License-Identifier: Apache-2.0
"""tools/tidy on small trees: each rule finds its violation, and nothing in a clean tree."""

import importlib.machinery
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
TABLE = """
| layer | what lives there | may include | outside library (the files that touch it) |
|---|---|---|---|
| `base` | helpers | | |
| `net` | sockets | base | libuv (loop.c) |
| `wire` | framing | base; net (pump.c, pump.h) | nghttp2 (h2.c) |
| `cli` | the program | base flightkv | |
"""


def load_tidy():
    loader = importlib.machinery.SourceFileLoader("tidy", str(ROOT / "tools/tidy"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy", loader))
    loader.exec_module(module)
    return module


tidy = load_tidy()


@pytest.fixture
def problems_of(tmp_path):
    """Gives the problems of a tree that holds the table and the files given, as path=text."""
    def check(files):
        for path, text in {"src/README.md": TABLE, **files}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return tidy.check_tree(tmp_path)[1]
    return check


def test_a_clean_tree_has_no_problems(problems_of):
    assert problems_of({
        "src/base/log.c": SPDX + '#include "base/log.h"\n#include <stdio.h>\n',
        "src/base/log.h": SPDX + "#ifndef BASE_LOG_H\n#define BASE_LOG_H\n#endif\n",
        "src/net/loop.c": SPDX + '#include <uv.h>\n#include "base/log.h"\n',
        "src/wire/pump.c": SPDX + '#include "net/loop.h"\n#include "flightkv/status.h"\n',
        "src/cli/put.c": SPDX + '#include "flightkv/flightkv.h"\n',
        "tests/unit/net/test_loop.c": SPDX + '#include <cmocka.h>\n#include "net/loop.h"\n',
        "README.md": "See `src/base/log.h` and [the table](src/README.md#top).\n",
    }) == []


@pytest.mark.parametrize("path, text, expected", [
    ("src/base/a.c", '#include "net/loop.h"\n', "base may not include net/loop.h"),
    ("src/base/a.c", '#include "flightkv/flightkv.h"\n', "base may not include flightkv/"),
    ("src/net/a.c", '#include "wire/h2.h"\n', "net may not include wire/h2.h (it may: base)"),
    ("src/wire/a.c", '#include "net/loop.h"\n', "only pump.c, pump.h may include net/loop.h"),
    ("src/wire/a.c", "#include <nghttp2/nghttp2.h>\n", "may be included in h2.c only"),
    ("src/wire/a.c", "#include <uv.h>\n", "wire may not include uv.h"),
    ("src/disk/a.c", '#include "base/log.h"\n', "layer disk is not in the table"),
    ("tests/unit/net/test_a.c", '#include "wire/h2.h"\n', "net may not include wire/h2.h"),
    ("src/base/a.c", '#include "base/b.c"\n', "a source file may not be included"),
    ("src/base/a.c", "int a = atoi (text);\n", "atoi: use "),
    ("src/base/a.c", "#define TRY(x) if (x) \\\n    return x\n", "a macro that returns"),
    ("src/base/a.c", "int a;\n\tint b;\n", ":3: a tab"),
    ("src/base/a.c", "int a; \n", "blanks at the end"),
    ("src/base/a.c", "/*" + "x" * 99 + "\n*/\n", "101 columns"),
    ("src/base/a.c", "/* \u00e9 */\n", "not ASCII"),
    ("src/base/a.c", "/* FIX" "ME */\n", "finish it"),
    ("src/base/a.c", "/* in /ho" "me/me/x */\n", "an absolute path"),
    ("src/base/a.h", "int a;\n", "no include guard BASE_A_H"),
    ("src/base/a.h", "#ifndef BASE_A_H\n#define BASE_B_H\n", "no include guard BASE_A_H"),
    ("src/base/a.c", "int\nf(void)\n{\n" + "    g();\n" * 98 + "}\n", "f has 102 lines"),
    ("src/base/a.c", "int a;\n" * 801, "802 lines, 800 at most"),
])
def test_each_rule_finds_its_violation(problems_of, path, text, expected):
    problems = problems_of({path: SPDX + text})
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}:") and expected in problems[0]


@pytest.mark.parametrize("text", [
    "int a = prefix_atoi(text) + x->gets(y);\n",
    '/* atoi(x) */ const char *a = "atoi(x)";\n',
    "/* A table.\n * tidy: long because of it */\nint f(void)\n{\n" + "    g();\n" * 120 + "}\n",
    "/* tidy: long because generated */\n" + "int a;\n" * 900,
])
def test_what_looks_like_a_violation_but_is_none(problems_of, text):
    assert problems_of({"src/base/a.c": SPDX + text}) == []


@pytest.mark.parametrize("text, expected", [
    ("`src/base/none.c` and `src/README.md`\n", "src/base/none.c does not exist"),
    ("[gone](none.md) and [here](src/README.md)\n", "the link none.md leads nowhere"),
])
def test_docs_name_what_exists(problems_of, text, expected):
    assert [p.split(": ", 1)[1] for p in problems_of({"README.md": text})] == [expected]


def test_a_source_without_its_licence_line(problems_of):
    assert "SPDX" in problems_of({"src/base/a.c": "int a;\n"})[0]


def test_a_missing_table_is_a_problem(problems_of):
    assert problems_of({"src/README.md": "nothing\n"}) == ["src/README.md:1: no table of layers"]

