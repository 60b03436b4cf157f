"""Who wrote which line of the ledger, and by when: from the lines' order, and from their times where the lab saw them.

A ledger has an order and no clock of its own. A *pass* ends where work is done again: what comes next was written by
somebody who had started anew. Where there are as many passes as calls (or lives of the server), each is the work of
one; where there are more, two worked side by side, and the ledger does not tell whose line is whose: nobody is named.
Where the lab has counted the lines when a kill of the server was proven, nothing behind them is the dead life's.
A line is dated by the moment at which the lab saw it, or else by the first acknowledgement that must lie behind it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from mcp_crashtest.telling.calls import Ack, Call
from mcp_crashtest.telling.lives import SERVER, Bolt, Lane, Life

T = TypeVar("T")
MOST_LINES = 20_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the ledger: the record's place among the expected ones (-1: none), and when the lab saw it."""

    place: int
    seen_s: float | None = None


@dataclass(frozen=True, slots=True)
class Writing:
    """Lines of the ledger, from 1, that tell one story: by when they were there, and who wrote them, where known.

    ``seen``: the time is the lines' own, and not that of something behind them.
    """

    first: int
    last: int
    by: float | None
    call: int | None = None
    client: int | None = None
    server: int | None = None
    seen: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """All lines, who wrote them, and whether two worked side by side.

    ``bounds``: a killed life, and how many lines there were when it was proven dead; ``newest`` is the latest life.
    """

    lines: tuple[Line, ...]
    passes: tuple[tuple[int, int], ...]
    authors: tuple[Call | None, ...]
    lives: tuple[int | None, ...]
    dates: tuple[float | None, ...]
    side_by_side: bool
    bounds: tuple[tuple[int, int], ...] = ()
    newest: int = 0

    def server(self, at: int) -> int | None:
        """Whose line it is, by the counts at the deaths of lives, or else by its pass; None where nobody knows."""
        mine = self.lives[self._pass(at)]
        first = max((number + 1 for number, counted in self.bounds if counted <= at), default=1)
        last = min((number for number, counted in self.bounds if counted > at), default=self.newest)
        if first == last:
            return first
        return mine if mine is not None and first <= mine <= last else None

    def _pass(self, at: int) -> int:
        return next(n for n, (begin, end) in enumerate(self.passes) if begin <= at < end)

    def writing(self, at: int) -> Writing:
        """What is known of one line, by its index."""
        author, server, seen = self.authors[self._pass(at)], self.server(at), self.lines[at].seen_s
        if author and server and author.server != server:
            author = None
        return Writing(
            at + 1,
            at + 1,
            seen if seen is not None else self.dates[at],
            author.number if author else None,
            author.life if author else None,
            server,
            seen is not None,
        )


def passes(lines: Sequence[Line]) -> tuple[tuple[int, int], ...]:
    """Where work was done again begins another pass; from and to, as indexes."""
    known: set[int] = set()
    starts, again = [0], False
    for at, line in enumerate(lines):
        repeated = line.place in known
        if repeated and not again:
            starts.append(at)
        again = repeated
        known.add(line.place)
    return tuple(pairwise([*starts, len(lines)])) if lines else ()


def work(
    lines: Sequence[Line],
    made: Sequence[Call],
    told: Sequence[Ack],
    lanes: Sequence[Lane],
    struck: Sequence[Bolt] = (),
    *,
    blocking: bool,
) -> Work:
    """Tell whose work the lines are. ``blocking``: a call comes back with the output, and does the job itself."""
    parts = passes(lines)
    reached = [call for call in made if call.outcome != "refused"]
    lived = [life for lane in lanes if lane.who == SERVER for life in lane.lives]
    callers = _one_each(parts, reached) if blocking else (None,) * len(parts)
    numbers = _one_each(parts, lived)
    lives = tuple(
        caller.server if caller else life.number if life and _alone(life, lived, lines[begin:end]) else None
        for caller, life, (begin, end) in zip(callers, numbers, parts, strict=True)
    )
    beside = len(parts) > max(len(reached) if blocking else 0, len(lived), 1)
    born = {life.number: life.began for life in lived}
    since = [0.0 if n == 0 else born.get(number or 0, math.inf) for n, number in enumerate(lives)]
    dates = _dates(lines, parts, callers, told, since, beside=beside)
    for (begin, end), number in zip(parts, lives, strict=True):  # a dead server writes nothing
        dead = next((life.ended for life in lived if life.number == number and life.how == "killed"), None)
        for at in range(begin, end):
            dates[at] = dead if dates[at] is None else dates[at]
    _date_by_successors(dates)
    callers = tuple(
        None if caller and _others_under_way(caller, reached, lines[begin:end]) else caller
        for caller, (begin, end) in zip(callers, parts, strict=True)
    )
    newest = max((life.number for life in lived), default=0)
    return Work(tuple(lines), parts, callers, lives, tuple(dates), beside, _bounds(lived, struck), newest)


