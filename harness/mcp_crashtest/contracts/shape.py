"""What a job's documents show beside status, progress and records: who it is, and the shape of its result.

The shape is what is compared with the golden run's: the names at the top that say something. A time, a pace, a message
or the name of a worker may lawfully be unknown after a restart, and is no part of a result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcp_crashtest.model.text import excerpt

_MOST_NAMES = 100
_LONGEST_TTL = 1e15
_LONGEST_NAME = 100
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_FLEETING_WORDS = (
    "at s ms sec secs seconds time times timestamp date day duration elapsed eta ttl expires expiry rate speed pace "
    "throughput uptime interval pid process worker lease owner heartbeat host attempt attempts retries retry resumed "
    "error errors resume restarted restarts message messages note notes detail details log logs info warning warnings"
)
_FLEETING = frozenset(_FLEETING_WORDS.split())


def shape_of(document: Any, *, lists: bool = True) -> list[str] | None:
    """The names at the top of a document whose values say something, sorted; None where it is no table.

    A table that holds one table and nothing else is only a wrapper. ``lists`` is False for a call that is made again
    and whose records are kept elsewhere: what it lists is what it has just done, and that may be nothing.
    """
    if not isinstance(document, Mapping):
        return None
    if len(document) == 1 and isinstance(inner := next(iter(document.values())), Mapping):
        document = inner
    names = (str(name)[:_LONGEST_NAME] for name, value in document.items() if _says_something(value, lists))
    return sorted(name for name in names if not _fleeting(name))[:_MOST_NAMES]


def _fleeting(name: str) -> bool:
    return any(word.lower() in _FLEETING for word in _WORD.findall(name))


def _says_something(value: Any, lists: bool) -> bool:
    return value is not None and value not in ("", [], {}) and (lists or not isinstance(value, list))


def errors_in(document: Any) -> dict[str, str]:
    """The places at the top of a completed job's document that speak of an error, with what stands there."""
    if not isinstance(document, Mapping):
        return {}
    said = {name: document[name] for name in ("error", "errors") if document.get(name)}
    said |= {name: document[name] for name in ("isError", "is_error") if document.get(name) is True}
    said |= {name: document[name] for name in ("success", "ok") if document.get(name) is False}
    return {name: excerpt(value) for name, value in said.items()}


_IDENTITY: Mapping[str, tuple[tuple[str, float], ...]] = {
    "id": (("taskId", 1), ("task_id", 1), ("job_id", 1), ("jobId", 1), ("id", 1)),
    "created_at": (("createdAt", 1), ("created_at", 1)),
    "ttl_ms": (("ttlMs", 1), ("ttl_ms", 1), ("ttl", 1), ("ttl_s", 1000), ("ttlSeconds", 1000), ("ttl_seconds", 1000)),
}


def told_of(task: Any) -> dict[str, Any]:
    """What the document of a task says at its top of its own: its id, when it was created, how long it is kept."""
    told: dict[str, Any] = {}
    if not isinstance(task, Mapping):
        return told
    for name, places in _IDENTITY.items():
        value, times = next(((task[place], times) for place, times in places if _is_plain(task.get(place))), (None, 1))
        if value is not None and name != "ttl_ms":
            told[name] = excerpt(value)
        elif isinstance(value, int | float) and 0 <= value < _LONGEST_TTL:
            told[name] = value * times
    return told


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
