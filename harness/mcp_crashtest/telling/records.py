"""The records: expected against actual, and the own story of every record that came to harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.telling.work import Work, Writing

SAME, TWICE, LOST, UNEXPECTED, CHANGED, MOVED = "same", "twice", "lost", "unexpected", "changed", "moved"
_MOST_FATES = 200
_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class Hunk:
    """Neighbours in the output that share a fate: so many from the place of the first among the expected (from 0)."""

    kind: str
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of neighbouring records: how often each is in the output, and when the ledger has it from whom.

    ``first`` and ``last`` are places among the expected records from 0 (-1: nobody expected it), ``names`` theirs.
    """

    kind: str
    first: int
    last: int
    names: tuple[str, str]
    times: int
    batch: int
    written: tuple[Writing, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """A value of a client's result that is not the undisturbed run's."""

    path: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Compared:
    """What an output has of the expected records; ``hunks`` in the order of the output, what is lost at its place.

    ``event`` is the output's, ``at`` its time; None where there was no output. ``reported``: the count that the
    subject names. ``differences`` are those of a client's result.
    """

    expected: int
    event: int | None = None
    at: float | None = None
    found: int | None = None
    reported: int | None = None
    hunks: tuple[Hunk, ...] = ()
    failed: str | None = None
    differences: tuple[Difference, ...] = ()
    of_client: bool = False


Rows = Table | Sequence[Any]
"""Records, or a client's result: each a key and what stands for its content."""


def expected_records(history: History) -> Rows:
    """The golden run's records; of the first job where there are two. Empty where nobody saw any."""
    found = next((o.value.get("records") for o in history.of(Op.EXPECT) if o.process == "lab"), None)
    return found if isinstance(found, Table | list | tuple) else ()


def rows(value: Any) -> list[tuple[str, str]]:
    """Each row's key and what stands for its content."""
    return [(str(row[0]), str(row[1])) for row in value] if isinstance(value, Table | list | tuple) else []


def compared(history: History, golden: Rows, output: Operation | None) -> Compared:
    """Hold an output against what was expected."""
    total = int(history.header.workload.get("records", len(golden)))
    if output is None:
        return Compared(total)
    if output.type is not Type.OK:
        return Compared(
            total, output.i, output.t, failed=str(output.value.get("error", output.value.get("reason", "")))
        )
    counted = output.value.get("count")
    reported = int(counted) if isinstance(counted, int | float) else None
    if "result" in output.value:
        return Compared(total, output.i, output.t, differences=_differences(history, output), of_client=True)
    given = output.value.get("records")
    if given is None or not len(golden):
        return Compared(total, output.i, output.t, reported=reported)
    if given is golden:  # one table, which many runs share
        return Compared(total, output.i, output.t, len(golden), reported, (Hunk(SAME, 0, len(golden)),))
    found = rows(given)
    return Compared(total, output.i, output.t, len(found), reported, tuple(_hunks(rows(golden), found)))


def _differences(history: History, output: Operation) -> tuple[Difference, ...]:
    """Where a client's result is another than the undisturbed one's, path by path."""
    wanted = next((o.value.get("result") for o in history.of(Op.EXPECT)), None)
    then, now = (dict(rows(side)) for side in (wanted, output.value["result"]))
    return tuple(
        Difference(path, then.get(path, "nothing"), now.get(path, "nothing"))
        for path in dict.fromkeys([*then, *now])
        if then.get(path) != now.get(path)
    )


def _hunks(golden: Sequence[tuple[str, str]], given: Sequence[tuple[str, str]]) -> list[Hunk]:
    places = {key: n for n, (key, _) in reversed(list(enumerate(golden)))}
    kinds: list[tuple[str, int]] = []
    known: set[int] = set()
    highest = -1
    for key, digest in given:
        place = places.get(key, -1)
        if place < 0:
            kinds.append((UNEXPECTED, -1))
        elif place in known:
            kinds.append((TWICE, place))
        else:
            known.add(place)
            kind = CHANGED if golden[place][1] != digest else MOVED if place < highest else SAME
            kinds.append((kind, place))
            highest = max(highest, place)
    return _joined(_with_lost(kinds, [n for n in range(len(golden)) if n not in known]))


def _with_lost(kinds: list[tuple[str, int]], lost: list[int]) -> list[tuple[str, int]]:
    """What is lost stands where it would have stood."""
    if not lost:
        return kinds
    shown: list[tuple[str, int]] = []
    waiting = iter([*lost, None])
    coming = next(waiting)
    for kind, place in kinds:
        while coming is not None and kind != TWICE and place > coming:
            shown.append((LOST, coming))
            coming = next(waiting)
        shown.append((kind, place))
    while coming is not None:
        shown.append((LOST, coming))
        coming = next(waiting)
    return shown


def _joined(kinds: Sequence[tuple[str, int]]) -> list[Hunk]:
    hunks: list[Hunk] = []
    for kind, place in kinds:
        last = hunks[-1] if hunks else None
        if last and last.kind == kind and (place == last.first + last.count or place == last.first == -1):
            hunks[-1] = replace(last, count=last.count + 1)
        else:
            hunks.append(Hunk(kind, place, 1))
    return hunks


def fates(
    history: History, golden: Rows, output: Operation | None, seen: Compared, done: Work | None
) -> tuple[Fate, ...]:
    """The story of every record that is lost, twice, changed or unexpected; neighbours of one story together."""
    if output is None or output.type is not Type.OK or all(hunk.kind in (SAME, MOVED) for hunk in seen.hunks):
        return ()
    keys = [key for key, _ in rows(golden)]
    batch = max(int(history.header.workload.get("batch", 1)), 1)
    times = Counter(key for key, _ in rows(output.value["records"]))
    harmed = {hunk.first + n: hunk.kind for hunk in seen.hunks if hunk.kind in (TWICE, LOST, CHANGED)
              for n in range(hunk.count)}  # fmt: skip
    at: dict[int, list[int]] = {}
    for n, line in enumerate(done.lines if done else ()):
        if line.place in harmed:
            at.setdefault(line.place, []).append(n)
    found: list[Fate] = []
    for place in sorted(harmed):
        name = keys[place]
        written = tuple(done.writing(n) for n in at.get(place, ())) if done else ()
        mine = Fate(harmed[place], place, place, (name, name), times[name], place // batch + 1, written)
        if found and (joined := _together(found[-1], mine)):
            found[-1] = joined
        elif len(found) < _MOST_FATES:
            found.append(mine)
    return (*found, *_strangers(set(keys), output))


def _together(last: Fate, mine: Fate) -> Fate | None:
    """Both as one where they are neighbours of one batch with one story."""
    alike = (last.kind, last.times, last.batch, len(last.written)) == (
        mine.kind,
        mine.times,
        mine.batch,
        len(mine.written),
    )
    if not alike or last.last != mine.first - 1:
        return None
    pairs = list(zip(last.written, mine.written, strict=True))
    if any((a.call, a.server, a.last + 1) != (b.call, b.server, b.first) for a, b in pairs):
        return None
    written = tuple(replace(a, last=b.last, by=max(filter(None, (a.by, b.by)), default=None)) for a, b in pairs)
    return replace(last, last=mine.last, names=(last.names[0], mine.names[1]), written=written)


def _strangers(known: set[str], output: Operation) -> tuple[Fate, ...]:
    strange = Counter(key for key, _ in rows(output.value["records"]) if key not in known)
    return tuple(Fate(UNEXPECTED, -1, -1, (key, key), n, 0) for key, n in list(strange.items())[:_MOST_NAMES])


def counted(hunks: Sequence[Hunk]) -> Mapping[str, int]:
    """How many records each fate has."""
    total: Counter[str] = Counter()
    for hunk in hunks:
        total[hunk.kind] += hunk.count
    return total
