"""A subject's text and records, bounded and made comparable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
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


def fingerprint(record: Any, own: Mapping[str, str] | None = None) -> str:
    """Sixteen hexadecimal digits of a record's canonical JSON.

    ``own`` are texts that are this run's alone, with what stands for each in every run.
    """
    return hashlib.sha256(without(_CANONICAL.encode(record), own or {}).encode()).hexdigest()[:16]


def summarise(records: Iterable[Any], key: str, own: Mapping[str, str] | None = None) -> Iterator[tuple[str, str]]:
    """Records as pairs of key and digest, one by one; a record without the key is named by what it is.

    A record may say whose job it belongs to, by a name that no other run has: ``own``, as for ``fingerprint``.
    """
    for record in records:
        name = find(record, key)
        digest = fingerprint(record, own)
        yield excerpt(without(str(name), own or {})) if name is not None else f"(no {key}: {digest})", digest


def without(text: str, own: Mapping[str, str]) -> str:
    """A text in which what this run alone is called is replaced by what stands for it in every run."""
    for name, placeholder in own.items():
        text = text.replace(name, placeholder)
    return text
