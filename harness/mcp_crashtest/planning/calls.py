"""Plans for kills just before system calls: each of them once where a server makes the same ones in every run.

Where it does not, the n-th call is another one in another run. Then a place is the k-th call of one class, a kind of
call on one file, and places are drawn from the classes by turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mcp_crashtest.model.calls import ANSWER, ANY, SHORT, Call, Engine, names, told
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.faults import FAIL, Fault, Victim
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.planning.sequences import alternately

MOST_BATCHES = 5
_LAST_OF = 3
_IN_A_ROW = 4
_LEDGER, _MANY, _QUOTA = "ledger", 1000, 3
_SYNC, _NAME = ("EIO",), ("EIO", "ENOSPC")
_WRITE = ("EIO", "ENOSPC", SHORT, "EDQUOT", "EINTR")
_WAYS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("write", "pwrite", "writev", "pwritev", "copy"), _WRITE),
    **dict.fromkeys(("fsync", "fdatasync", "unlink"), _SYNC),
    **dict.fromkeys(("rename", "link", "ftruncate"), _NAME),
}
_RECOVERY, _ORIGINS, _ORIGINS_BEFORE = 60, 8, 3


@dataclass(frozen=True, slots=True)
class Life:
    """The calls of a life as a baseline has shown them: ``batches`` are theirs, ``steady``: each run makes the same."""

    calls: Sequence[Call]
    batches: Sequence[int]
    steady: bool


def small(records: int, batch: int, *, varies: bool) -> Size | None:
    """The size of a job that is small enough for a kill before each call; None for the profile's own."""
    return Size(MOST_BATCHES * batch, batch) if varies and records > MOST_BATCHES * batch else None


def in_both(calls: Sequence[Call], other: Sequence[Call]) -> list[Call]:
    """Those of the first run of which there are as many of their class in the other: the rest may not come again."""
    left, found = Counter(names(other)), []
    for call in calls:
        if left[call.name] > 0:
            left[call.name] -= 1
            found.append(call)
    return found


def places(seen: Life, most: int) -> list[Syscall]:
    """Every call, the first of each class first; or, where runs differ, so many drawn from the classes by turns."""
    by_class: dict[str, list[Syscall]] = {}
    for call, at in zip(seen.calls, _placed(seen), strict=True):
        by_class.setdefault(call.name, []).append(at)
    mixed = list(alternately(*(_spread(some) for some in by_class.values())))
    return mixed if seen.steady else mixed[:most]


def _placed(seen: Life) -> Iterator[Syscall]:
    """Of each call the place by which it is found in another run."""
    counted: Counter[str] = Counter()
    for index, call in enumerate(seen.calls):
        name = ANY if seen.steady and call.kind != ANSWER else call.name
        counted[name] += 1
        yield Syscall(name, counted[name], told(seen.calls, index, seen.batches))


def _spread(some: Sequence[Syscall]) -> Iterator[Syscall]:
    """In an order whose first few are spread over all of them: the first, the last, and halves of what lies between."""
    left, order = list(some), [0, len(some) - 1]
    gaps = [(0, len(some) - 1)]
    while gaps:
        low, high = gaps.pop(0)
        middle = (low + high) // 2
        order.append(middle)
        gaps += [(a, b) for a, b in ((low, middle), (middle, high)) if b - a > 1]
    yield from (left[index] for index in dict.fromkeys(order))


def before_each(plan: Plan, seen: Life, most: int) -> list[Plan]:
    """The server killed before each of these calls of its first life, or so many of them. ``plan`` is the baseline."""
    return [replace(plan, faults=(_kill(at),)) for at in places(seen, most)]


def guessed(plan: Plan, number: int) -> list[Plan]:
    """So many plans as may be made from a baseline, before anybody has counted: for an estimate."""
    return [replace(plan, faults=(_kill(Syscall(ANY, n)),)) for n in range(1, number + 1)]


def origins(seen: Life) -> list[Syscall]:
    """Where a first life is killed, so that its successors have different things to recover: all through one batch.

    Some are before the first batch, where the store is made.
    """
    placed = zip(seen.calls, _placed(seen), seen.batches, strict=True)
    on_files = [(at, batch) for call, at, batch in placed if call.kind != ANSWER]
    half = max(seen.batches, default=0) // 2 + 1
    middle = [at for at, batch in on_files if batch == half]
    first = [at for at, batch in on_files if batch == 0] if middle else []
    return [*_some(middle or [at for at, _ in on_files], _ORIGINS), *_some(first, _ORIGINS_BEFORE)]


def _some(places: Sequence[Syscall], most: int) -> list[Syscall]:
    """So many of them, spread over all."""
    return [places[n * len(places) // most] for n in range(most)] if len(places) > most else list(places)


def in_recovery(plan: Plan, origin: Syscall, seen: Life) -> list[Plan]:
    """The server killed there, and killed again before each of these calls of the life that recovers.

    ``plan`` is the baseline. The last are killed several times in a row before the same call: recovery must get on.
    """
    at = places(seen, _RECOVERY)[:_RECOVERY]
    once = [replace(plan, faults=(_kill(origin), _kill(place))) for place in at]
    again = [replace(plan, faults=(_kill(origin), *[_kill(place)] * _IN_A_ROW)) for place in at[-_LAST_OF:]]
    return [*once, *again]


def failing(plan: Plan, seen: Life, most: int) -> list[Plan]:
    """Calls on the store that fail, in each way in which such a call can, drawn from the classes by turns.

    The ledger is the lab's: no call on it fails. What fails once finds whoever makes nothing of an error; a quota that
    is used up is told to the next calls too. A watcher cannot shorten a call.
    """
    found = [at for at in places(seen, 0 if seen.steady else _MANY) if at.name != ANSWER]
    plans: list[Plan] = []
    turns: Counter[str] = Counter()
    for at in found:
        call = _call_at(seen, at)
        if call.file == _LEDGER:
            continue
        ways = [way for way in _WAYS[call.kind] if way != SHORT or plan.engine is Engine.PRELOAD]
        way = ways[turns[call.name] % len(ways)]
        turns[call.name] += 1
        plans.append(replace(plan, faults=(_failed(at, way),)))
    return plans[:most]


def _failed(at: Syscall, way: str) -> Fault:
    return Fault(FAIL, Victim.SERVER, replace(at, fails=way, times=_QUOTA if way == "EDQUOT" else 1))


def _call_at(seen: Life, at: Syscall) -> Call:
    """The call that this place is."""
    of_name = [call for call in seen.calls if (call.kind != ANSWER if at.name == ANY else call.name == at.name)]
    return of_name[at.number - 1]


def by_turns(sequences: Iterable[Sequence[Plan]]) -> list[Plan]:
    """One plan of each in turn."""
    return list(alternately(*sequences))


def killed_at(plan: Plan, origins: Sequence[Syscall]) -> list[Plan]:
    """The server killed at each of these: what comes behind it is a recovery."""
    return [replace(plan, faults=(_kill(origin),)) for origin in origins]


def _kill(at: Syscall) -> Fault:
    return Fault("kill", Victim.SERVER, at)


def unseen_by(engine: Engine, missed: Mapping[str, int]) -> str:
    """What one engine does not see, in a sentence; the longest few."""
    most = sorted(missed.items(), key=lambda item: -item[1])[:_LAST_OF]
    return f"{engine} does not see " + ", ".join(f"{number} of {name}" for name, number in most)


def classes(calls: Sequence[Call]) -> set[str]:
    """The classes that there are."""
    return set(names(calls))
