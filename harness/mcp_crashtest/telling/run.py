"""One run, told whole: who lived when, who asked whom, how far it was, what became of the records, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.companions import AGAIN, is_of_second
from mcp_crashtest.model.operation import History, Op, Operation, Type, name_of
from mcp_crashtest.telling.calls import Ack, Call, acks, calls
from mcp_crashtest.telling.causes import Left, why
from mcp_crashtest.telling.lives import CLIENT, Bolt, Lane, bolts, lanes
from mcp_crashtest.telling.records import Compared, Fate, Rows, compared, expected_records, fates, rows
from mcp_crashtest.telling.steps import Cast, Step, steps
from mcp_crashtest.telling.stories import stories
from mcp_crashtest.telling.words import clean, plural
from mcp_crashtest.telling.work import MOST_LINES, Line, Work, work

_MOST_POINTS = 400
_MOST_EVENTS, _AROUND = 240, 6
_LONGEST_VALUE = 240


@dataclass(frozen=True, slots=True)
class Executed:
    """A line of the ledger: whose task, which record, and when the lab saw it, in seconds of the run's clock."""

    task: str
    record: str
    seen_s: float | None = None


@dataclass(frozen=True, slots=True)
class Telling:
    """Everything that a picture of a run shows. Staircases are pairs of seconds and records.

    ``executed`` counts lines of the ledger, ``distinct`` the different records among them, ``counted`` the lines that
    the lab found when a fault was proven; ``again`` is how many executions were repeats, None without a ledger.
    ``why`` says what led to a harm, as far as the evidence shows it; ``stories`` are the fates' own.
    """

    end: float
    lanes: tuple[Lane, ...]
    bolts: tuple[Bolt, ...]
    calls: tuple[Call, ...]
    acks: tuple[Ack, ...]
    acknowledged: tuple[tuple[float, int], ...]
    executed: tuple[tuple[float, int], ...]
    distinct: tuple[tuple[float, int], ...]
    counted: tuple[tuple[float, int], ...]
    again: int | None
    records: Compared
    fates: tuple[Fate, ...]
    why: tuple[str, ...]
    stories: tuple[str, ...]
    steps: tuple[Step, ...]
    events: tuple[tuple[Any, ...], ...]
    folded: int


def tell(
    history: History,
    ledger: Sequence[Executed] | None,
    *,
    wrong: bool,
    left: Sequence[Left] = (),
    broke: Collection[str] | None = None,
) -> Telling:
    """Tell a run. ``ledger``: its lines in order, None without one; ``wrong``: an invariant is broken in it.

    ``left`` are the files of the subject's state when the run was over, ``broke`` the invariants that are broken.
    """
    struck = bolts(history)
    everybody = lanes(history, struck)
    made = calls(history, everybody, struck)
    told = acks(history, made)
    struck = tuple(replace(bolt, done=_told_by(bolt, told)) for bolt in struck)
    golden = expected_records(history)
    output = _output(history)
    seen = compared(history, golden, output)
    lines = _lines(ledger, golden, output)
    blocking = history.header.blocking
    done = work(lines, made, told, everybody, struck, blocking=blocking) if lines else None
    became = fates(history, golden, output, seen, done)
    names = None if broke is None else frozenset(broke)
    cast = Cast(history, everybody, struck, made, told, done, seen, wrong, names)
    executed, distinct = _stairs(done, cast.end if seen.at is None else seen.at)
    shown, folded = events(history)
    return Telling(
        end=cast.end,
        lanes=everybody,
        bolts=struck,
        calls=made,
        acks=thinned(told),
        acknowledged=thinned([(ack.t, ack.done) for ack in told if ack.done]),
        executed=thinned(executed),
        distinct=thinned(distinct),
        counted=tuple(
            (bolt.counted, bolt.lines) for bolt in struck if bolt.lines is not None and bolt.counted is not None
        ),
        again=_again(history, ledger),
        records=seen,
        fates=became,
        why=why(cast, left),
        stories=stories(became, done, struck),
        steps=steps(cast),
        events=shown,
        folded=folded,
    )


