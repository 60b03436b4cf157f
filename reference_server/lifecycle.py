"""Where a task may go from each status: one table, and what is read from it.

An event moves a task from any of its sources to one status; at any other status it does nothing. Nothing else in this
server says which statuses an event is for: what Python asks is ``after``, what the store's statements ask is
``condition``, and groups of statuses follow from the table. A terminal status is one that no event is for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum, auto
from typing import NamedTuple


class Status(StrEnum):
    """Where a task stands."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    INPUT_REQUIRED = "input_required"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What happens to a task."""

    CLAIM = auto()
    COMMIT = auto()
    ASK = auto()
    SETTLE = auto()
    COMPLETE = auto()
    FAIL = auto()
    PAUSE = auto()
    RESUME = auto()
    ANSWER = auto()
    ANSWER_THE_LAST = auto()
    CANCEL = auto()


class Move(NamedTuple):
    """From any of these statuses to that one; ``to`` None: it stays where it is."""

    sources: tuple[Status, ...]
    to: Status | None


INITIAL = Status.PENDING
MOVES: Mapping[Event, Move] = {
    # A worker's. A task that was paused while its batch ran takes that batch, and may end with it.
    Event.CLAIM: Move((Status.PENDING, Status.RUNNING), Status.RUNNING),
    Event.COMMIT: Move((Status.RUNNING, Status.PAUSED), None),
    Event.ASK: Move((Status.RUNNING,), Status.INPUT_REQUIRED),
    Event.SETTLE: Move((Status.RUNNING,), None),
    Event.COMPLETE: Move((Status.RUNNING, Status.PAUSED), Status.COMPLETED),
    Event.FAIL: Move((Status.RUNNING, Status.PAUSED), Status.FAILED),
    # Its owner's. A paused task goes on as a running one: its worker may not have stopped yet.
    Event.PAUSE: Move((Status.PENDING, Status.RUNNING), Status.PAUSED),
    Event.RESUME: Move((Status.PAUSED,), Status.RUNNING),
    Event.ANSWER: Move((Status.INPUT_REQUIRED,), None),
    Event.ANSWER_THE_LAST: Move((Status.INPUT_REQUIRED,), Status.PENDING),
    Event.CANCEL: Move((Status.PENDING, Status.RUNNING, Status.PAUSED, Status.INPUT_REQUIRED), Status.CANCELLED),
}

# What comes too late for a task whose output is about to stand in its place: that it will, is settled.
UNTIL_SETTLED = (Event.PAUSE, Event.CANCEL)

STATUSES = tuple(status.value for status in Status)
UNFINISHED = tuple(status for status in Status if any(status in move.sources for move in MOVES.values()))
TERMINAL = tuple(status for status in Status if status not in UNFINISHED)
RUNNABLE = MOVES[Event.CLAIM].sources


def after(status: Status, event: Event) -> Status | None:
    """The status behind an event; None when the event is not for this one, and changes nothing."""
    sources, to = MOVES[event]
    if status not in sources:
        return None
    return status if to is None else to


def condition(event: Event) -> str:
    """In SQL: the row's status is one that the event is for."""
    return among(MOVES[event].sources)


def assignment(event: Event) -> str:
    """In SQL, with ``condition``: the row's status becomes what the event makes of it."""
    to = MOVES[event].to
    return "status = status" if to is None else f"status = '{to.value}'"


def among(statuses: Collection[Status]) -> str:
    """In SQL: the row's status is one of these."""
    return f"status IN ({', '.join(repr(status.value) for status in statuses)})"
