"""What happens in a session, as values that can cross a process boundary. Whoever reports only listens.

Everything in an event is JSON: a worker process sends its events as text, and the controller hears what it would have
heard itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class SettingUp:
    """A subject is started for the first time, and does its job once, undisturbed."""

    tag: ClassVar[str] = "setting-up"
    profile: str


@dataclass(frozen=True, slots=True)
class Estimated:
    """About so many runs are to come on a subject, and they will take about so long.

    ``owed``: how many it would be if there were time for all of them; ``alone``: why they go one at a time, ``cold``:
    why no fork server could start it; both or either may be empty. ``again``: how many of them were seen to fail by
    earlier sessions, and come first.
    """

    tag: ClassVar[str] = "estimated"
    profile: str
    runs: int
    seconds: float
    owed: int
    alone: str = ""
    cold: str = ""
    again: int = 0


@dataclass(frozen=True, slots=True)
class TrialBegan:
    """A scenario begins on a subject."""

    tag: ClassVar[str] = "trial-began"
    profile: str
    scenario: str
    level: int
    story: str


@dataclass(frozen=True, slots=True)
class RunsPlanned:
    """So many more runs are to come."""

    tag: ClassVar[str] = "runs-planned"
    profile: str
    scenario: str
    runs: int


@dataclass(frozen=True, slots=True)
class RunPlayed:
    """A run is over. ``number`` is its plan's in the scenario's sequence, ``folder`` where its evidence lies."""

    tag: ClassVar[str] = "run-played"
    profile: str
    scenario: str
    number: int
    plan: str
    protocol: str
    verdict: str
    faults: int
    kills: int
    folder: str


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A scenario is over, whether it was played or not; ``summary`` is what stands of it in the certificate."""

    tag: ClassVar[str] = "trial-ended"
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Everything is over; ``certificate`` is what it came to."""

    tag: ClassVar[str] = "session-ended"
    certificate: Mapping[str, Any]


Event = SettingUp | Estimated | TrialBegan | RunsPlanned | RunPlayed | TrialEnded | SessionEnded
Listener = Callable[[Event], object]

EVENTS: dict[str, type[Event]] = {
    kind.tag: kind for kind in (SettingUp, Estimated, TrialBegan, RunsPlanned, RunPlayed, TrialEnded, SessionEnded)
}


def to_json(event: Event) -> dict[str, Any]:
    """Encode."""
    return {"event": event.tag, **{field.name: getattr(event, field.name) for field in fields(event)}}


def from_json(data: Mapping[str, Any]) -> Event:
    """Decode; raises KeyError or TypeError on anything else."""
    return EVENTS[data["event"]](**{name: value for name, value in data.items() if name != "event"})