def _told_by(bolt: Bolt, told: Sequence[Ack]) -> int | None:
    """What the first client had been told when the fault fell."""
    heard = [ack.done for ack in told if ack.client == CLIENT and ack.t <= bolt.at]
    return bolt.done if bolt.done is None else max(heard, default=bolt.done)


def _output(history: History) -> Operation | None:
    """The first client's last output, before it was read again behind a second job."""
    given = [o for o in history.of(Op.OUTPUT) if not is_of_second(o) and o.process != AGAIN]
    good = [o for o in given if o.type is Type.OK]
    return next(reversed(good or given), None)


def _lines(ledger: Sequence[Executed] | None, golden: Rows, output: Operation | None) -> list[Line]:
    """The lines of the task that gave the output: a submission whose answer was lost may have begun another."""
    if not ledger or not len(golden) or len(ledger) > MOST_LINES:
        return []
    mine = name_of(output.task) if output is not None and output.task else None
    tasks = {line.task for line in ledger}
    places = {key: n for n, (key, _) in enumerate(rows(golden))}
    return [Line(places.get(one.record, -1), one.seen_s) for one in ledger if mine not in tasks or one.task == mine]


def _stairs(done: Work | None, at_last: float) -> tuple[list[tuple[float, int]], list[tuple[float, int]]]:
    """How many lines there were by when, and how many different records."""
    executed: dict[float, int] = {}
    distinct: dict[float, int] = {}
    known: set[int] = set()
    for n, line in enumerate(done.lines if done else ()):
        date = line.seen_s if line.seen_s is not None else done.dates[n] if done else None
        known.add(line.place)
        executed[at_last if date is None else date] = n + 1
        distinct[at_last if date is None else date] = len(known)
    return sorted(executed.items()), sorted(distinct.items())


def _again(history: History, ledger: Sequence[Executed] | None) -> int | None:
    """How many executions were repeats, by the table that the history holds, or by the lines themselves."""
    for o in history.of(Op.EFFECTS):
        table = o.value.get("executions")
        if isinstance(table, Table | list | tuple):
            return sum(int(row[2]) - 1 for row in table)
    return None if ledger is None else len(ledger) - len({(one.task, one.record) for one in ledger})


def thinned(points: Sequence[Any]) -> tuple[Any, ...]:
    """As many as a picture can show, the first and the last among them."""
    if len(points) <= _MOST_POINTS:
        return tuple(points)
    step = (len(points) - 1) / (_MOST_POINTS - 1)
    return tuple(points[round(n * step)] for n in range(_MOST_POINTS))


# --- the events, as a table shows them


def events(history: History) -> tuple[tuple[tuple[Any, ...], ...], int]:
    """Number, time, process, type, operation, life and what was said of each event, and how many were folded in.

    Of a long history those around the faults are shown, its beginning and end, and whatever is no mere progress.
    """
    chosen = list(history.operations)
    if len(chosen) > _MOST_EVENTS:
        near = {n + d for n, o in enumerate(chosen) if o.op is Op.FAULT for d in range(-_AROUND, _AROUND + 1)}
        edge = (*range(_MOST_EVENTS // 4), *range(len(chosen) - _MOST_EVENTS // 4, len(chosen)))
        dull = (Op.PROGRESS, Op.STREAM, Op.STATUS)
        keep = near.union(edge, (n for n, o in enumerate(chosen) if o.op not in dull))
        chosen = [o for n, o in enumerate(chosen) if n in keep][: 2 * _MOST_EVENTS]
    shown = tuple((o.i, o.t, o.process, o.type.value, o.op.value, o.life, said(o.value)) for o in chosen)
    return shown, len(history.operations) - len(shown)


def said(value: Mapping[str, Any]) -> str:
    """What an event says, in a line; tables by their size."""
    told = (f"{name}: {_short(name, one)}" for name, one in value.items() if name not in ("at", "document"))
    return clean(", ".join(told), _LONGEST_VALUE)


def _short(name: str, value: Any) -> str:
    if name == "executions" and isinstance(value, Table | list | tuple):
        return f"{sum(int(row[2]) for row in value)} of {plural(len(value), 'record')}"
    if isinstance(value, Table):
        return f"{len(value)} rows"
    if isinstance(value, list | tuple) and len(value) > 6:
        return f"{len(value)} values"
    return str(value)
