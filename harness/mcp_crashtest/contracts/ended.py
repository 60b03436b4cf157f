"""Whether an answer that was overheard says that a task has ended, over whichever contract it was asked about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcp_crashtest.contracts.contract import Refused, parse
from mcp_crashtest.contracts.words import ENDS, normalise
from mcp_crashtest.model.observe_spec import ObserveSpec
from mcp_crashtest.model.paths import find


def says_the_end(result: Any, observe: ObserveSpec) -> bool:
    """Whether a task, a resource or a tool's document in this result has a status that is an end."""
    where = observe.path("status")
    return any(normalise(find(document, where), observe.words) in ENDS for document in _documents(result))


def _documents(result: Any) -> Iterator[Any]:
    if not isinstance(result, dict):
        return
    yield result
    yield result.get("structuredContent")
    for part in (*_listed(result.get("contents")), *_listed(result.get("content"))):
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            try:
                yield parse(part["text"])
            except Refused:
                continue


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
