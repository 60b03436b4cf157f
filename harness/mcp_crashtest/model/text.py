"""A subject's text and records, bounded and made comparable."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from mcp_crashtest.model.paths import find

NOTHING = "nothing"
"""What stands for a result that was not printed."""

_LONGEST_TEXT = 500


def excerpt(text: object) -> str:
    """A subject's text, bounded."""
    shown = str(text)
    return shown if len(shown) <= _LONGEST_TEXT else shown[:_LONGEST_TEXT] + " ..."


def fingerprint(record: Any) -> str:
    """Sixteen hexadecimal digits of a record's canonical JSON."""
    text = json.dumps(record, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def summarise(records: list[Any], key: str) -> list[list[str]]:
    """Records as [key, digest] pairs; a record without the key is named by what it is."""
    pairs = []
    for record in records:
        name = find(record, key)
        digest = fingerprint(record)
        pairs.append([excerpt(name) if name is not None else f"(no {key}: {digest})", digest])
    return pairs
