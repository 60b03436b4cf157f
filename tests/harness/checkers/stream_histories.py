"""Histories of a call whose stream is joined again."""

from __future__ import annotations

from typing import Any

from mcp_crashtest.model.operation import History, Op, Type
from tests.harness.checkers.histories import Event, boot, end, history, output, stalled, submit


def event(id_: str | None, at: float | None = None, part: str = "progress") -> list[Event]:
    """An event of the stream."""
    more: dict[str, Any] = {} if at is None else {"at": at}
    return [Event("client-0", Type.OK, Op.STREAM, {"event": id_, "part": part, **more})]


def joined(behind: str) -> list[Event]:
    """The stream is joined again."""
    again = {"tool": "t", "resumes": behind}
    return [
        Event("client-0", Type.INVOKE, Op.STREAM, {"behind": behind}),
        Event("client-0", Type.INVOKE, Op.SUBMIT, again),
    ]


def refused(behind: str = "3") -> list[Event]:
    """It cannot be."""
    return [Event("client-0", Type.FAIL, Op.STREAM, {"behind": behind, "error": "unknown session"})]


def unanswered(*more: list[Event], stream: list[float] | None = None, **claims: Any) -> History:
    """The same, and nothing moves any more at its end."""
    seen = [*event("0", part="empty"), *event("1", 1), *event("2", 2), *event("3", 3)]
    showed = {"stream": stream} if stream else None
    return history([boot(), submit()[:1], seen, *more, stalled()], contract="sse-resume", showed=showed, **claims)


def streamed(*more: list[Event], stream: list[float] | None = None, **claims: Any) -> History:
    """A stream of which three events were seen before anything else happened."""
    seen = [*event("0", part="empty"), *event("1", 1), *event("2", 2), *event("3", 3)]
    showed = {"stream": stream} if stream else None
    events = [boot(), submit()[:1], seen, *more, submit()[1:], output("abcdef"), end()]
    return history(events, contract="sse-resume", showed=showed, **claims)
