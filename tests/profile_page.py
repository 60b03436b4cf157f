"""The table of keys in docs/profile.md, made from what a profile is read by: ``python -m tests.profile_page``.

What stands around the table is written by hand, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import Field
from pathlib import Path
from typing import Any

from mcp_crashtest.files.meanings import ARRAYS, MEANINGS, TABLES, keys_of, usual
from mcp_crashtest.proposing.writing import toml

PAGE = Path(__file__).resolve().parents[1] / "docs" / "profile.md"
_BEGIN = "<!-- made by python -m tests.profile_page -->\n"
_END = "<!-- so far -->\n"


def text(page: str) -> str:
    """The page with its table anew."""
    return re.sub(f"(?<={_BEGIN}).*(?={_END})", lambda _: "\n".join(_lines()) + "\n", page, flags=re.DOTALL)


def _lines() -> Iterator[str]:
    for name, kind in TABLES.items():
        yield from _table(name, kind, f"[{name}]")
    for name, kind in ARRAYS.items():
        yield from _table(name, kind, f"[[{name}]]")


def _table(name: str, kind: type[Any], title: str) -> Iterator[str]:
    yield from ("", f"### `{title}`", "", "| key | default | meaning |", "|---|---|---|")
    for place, field in keys_of(kind, name):
        key = place.removeprefix(f"{name}.")
        yield f"| `{key}` | {_default(field)} | {MEANINGS[place]} |"
    yield ""


def _default(field: Field[Any]) -> str:
    value = usual(field)
    return "" if value is None else f"`{toml(value)}`"


if __name__ == "__main__":
    PAGE.write_text(text(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
