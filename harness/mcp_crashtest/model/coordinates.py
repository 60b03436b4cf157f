"""Where a fault lands: a tagged union of coordinates, all of them relative.

A coordinate counts batches, questions, thousandths of a time or other faults, never seconds or bytes: the same profile
and seed give the same plan on every machine. What a coordinate means in milliseconds is found out when it is played,
and written to the history. Waiting for one is another room's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar

from mcp_crashtest.model.calls import ANY, ERRORS
from mcp_crashtest.model.errors import UsageError

_THOUSAND = 1000


class Phase(StrEnum):
    """Where within a batch a fault lands, in the order in which a batch goes through them."""

    BEFORE_WRITE = "before-write"
    WRITTEN_UNCOMMITTED = "written-uncommitted"
    COMMITTED_UNACKNOWLEDGED = "committed-unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    OBSERVED = "observed"  # for subjects without crash points: a client has seen the batch done

    @property
    def in_server(self) -> bool:
        """Whether this is a crash point of the server, at which it parks itself."""
        return self is not Phase.OBSERVED

    @property
    def durable(self) -> bool:
        """Whether the batch is committed here, so that a restart goes on behind it."""
        return self not in (Phase.BEFORE_WRITE, Phase.WRITTEN_UNCOMMITTED)


class WindowName(StrEnum):
    """A window of the conversation between a client and its server."""

    UNANSWERED = "submission-unanswered"  # the server has answered its submission, and the answer is lost on the way
    ANSWERED = "submission-answered"  # it has just been given the answer to its submission
    ASKING = "asking"  # its n-th question about its task, since the fault before, is on the way
    INPUT = "input-required"  # a client has seen that its task waits for an answer
    ENDED = "ended"  # it has just been told that its task has ended


class Since(StrEnum):
    """What a moment is counted from."""

    START = "start"  # the start of the client's life
    FIRST_WORD = "first-word"  # its first word to the server, in this life
    FAULT = "fault"  # the landing of the fault that this moment ends
    BOOT = (
        "boot"  # the start of the server's present life; in thousandths of the time that its first one took to answer
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """A phase of the batch with this number (from 1), or so many thousandths of the way through it: one of the two.

    ``task`` counts the run's concurrent tasks from 0.
    """

    tag: ClassVar[str] = "batch"
    number: int
    phase: Phase | None = None
    thousandths: int | None = None
    task: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no place in a batch."""
        if (self.phase is None) == (self.thousandths is None):
            raise UsageError("a coordinate in a batch has a phase or thousandths, one of the two")
        if self.number < 1 or self.task < 0 or not 0 <= (self.thousandths or 0) <= _THOUSAND:
            raise UsageError(f"there is no such place in a batch: {self!r}")

    @property
    def parks(self) -> bool:
        """Whether the server parks itself here, when it is told to at its start."""
        return self.phase is not None and self.phase.in_server

    @property
    def order(self) -> int:
        """Earlier places have lower numbers."""
        return self.number

    def __str__(self) -> str:
        """As written in reports: ``batch 3, committed-unacknowledged``."""
        return f"batch {self.number}, {self.phase or f'{self.thousandths}/1000 of it'}"


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a client's conversation; ``number`` counts its questions since the fault before, from 1."""

    tag: ClassVar[str] = "window"
    parks: ClassVar[bool] = False
    name: WindowName
    number: int = 1

    @property
    def order(self) -> int:
        """Earlier windows have lower numbers."""
        return self.number

    def __str__(self) -> str:
        """As written in reports."""
        return _WINDOWS[self.name].format(n=self.number)


