# SPDX-License-Identifier: Apache-2.0
"""Tables for notebooks. Styles stand in the tags: notebooks differ, and some drop style sheets."""

from __future__ import annotations

import html
import re
from typing import Any, List, Sequence

TEXT_SHOWN = 48
_CELL = "white-space:nowrap;text-align:"


def text_of(value: Any) -> str:
    """On one line."""
    text = str(value)
    if len(text) > TEXT_SHOWN:
        text = text[:TEXT_SHOWN] + "..."
    return html.escape(re.sub(r"[\x00-\x1f\x7f]", lambda found: repr(found[0])[1:-1], text))


def cell(value: Any) -> str:
    return "<i style=\"opacity:.5\">null</i>" if value is None else text_of(value)


def heading(name: str, kind: str) -> str:
    return f"{text_of(name)}<br><small style=\"font-weight:normal\">{text_of(kind)}</small>"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], caption: str,
          numbers: Sequence[bool] = ()) -> str:
    """`head` is HTML, all else text; `numbers` says which columns are flush right."""
    styles = [_CELL + ("right" if is_number else "left") for is_number in numbers]
    lines: List[str] = [f"<div><small>{html.escape(caption)}</small>"]
    if head:
        cells = (f"<th style=\"{style}\">{text}</th>" for style, text in zip(styles, head))
        lines += ["<table style=\"margin:0\">", f"<thead><tr>{''.join(cells)}</tr></thead>",
                  "<tbody>"]
        for row in rows:
            cells = (f"<td style=\"{style}\">{cell(value)}</td>"
                     for style, value in zip(styles, row))
            lines.append(f"<tr>{''.join(cells)}</tr>")
        lines.append("</tbody></table>")
    return "\n".join([*lines, "</div>"])
