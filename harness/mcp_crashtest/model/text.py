"""A subject's text and records, bounded and made comparable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from mcp_crashtest.model.paths import find
from mcp_crashtest.model.secrets import masked

NOTHING = "nothing"
"""What stands for a result that was not printed."""

_LONGEST_TEXT = 500
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def excerpt(text: object) -> str:
    """A subject's text, bounded."""
    shown = masked(str(text))
    return shown if len(shown) <= _LONGEST_TEXT else shown[:_LONGEST_TEXT] + " ..."


def fingerprint(record: Any) -> str:
    """Sixteen hexadecimal digits of a record's canonical JSON."""
    return hashlib.sha256(_CANONICAL.encode(record).encode()).hexdigest()[:16]


def summarise(records: Iterable[Any], key: str) -> Iterator[tuple[str, str]]:
    """Records as pairs of key and digest, one by one; a record without the key is named by what it is."""
    for record in records:
        name = find(record, key)
        digest = fingerprint(record)
        yield excerpt(name) if name is not None else f"(no {key}: {digest})", digest
