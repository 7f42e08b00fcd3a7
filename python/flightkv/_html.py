# SPDX-License-Identifier: Apache-2.0
"""Tables for notebooks."""

from __future__ import annotations

import html
from typing import Any, List, Sequence

TEXT_SHOWN = 80


def cell(value: Any) -> str:
    if value is None:
        return "<i>null</i>"
    text = str(value)
    if len(text) > TEXT_SHOWN:
        text = text[:TEXT_SHOWN] + "..."
    return html.escape(text)


def heading(name: str, kind: str) -> str:
    return f"{cell(name)}<br><small>{cell(kind)}</small>"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], caption: str) -> str:
    """`head` is HTML, all else text."""
    lines: List[str] = [f"<div><small>{html.escape(caption)}</small>", "<table>"]
    lines.append(f"<thead><tr>{''.join(f'<th>{text}</th>' for text in head)}</tr></thead>")
    lines.append("<tbody>")
    for row in rows:
        lines.append(f"<tr>{''.join(f'<td>{cell(value)}</td>' for value in row)}</tr>")
    lines.append("</tbody></table></div>")
    return "\n".join(lines)