def _alone(mine: Life, lived: Sequence[Life], lines: Sequence[Line]) -> bool:
    """Whether no other life was there while these lines were seen to come."""
    seen = [line.seen_s for line in lines if line.seen_s is not None]
    return not any(life.began <= t < life.ended for life in lived if life is not mine for t in seen)


def _others_under_way(mine: Call, reached: Sequence[Call], lines: Sequence[Line]) -> bool:
    """Whether another call waits for its answer while these lines are seen to come: they may be its as well."""
    others = [call for call in reached if call is not mine]
    seen = [line.seen_s for line in lines if line.seen_s is not None]
    return any(call.began <= t < call.ended for call in others for t in seen)


def _bounds(lived: Sequence[Life], struck: Sequence[Bolt]) -> tuple[tuple[int, int], ...]:
    """For each life that was killed how many lines there were once it was dead."""
    counts = {bolt.at: bolt.lines for bolt in struck if bolt.landed and bolt.kills and bolt.lines is not None}
    dead = [life for life in lived if life.how == "killed" and life.ended in counts]
    return tuple((life.number, counts[life.ended]) for life in dead)


def _one_each(parts: Sequence[object], those: Sequence[T]) -> tuple[T | None, ...]:
    """Each pass's own one, where there are as many of them; the first one's where there is one pass of the first."""
    if len(those) == 1:
        return (those[0],) * len(parts)
    if len(parts) == len(those):
        return tuple(those)
    return (None,) * len(parts)


def _dates(
    lines: Sequence[Line],
    parts: Sequence[tuple[int, int]],
    callers: Sequence[Call | None],
    told: Sequence[Ack],
    since: Sequence[float],
    *,
    beside: bool,
) -> list[float | None]:
    """By when each line was there; ``since`` is when the work of each pass can have begun at the earliest."""
    dates: list[float | None] = [None] * len(lines)
    whole = [(0, len(lines))] if beside else parts
    mine = zip(whole, [None] if beside else callers, [0.0] if beside else since, strict=True)
    for (begin, end), caller, earliest in mine:
        places = {lines[at].place: at for at in range(end - 1, begin - 1, -1)}
        counted = _counted(lines, begin, end)
        at = begin
        for ack in told:
            if ack.call != caller.number if caller is not None else ack.t < earliest:
                continue  # it is no word of this work
            reached = places.get(ack.done - 1, counted.get(ack.done))
            if reached is None or reached < at:
                continue
            for n in range(at, reached + 1):
                dates[n] = ack.t if dates[n] is None else dates[n]
            at = reached + 1
    return dates


def _counted(lines: Sequence[Line], begin: int, end: int) -> Mapping[int, int]:
    """How many different records there were by a line, by that number."""
    known = {line.place for line in lines[:begin]}
    found: dict[int, int] = {}
    for at in range(begin, end):
        known.add(lines[at].place)
        found.setdefault(len(known), at)
    return found


def _date_by_successors(dates: list[float | None]) -> None:
    """Lines are written in order: whatever stands before a dated line was there by then."""
    later: float | None = None
    for at in range(len(dates) - 1, -1, -1):
        mine = dates[at]
        if mine is not None and (later is None or mine < later):
            later = mine
        dates[at] = later
