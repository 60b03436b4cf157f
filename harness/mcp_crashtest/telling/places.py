"""Where a fault is to land, in words that stand behind what is done."""

from __future__ import annotations

from typing import Any

from mcp_crashtest.model import coordinates
from mcp_crashtest.model.coordinates import Batch, Coordinate, During, Moment, Phase, Since, Window, WindowName
from mcp_crashtest.model.errors import UsageError

_PHASES = {
    Phase.BEFORE_WRITE: "in batch {n}, before it is written",
    Phase.WRITTEN_UNCOMMITTED: "in batch {n}, when it is written and not committed",
    Phase.COMMITTED_UNACKNOWLEDGED: "in batch {n}, when it is committed and not acknowledged",
    Phase.ACKNOWLEDGED: "when batch {n} is acknowledged",
    Phase.OBSERVED: "when batch {n} is reported done",
}
_WINDOWS = {
    WindowName.UNANSWERED: "when the job was asked for, with the answer lost on its way",
    WindowName.ANSWERED: "just after the answer to the call that asks for the job",
    WindowName.ASKING: "while question {n} about the task is on its way",
    WindowName.INPUT: "when the task waits for an answer",
    WindowName.ENDED: "just after the client is told that the task has ended",
}
_SINCE = {Since.START: "", Since.FIRST_WORD: ", counted from its first word", Since.FAULT: ", counted from that"}


def place(at: Coordinate) -> str:
    """Where a fault is to land, to be put behind what is done."""
    match at:
        case Batch():
            where = f"{_percent(at.thousandths)} into batch {at.number}" if at.phase is None else _PHASES[at.phase]
            return where.format(n=at.number) + (f" of task {at.task + 1}" if at.task else "")
        case Window():
            return _WINDOWS[at.name].format(n=at.number)
        case Moment():
            if at.since is Since.FAULT and not at.thousandths:
                return "at once after that"
            if at.since is Since.BOOT:
                return f"{_percent(at.thousandths)} into a start"
            return f"at {_percent(at.thousandths)} of the undisturbed time{_SINCE[at.since]}"
        case During():
            return f"while fault {at.fault} lasts"
        case _:
            return f"at system {at}"


def lasting(until: Coordinate | None) -> str:
    """How long a fault lasts, or until when; empty for one that is healed at once."""
    match until:
        case None:
            return ""
        case Moment() if until.since is Since.FAULT:
            return f", for {_percent(until.thousandths)} of the undisturbed time"
        case _:
            return f", until {place(until).removeprefix('when ')}"


def message(thousandths: int) -> str:
    """With which message of the server's a fault on its link begins."""
    return f"from a message on that is passed and not answered, {_percent(thousandths)} into those of a batch"


def _percent(thousandths: int | None) -> str:
    return f"{(thousandths or 0) / 10:.0f} %"


def place_in(value: Any) -> str:
    """The same, of a coordinate as a history has it; empty where it has none."""
    try:
        return place(coordinates.from_json(value)) if value else ""
    except (KeyError, ValueError, TypeError, UsageError):
        return ""
