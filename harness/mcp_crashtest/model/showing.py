"""A subject's document as a person is shown it: bounded, harmless to a terminal, with a mark where a path ends in it.

The marked place is always shown, whatever else is left out for being too much.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_crashtest.model.secrets import masked

_LONGEST_TEXT = 160
_SHOWN_TEXT = 72
_MOST_KEYS, _MOST_ITEMS, _MOST_DEPTH = 24, 3, 6
_MOST_LINES, _MOST_PATHS = 40, 400
_NEAR = 0.6


def bounded(document: Any, depth: int = _MOST_DEPTH) -> Any:
    """The document with long texts, long lists and deep levels cut short; what is left stands where it stood."""
    if isinstance(document, str):
        document = masked(document)
        return document if len(document) <= _LONGEST_TEXT else f"{document[:_LONGEST_TEXT]} ..."
    if isinstance(document, Mapping | list) and depth == 0:
        return "..."
    if isinstance(document, Mapping):
        kept = list(document.items())[:_MOST_KEYS]
        return {masked(str(key))[:_LONGEST_TEXT]: bounded(value, depth - 1) for key, value in kept}
    if isinstance(document, list):
        more = [f"... {len(document) - _MOST_ITEMS} more"] if len(document) > _MOST_ITEMS else []
        return [*(bounded(value, depth - 1) for value in document[:_MOST_ITEMS]), *more]
    number = isinstance(document, int | float) and not isinstance(document, bool)
    return repr(document)[:_SHOWN_TEXT] if number and not abs(document) < 1e18 else document


def paths_in(document: Any, prefix: str = "$") -> Iterator[tuple[str, Any]]:
    """Every path of a bounded document with its value, the document itself first."""
    yield prefix, document
    if isinstance(document, Mapping):
        for key, value in document.items():
            yield from paths_in(value, f"{prefix}.{key}")
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield from paths_in(value, f"{prefix}[{number}]")


def nearest(wanted: str, paths: list[str], most: int = 3) -> list[str]:
    """The paths that are most like the one that was wanted, by their last step or as a whole; the best first."""

    def likeness(path: str) -> float:
        last = difflib.SequenceMatcher(None, _last(path).lower(), _last(wanted).lower()).ratio()
        return max(last, difflib.SequenceMatcher(None, path.lower(), wanted.lower()).ratio() - 0.05)

    rated = sorted(((likeness(path), path) for path in paths[:_MOST_PATHS]), key=lambda pair: -pair[0])
    return [path for rating, path in rated[:most] if rating >= _NEAR]


def _last(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def pretty(document: Any, mark: str | None = None, note: str = "") -> str:
    """The document over some lines, with ``note`` behind the line at which the path ``mark`` stands."""
    lines = list(_lines(document, "$", "", "", mark))
    at = next((number for number, (_, marked) in enumerate(lines) if marked), None)
    shown = [f"{text}   <-- {note}" if number == at else text for number, (text, _) in enumerate(lines)]
    if len(shown) > _MOST_LINES:
        first = max(0, min((at or 0) - _MOST_LINES // 2, len(shown) - _MOST_LINES))
        more = len(shown) - first - _MOST_LINES
        shown = [
            *(["..."] if first else []),
            *shown[first : first + _MOST_LINES],
            *([f"... {more} more lines"] if more else []),
        ]
    return "\n".join(_harmless(line) for line in shown)


def _lines(value: Any, path: str, indent: str, name: str, mark: str | None) -> Iterator[tuple[str, bool]]:
    marked, inner = path == mark, indent + "  "
    if isinstance(value, Mapping) and value:
        yield f"{indent}{name}{{", marked
        for key, item in value.items():
            yield from _lines(item, f"{path}.{key}", inner, f"{_quoted(str(key))}: ", mark)
        yield f"{indent}}}", False
    elif isinstance(value, list) and value:
        yield f"{indent}{name}[", marked
        for number, item in enumerate(value):
            yield from _lines(item, f"{path}[{number}]", inner, "", mark)
        yield f"{indent}]", False
    else:
        yield f"{indent}{name}{_quoted(value)}", marked


def _quoted(value: Any) -> str:
    text = value[:_SHOWN_TEXT] + " ..." if isinstance(value, str) and len(value) > _SHOWN_TEXT + 4 else value
    return json.dumps(text, ensure_ascii=False)


def _harmless(line: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
