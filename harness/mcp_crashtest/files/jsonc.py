"""JSON as editors write it, with comments and commas before a closing bracket; from a file that anybody may write.

What is no JSON all the same (NaN, a depth without end) is refused, and nothing that is not a regular file is read.
"""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from mcp_crashtest.model.errors import UsageError

_LONGEST_BYTES = 1 << 20
_MOST_DEPTH = 64
# A string, or a comment, or a comma that nothing but blanks and comments divides from a closing bracket.
_COMMENT = r"//[^\n]*+(?:\n|\Z)|/\*.*?(?:\*/|\Z)"
_TOKEN = re.compile(rf'"(?:[^"\\\n]|\\.)*+"|{_COMMENT}|,(?=(?>\s|{_COMMENT})*+[\]}}])', re.DOTALL)


def read_jsonc(path: Path, option: str) -> Any:
    """The document in a file; raises UsageError, which names the option and shows nothing of what stands there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            seen = os.fstat(descriptor)
            if not stat.S_ISREG(seen.st_mode):
                raise UsageError(f"{option}: {path} is not a regular file")
            if seen.st_size > _LONGEST_BYTES:
                raise UsageError(f"{option}: {path} has more than {_LONGEST_BYTES} bytes")
            text = file.read(_LONGEST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise UsageError(f"{option}: {path} cannot be read: {why}") from None
    try:
        document = json.loads(_plain(text), parse_constant=_refuse)
    except RecursionError:
        raise UsageError(f"{option}: {path} is nested too deeply") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UsageError(f"{option}: {path} is not JSON: {error.msg}, {where}") from None
    except ValueError as error:
        raise UsageError(f"{option}: {path} is not JSON: {error}") from None
    if _depth(document, _MOST_DEPTH) > _MOST_DEPTH:
        raise UsageError(f"{option}: {path} is nested too deeply")
    return document


def _plain(text: str) -> str:
    """The text without comments and superfluous commas, every line where it was."""
    if not any(mark in text for mark in ("//", "/*", ",")):
        return text
    return _TOKEN.sub(lambda found: found[0] if found[0].startswith('"') else _blank(found[0]), text)


def _blank(text: str) -> str:
    return "".join("\n" if c == "\n" else " " for c in text)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _depth(document: Any, most: int) -> int:
    """How deep a document is; no more than one beyond ``most`` is looked at."""
    level, depth = [document], 0
    while level and depth <= most:
        inner = [list(x.values()) if isinstance(x, dict) else x for x in level if isinstance(x, dict | list)]
        level = [item for items in inner for item in items]
        depth += 1
    return depth
