"""What a contract has to say: how a job is submitted, what an answer to that means, and what a look at its task shows.

A contract is a module with these names. The lab's client drives it, and the witness of a client under test asks the
same functions what it has overheard: neither can know a contract differently from the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mcp_crashtest.contracts.job import Job
from mcp_crashtest.model.profile import ObserveSpec
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.wire.session import Session, ToolReply

COMPLETED, FAILED, CANCELLED = "completed", "failed", "cancelled"
ENDS = frozenset({COMPLETED, FAILED, CANCELLED})
INVALID_PARAMS, RESOURCE_NOT_FOUND = -32602, -32002
_WORDS = {
    COMPLETED: frozenset({"completed", "complete", "done", "finished", "succeeded", "success"}),
    FAILED: frozenset({"failed", "failure", "error", "errored"}),
    CANCELLED: frozenset({"cancelled", "canceled", "aborted"}),
}


class Refused(Exception):
    """The subject answered, and the answer is an error."""


class Vanished(Exception):
    """The handle that the subject had given out does not resolve any more."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a task showed.

    ``status`` is one of ``ENDS`` where the task has ended; ``progress`` is (done, total) in the subject's unit;
    ``document`` is what the output is read from, ``shown`` what the look itself showed; ``failure`` says why a task has
    failed that may say otherwise.
    """

    status: str
    progress: tuple[float, float] | None
    document: Any
    failure: Any = None
    shown: Any = None


class Contract(Protocol):
    """One durability pattern. ``HANDLE`` names what an answer to a submission must hold, for an error message."""

    HANDLE: str
    EXTENSIONS: tuple[str, ...]

    def refusal(self, result: Mapping[str, Any]) -> str | None:
        """Why the result of a submission is none; None where it is one."""

    def handle_in(self, result: Mapping[str, Any], observe: ObserveSpec) -> str | None:
        """The task that the result of a submission names; None where it names none."""

    async def look(self, session: Session, job: Job, handle: str, deadline_s: float) -> Seen:
        """Ask about a task once; raises Vanished, Refused and WireError."""


def document_in(reply: ToolReply) -> Any:
    """The document that a tool has answered with; raises Refused where it is none."""
    return reply.structured if reply.structured is not None else parse(reply.text)


def parse(text: str) -> Any:
    """A subject's JSON; raises Refused where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(f"expected JSON, found {excerpt(text)}") from None


def normalise(status: Any) -> str | None:
    """A subject's word for a status, as one of ours where it means a task's end; None where it is no word."""
    if not isinstance(status, str) or not status:
        return None
    word = status.lower()
    return next((ours for ours, theirs in _WORDS.items() if word in theirs), word)


def done_of_total(done: Any, total: Any) -> tuple[float, float] | None:
    """Progress, where both are numbers."""
    if isinstance(done, int | float) and isinstance(total, int | float):
        return done, total
    return None
