"""A session as a list of runs: what of each is needed to find it again, and the matrix that they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_crashtest.model import coordinates
from mcp_crashtest.model.coordinates import Batch, Coordinate, Moment, Since, Syscall, Window
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.telling.places import place
from mcp_crashtest.telling.words import clean

_MOST_BATCHES = 20
_GRAVITY = {"FAIL": 0, "INVALID": 1}
_TENTH = 100
_WINDOWS = {
    "submission-unanswered": "unanswered",
    "submission-answered": "answered",
    "asking": "question",
    "input-required": "asked",
    "ended": "end",
}
_PHASES = {
    "before-write": "before write",
    "written-uncommitted": "written",
    "committed-unacknowledged": "committed",
    "acknowledged": "acknowl.",
}


@dataclass(frozen=True, slots=True)
class Played:
    """One run, as a list of runs needs it. ``id`` is ``profile/scenario/name``, the last part its folder's name.

    ``column`` is where its fault fell; None where it has none, or several. ``rate``: so many of so many tries failed.
    """

    id: str
    profile: str
    scenario: str
    name: str
    protocol: str
    verdict: str
    plan: str
    plain: str
    victims: tuple[str, ...]
    faults: int
    kills: int
    batch: int
    broke: tuple[str, ...] = ()
    recoveries: tuple[float, ...] = ()
    again: int | None = None
    reported: int | None = None
    acks: int = 0
    lives: int = 0
    column: str | None = None
    rate: tuple[int, int] | None = None
    memory: tuple[int, ...] = ()
    written: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the matrix: what stands above it, and above it and its neighbours."""

    id: str
    label: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A scenario: its verdict, its figures, and the columns that its runs take."""

    profile: str
    scenario: str
    level: int
    story: str
    verdict: str
    reason: str
    plans: int
    runs: int
    faults: int
    kills: int
    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Unplayed:
    """A planned run that was not played, and why; ``plan`` says where its fault was to land, if it has one alone."""

    profile: str
    scenario: str
    number: int
    plan: str
    why: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Matrix:
    """Scenario by coordinate. ``quiet`` are scenarios that no run was played of, each with its reason."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    quiet: tuple[Row, ...]
    unplayed: tuple[Unplayed, ...] = ()


def where(plan: Plan) -> Coordinate | None:
    """Where the one fault of a plan falls; None where there is none, or more than one."""
    return plan.faults[0].at if len(plan.faults) == 1 else None


def column_of(at: Coordinate | None, batches: int) -> str | None:
    """The id of the column for this coordinate, where a job has so many batches."""
    match at:
        case Batch():
            number = at.number if batches <= _MOST_BATCHES else -(-at.number * _MOST_BATCHES // batches)
            phase = at.phase.value if at.phase is not None and at.parks and batches <= _MOST_BATCHES else ""
            return f"batch {number} {phase}".strip()
        case Window():
            return f"window {_WINDOWS.get(at.name.value, at.name.value)}"
        case Moment() if at.since is not Since.FAULT:
            return f"moment {min(at.thousandths // _TENTH + 1, 11)}"
        case Syscall():
            return f"syscall {at.name}"
        case _:
            return None


def matrix(certificate: Mapping[str, Any], runs: Sequence[Played], batches: int) -> Matrix:
    """Sort the runs of a session into a matrix, what failed on top; ``batches`` is how many the job has.

    A scenario that turned out not to apply has its row all the same, where runs of it were played.
    """
    with_runs = {(run.profile, run.scenario) for run in runs}
    told = [_row(s) for s in certificate["scenarios"] if s.get("applies", True) or (s["profile"], s["id"]) in with_runs]
    told.sort(key=lambda row: _GRAVITY.get(row.verdict, len(_GRAVITY)))
    rows = tuple(row for row in told if (row.profile, row.scenario) in with_runs)
    quiet = tuple(row for row in told if (row.profile, row.scenario) not in with_runs)
    open_runs = tuple(open_ for s in certificate["scenarios"] for open_ in _unplayed(s, batches))
    columns = _columns((run.column for run in runs), batches)
    return Matrix(columns, rows, quiet, open_runs)


def _row(s: Mapping[str, Any]) -> Row:
    recovery = s.get("recovery_s") or {}
    return Row(
        s["profile"],
        s["id"],
        int(s["level"]),
        clean(s.get("story", ""), 300),
        s["verdict"],
        clean(s["reason"], 600),
        int(s.get("plans", 0)),
        int(s["runs"]),
        int(s["faults_confirmed"]),
        int(s["kills_confirmed"]),
        recovery.get("p50"),
        recovery.get("p95"),
    )


def _unplayed(s: Mapping[str, Any], batches: int) -> Iterable[Unplayed]:
    for one in s.get("unplayed") or ():
        try:
            at = coordinates.from_json(one["at"]) if one.get("at") else None
            plan = place(at) if at else clean(one["plan"], 300)
            said = (s["profile"], s["id"], int(one["number"]), plan, clean(one["why"], 300))
            yield Unplayed(*said, column_of(at, batches))
        except (KeyError, TypeError, ValueError, UsageError):
            continue


def _columns(taken: Iterable[str | None], batches: int) -> tuple[Column, ...]:
    """Batches in their order, then windows, moments and calls; of batches all between the first and the last."""
    found = {column for column in taken if column is not None}
    phases = [phase for phase in _PHASES if any(c.startswith("batch ") and c.endswith(f" {phase}") for c in found)]
    whole = any(c.startswith("batch ") and c.count(" ") == 1 for c in found)
    columns = []
    if whole or phases:
        for number in range(1, min(batches, _MOST_BATCHES) + 1):
            label = str(number) if batches <= _MOST_BATCHES else _span(number, batches)
            columns += [Column(f"batch {number} {phase}", _PHASES[phase], f"batch {label}") for phase in phases]
            if whole:
                above, name = (f"batch {label}", "seen") if phases else ("batch", label)
                columns.append(Column(f"batch {number}", name, above))
    columns += [Column(f"window {w}", w, "window") for w in _WINDOWS.values() if f"window {w}" in found]
    moments = sorted(int(c.split()[1]) for c in found if c.startswith("moment "))
    columns += [Column(f"moment {n}", str(n) if n <= 10 else "later", "tenth of the job") for n in moments]
    return (*columns, *(Column(c, c.split()[1], "system call") for c in sorted(found) if c.startswith("syscall ")))


def _span(number: int, batches: int) -> str:
    first, last = (number - 1) * batches // _MOST_BATCHES + 1, number * batches // _MOST_BATCHES
    return f"{first}-{last}" if first < last else str(last)