_WINDOWS = {
    WindowName.UNANSWERED: "its submission, unanswered",
    WindowName.ANSWERED: "its submission, just answered",
    WindowName.ASKING: "question {n}",
    WindowName.INPUT: "its task's question to it, seen",
    WindowName.ENDED: "the end of its task, just answered",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """So many thousandths of the undisturbed job's time, or of that of a start, counted from ``since``."""

    tag: ClassVar[str] = "moment"
    parks: ClassVar[bool] = False
    thousandths: int
    since: Since = Since.START

    def __post_init__(self) -> None:
        """Refuse a time before its beginning."""
        if self.thousandths < 0:
            raise UsageError(f"a moment lies behind its beginning, not {self.thousandths} thousandths from it")

    @property
    def order(self) -> int:
        """Earlier moments have lower numbers."""
        return self.thousandths

    def __str__(self) -> str:
        """As written in reports."""
        if self.since is Since.BOOT:
            return f"{self.thousandths}/1000 of the time that a start takes"
        return f"{self.thousandths}/1000 of the undisturbed time{_SINCE[self.since]}"


_SINCE = {Since.START: "", Since.FIRST_WORD: " from its first word on", Since.FAULT: " after it"}


@dataclass(frozen=True, slots=True)
class During:
    """While the plan's fault with this number (from 1) lasts: it has landed, and is not healed yet."""

    tag: ClassVar[str] = "during"
    parks: ClassVar[bool] = False
    fault: int

    @property
    def order(self) -> int:
        """There is no earlier and later within a fault."""
        return 1

    def __str__(self) -> str:
        """As written in reports."""
        return f"a time at which fault {self.fault} lasts"


@dataclass(frozen=True, slots=True)
class Syscall:
    """Just before the server's n-th counted call of this name, from 1, in one life.

    What a name is says ``model.calls``; that of any call on a file is ``call``. ``what`` says in words what call it was
    when the plan was made. ``fails``: nobody stands still there; the call comes to this error, or is short, and so do
    the next ones of its name, ``times`` in all.
    """

    tag: ClassVar[str] = "syscall"
    parks: ClassVar[bool] = True
    name: str
    number: int
    what: str | None = None
    fails: str | None = None
    times: int = 1

    def __post_init__(self) -> None:
        """Refuse a call before the first, and one that fails as none does."""
        if self.fails is not None and self.fails not in ERRORS:
            raise UsageError(f"a call can be made to fail with {', '.join(ERRORS)}, not with {self.fails!r}")
        if self.times < 1:
            raise UsageError(f"a call fails once or more, not {self.times} times")
        if self.number < 1:
            raise UsageError(f"calls are counted from 1, not from {self.number}")

    @property
    def order(self) -> int:
        """Earlier calls have lower numbers."""
        return self.number

    def __str__(self) -> str:
        """As written in reports."""
        which = f"call {self.number}" if self.name == ANY else f"call {self.number} of {self.name}"
        if self.fails is None:
            return f"{which}, just before {self.what}" if self.what else which
        often = f" {self.times} times" if self.times > 1 else ""
        return f"{which}, {self.fails}{often}{f': {self.what}' if self.what else ''}"


Coordinate = Batch | Window | Moment | During | Syscall
KINDS_OF_COORDINATES: dict[str, type[Coordinate]] = {
    kind.tag: kind for kind in (Batch, Window, Moment, During, Syscall)
}
_ENUMS = {"phase": Phase, "since": Since}


def to_json(at: Coordinate) -> dict[str, Any]:
    """Encode: the tag, and what is said."""
    said = {field.name: getattr(at, field.name) for field in fields(at)}
    if isinstance(at, Syscall) and at.fails is None:
        del said["times"]
    return {"kind": at.tag, **{name: value for name, value in said.items() if value is not None}}


def from_json(data: Mapping[str, Any]) -> Coordinate:
    """Decode; raises KeyError, ValueError, TypeError or UsageError on anything else."""
    kind = KINDS_OF_COORDINATES[data["kind"]]
    said: dict[str, Any] = {name: value for name, value in data.items() if name != "kind"}
    for name, enum in _ENUMS.items():
        if name in said:
            said[name] = enum(said[name])
    if kind is Window:
        said["name"] = WindowName(said["name"])
    for name, value in said.items():
        wanted: type = str if name in (*_ENUMS, "name", "what", "fails") else int
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise TypeError(f"{name} is {value!r}")
    return kind(**said)
