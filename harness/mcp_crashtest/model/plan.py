"""Plans: the faults of one run and where each of them lands. Pure data, printed, saved and replayed.

A fault has a coordinate: (victim, task, batch k, phase). Phases are the subject's own crash points where it has them
(``before-write`` ... ``acknowledged``), else ``observed``: the moment at which a client has seen batch k done.
Where a client is under test, a fault may also land at a point of its conversation with the server, or at a moment of
its life. Playing a plan is another room's work.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mcp_crashtest.model.errors import UsageError

PLAN_FORMAT = 1


class Action(StrEnum):
    """What is done to the victim."""

    KILL = "kill"  # SIGKILL, then restart
    TERMINATE = "terminate"  # SIGTERM, then restart: a planned restart
    INTERRUPT = "interrupt"  # SIGINT to the client, which says goodbye as a polite client does; then restart it
    DROP = "drop"  # the client drops its connection without a word and connects again


_HARSHNESS = {Action.TERMINATE: 0, Action.INTERRUPT: 0, Action.DROP: 1, Action.KILL: 2}


class Victim(StrEnum):
    """Whom a fault hits."""

    SERVER = "server"
    CLIENT = "client"
    BOTH = "both"


class Phase(StrEnum):
    """Where within a batch a fault lands, in the order in which a batch goes through them."""

    BEFORE_WRITE = "before-write"
    WRITTEN_UNCOMMITTED = "written-uncommitted"
    COMMITTED_UNACKNOWLEDGED = "committed-unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    OBSERVED = "observed"  # for subjects without crash points: a client has seen the batch done
    # A client is under test; "batch" is a number of another kind, or 1:
    UNANSWERED = "submission-unanswered"  # the server has answered its submission, and the answer is lost on the way
    ANSWERED = "submission-answered"  # it has just been given the answer to its submission
    ASKING = "asking"  # its n-th question about its task, since the fault before, is on the way
    AWAY = "server-away"  # the server, killed by the fault before, is not back yet
    MOMENT = "moment"  # n thousandths of the undisturbed job's time since its start
    SPEAKING = "speaking"  # n thousandths of that time since its first word to the server, in this life

    @property
    def in_server(self) -> bool:
        """Whether this is a crash point of the server, at which it parks itself."""
        return self in _IN_SERVER

    @property
    def durable(self) -> bool:
        """Whether the batch is committed here, so that a restart goes on behind it."""
        return self not in (Phase.BEFORE_WRITE, Phase.WRITTEN_UNCOMMITTED)


_IN_SERVER = frozenset(
    {Phase.BEFORE_WRITE, Phase.WRITTEN_UNCOMMITTED, Phase.COMMITTED_UNACKNOWLEDGED, Phase.ACKNOWLEDGED}
)
_SAID = {
    Phase.UNANSWERED: "its submission, unanswered",
    Phase.ANSWERED: "its submission, just answered",
    Phase.ASKING: "question {n}",
    Phase.AWAY: "a time without the server",
    Phase.MOMENT: "{n}/1000 of the undisturbed time",
    Phase.SPEAKING: "{n}/1000 of the undisturbed time from its first word on",
}


@dataclass(frozen=True, slots=True, order=True)
class Coordinate:
    """Where a fault lands. ``batch`` counts from 1; ``task`` counts the run's concurrent tasks from 0."""

    batch: int
    phase: Phase
    task: int = 0

    def __str__(self) -> str:
        """As written in reports: ``batch 3, committed-unacknowledged``."""
        return _SAID.get(self.phase, "batch {n}, {phase}").format(n=self.batch, phase=self.phase)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing done to one victim at one coordinate."""

    action: Action
    victim: Victim
    at: Coordinate

    def __str__(self) -> str:
        """As a person says it: ``kill server at batch 3, acknowledged``."""
        return f"{self.action} {self.victim} at {self.at}"

    def to_json(self) -> dict[str, Any]:
        """Encode."""
        return {
            "action": self.action,
            "victim": self.victim,
            "task": self.at.task,
            "batch": self.at.batch,
            "phase": self.at.phase,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fault:
        """Decode; raises KeyError, ValueError, TypeError or OverflowError on anything else."""
        at = Coordinate(int(data["batch"]), Phase(data["phase"]), int(data["task"]))
        return cls(Action(data["action"]), Victim(data["victim"]), at)


@dataclass(frozen=True, slots=True)
class Plan:
    """The faults of one run, in the order in which they are to land, over one protocol revision."""

    scenario: str
    protocol: str
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        """As a person says it."""
        return ", then ".join(map(str, self.faults)) or "no faults"

    @property
    def size(self) -> tuple[int, int, int]:
        """The order of shrinking: fewer faults first, then gentler ones, then earlier ones."""
        harshness = sum(_HARSHNESS[f.action] + (f.victim is Victim.BOTH) for f in self.faults)
        return len(self.faults), harshness, sum(f.at.batch for f in self.faults)

    def to_json(self) -> dict[str, Any]:
        """Encode."""
        return {
            "format": PLAN_FORMAT,
            "scenario": self.scenario,
            "protocol": self.protocol,
            "faults": [f.to_json() for f in self.faults],
        }

    def to_text(self) -> str:
        """Encode canonically: equal plans have equal bytes."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that name this plan."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()[:12]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """Decode; raises UsageError for an unknown format or a plan that cannot be read."""
        if not isinstance(data, Mapping):
            raise UsageError(f"a plan is a JSON object, and this is {data!r}")
        if data.get("format") != PLAN_FORMAT:
            raise UsageError(f"this plan has format {data.get('format')!r}, this version reads format {PLAN_FORMAT}")
        try:
            faults = tuple(Fault.from_json(f) for f in data["faults"])
            return cls(str(data["scenario"]), str(data["protocol"]), faults)
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise UsageError(f"this plan cannot be read: {error!r}") from error
