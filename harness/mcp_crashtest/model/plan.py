"""Plans: the faults of one run and where each of them lands. Pure data, printed, saved and replayed.

A plan is a list of faults in the order in which they land, and the circumstances of the run. ``steps`` says in which
order they land and are healed; playing them is another room's work.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mcp_crashtest.model import format_1
from mcp_crashtest.model.calls import Engine
from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.coordinates import During, Moment, Since, Syscall
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import Fault, Right, Victim
from mcp_crashtest.model.losses import POWER, Loss

PLAN_FORMAT = 2


class Absence(StrEnum):
    """How long a client that left, was killed or lost its connections stays away, in batches of the undisturbed job."""

    AT_ONCE = "at-once"
    WITHIN_BATCH = "within-batch"
    AFTER_BATCH = "after-batch"
    AFTER_TWO = "after-two-batches"
    UNTIL_QUIET = "until-quiet"  # until nothing has been written for two batches, and three seconds at most

    @property
    def batches(self) -> float:
        """The time for which it is away, in batches; of UNTIL_QUIET how long nothing must have been written."""
        return _ABSENT_BATCHES[self]


_ABSENT_BATCHES = {
    Absence.AT_ONCE: 0.0,
    Absence.WITHIN_BATCH: 0.5,
    Absence.AFTER_BATCH: 1.5,
    Absence.AFTER_TWO: 2.5,
    Absence.UNTIL_QUIET: 2.0,
}


AFTER_THE_END = Fault("kill", Victim.SERVER, Moment(0, Since.FAULT))
"""What is done to a server that has an afterlife, once its output was seen."""
AFTER_THE_END_TOLD = "kill server after the end"
"""As a person says that."""


@dataclass(frozen=True, slots=True)
class Size:
    """Another size of the job than the profile's: ``records`` in batches of ``batch``."""

    records: int
    batch: int

    @property
    def batches(self) -> int:
        """How many batches it has; the last may be short."""
        return -(-self.records // self.batch)


@dataclass(frozen=True, slots=True)
class Step:
    """A fault lands, or is healed. ``number`` is the fault's in its plan, from 1."""

    number: int
    fault: Fault
    heals: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The faults of one run, in the order in which they are to land, over one protocol revision.

    ``absence`` is how long a client stays away; ``workload`` another size of the job; ``cold``: lives behind a fault,
    and those of an undisturbed run, come from no fork server; ``hash_seed`` is Python's for all lives; ``afterlife``:
    after its end the server is killed and asked once more, or, with ``cut``, its power fails then; ``companion``:
    behind the last fault a second client comes, whose job, if it is its own, has the size ``second`` or else that of
    the first; of a ``CROWD`` a third one has jobs of the size ``third``; ``owed``: a second job is taken behind the
    first where nobody is killed, or is to be seen to be. ``engine``: the server's system calls are
    counted so, in all of its lives. Raises UsageError for a fault that is to land during one that does not last any
    more, or not yet, before a call that nobody counts, or for a power cut where nobody records.
    """

    scenario: str
    protocol: str
    faults: tuple[Fault, ...]
    absence: Absence = Absence.AT_ONCE
    workload: Size | None = None
    cold: bool = False
    hash_seed: int | None = None
    afterlife: bool = False
    companion: Companion | None = None
    second: Size | None = None
    third: Size | None = None
    engine: Engine | None = None
    cut: Loss | None = None
    owed: bool = False

    def __post_init__(self) -> None:
        """Refuse an impossible order."""
        if self.engine is None and any(isinstance(fault.at, Syscall) for fault in self.faults):
            raise UsageError(f"a fault before a system call needs an engine that counts them: {', '.join(Engine)}")
        if self.engine is not Engine.RECORD and any(fault.kind == POWER for fault in (*self.faults, self.last)):
            raise UsageError(f"a {POWER} needs the engine that keeps what is written: {Engine.RECORD}")
        lasting: list[int] = []
        for number, fault in enumerate(self.faults, start=1):
            if isinstance(fault.at, During):
                if fault.at.fault not in lasting:
                    raise UsageError(f"fault {number}, {fault}: there is no fault {fault.at.fault} that lasts then")
                del lasting[lasting.index(fault.at.fault) + 1 :]
            else:
                lasting.clear()
            lasting.append(number)

    def __str__(self) -> str:
        """As a person says it."""
        told = [*map(str, self.faults), *([self.last_told] if self.afterlife else [])]
        size = f", with {self.workload.records} records in batches of {self.workload.batch}" if self.workload else ""
        start = ", the restart cold" if self.cold else ""
        absence = f", the client away {self.absence}" if self.absence is not Absence.AT_ONCE else ""
        beside = f", {self.companion.told}" if self.companion else ""
        return (", then ".join(told) or "no faults") + beside + absence + size + start

    @property
    def size(self) -> tuple[int, int, int]:
        """The order of shrinking: fewer faults first, then gentler ones, then earlier ones."""
        return (
            len(self.faults) + self.afterlife,
            sum(f.harshness for f in self.faults),
            sum(f.at.order for f in self.faults),
        )

    @property
    def sizes(self) -> tuple[Size | None, ...]:
        """Of its own job, and of those beside it; None where it has no other one."""
        return self.workload, self.second, self.third

    @property
    def needs(self) -> frozenset[Right]:
        """The rights without which it cannot be played."""
        last = (self.last,) if self.afterlife else ()
        return frozenset[Right]().union(*(fault.needs for fault in (*self.faults, *last)))

    @property
    def last(self) -> Fault:
        """What is done to the server behind the end, where that has an afterlife."""
        at = AFTER_THE_END
        return at if self.cut is None else Fault(POWER, at.victim, at.at, settings=self.cut.to_settings())

    @property
    def last_told(self) -> str:
        """As a person says that."""
        return AFTER_THE_END_TOLD if self.cut is None else f"{POWER} {Victim.SERVER} after the end, {self.cut}"

    @property
    def operates(self) -> bool:
        """Whether something is asked of the server beside its job."""
        return any(fault.operates for fault in self.faults)

    def steps(self) -> Iterator[Step]:
        """Landings and healings in order: a fault is healed before the next one that does not land during it."""
        lasting: list[int] = []
        for number, fault in enumerate(self.faults, start=1):
            keeps = fault.at.fault if isinstance(fault.at, During) else None
            while lasting and lasting[-1] != keeps:
                healed = lasting.pop()
                yield Step(healed, self.faults[healed - 1], heals=True)
            yield Step(number, fault, heals=False)
            lasting.append(number)
        for healed in reversed(lasting):
            yield Step(healed, self.faults[healed - 1], heals=True)

    def to_json(self) -> dict[str, Any]:
        """Encode."""
        beside: dict[str, Any] = (
            {"companion": self.companion.value, "second": _sized(self.second)} if self.companion else {}
        )
        beside |= {"third": _sized(self.third)} if self.third else {}
        return {
            "format": PLAN_FORMAT,
            "scenario": self.scenario,
            "protocol": self.protocol,
            "faults": [f.to_json() for f in self.faults],
            "absence": self.absence,
            "workload": _sized(self.workload),
            "cold": self.cold,
            "hash_seed": self.hash_seed,
            "afterlife": self.afterlife,
            **beside,  # plans of earlier versions have neither, and keep their digests
            **({"engine": self.engine} if self.engine else {}),
            **({"cut": self.cut.to_settings()} if self.cut else {}),
            **({"owed": True} if self.owed else {}),
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
        """Decode, also what format 1 has written; raises UsageError for another one, or what cannot be read."""
        if not isinstance(data, Mapping):
            raise UsageError(f"a plan is a JSON object, and this is {data!r}")
        if data.get("format") not in (format_1.FORMAT, PLAN_FORMAT):
            raise UsageError(
                f"this plan has format {data.get('format')!r}, this version reads formats {format_1.FORMAT} and "
                f"{PLAN_FORMAT}"
            )
        try:
            if data["format"] == format_1.FORMAT:
                data = format_1.plan(data)
            return cls(
                str(data["scenario"]),
                str(data["protocol"]),
                tuple(Fault.from_json(f) for f in data["faults"]),
                Absence(data["absence"]),
                None if data["workload"] is None else _size(data["workload"]),
                bool(data["cold"]),
                None if data["hash_seed"] is None else int(data["hash_seed"]),
                bool(data["afterlife"]),
                Companion(data["companion"]) if data.get("companion") else None,
                _size(data["second"]) if data.get("second") else None,
                _size(data["third"]) if data.get("third") else None,
                Engine(data["engine"]) if data.get("engine") else None,
                Loss.from_settings(data["cut"]) if data.get("cut") is not None else None,
                bool(data.get("owed")),
            )
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise UsageError(f"this plan cannot be read: {error!r}") from error


def _sized(size: Size | None) -> dict[str, int] | None:
    return {"records": size.records, "batch": size.batch} if size else None


def _size(data: Mapping[str, Any]) -> Size:
    return Size(int(data["records"]), int(data["batch"]))
