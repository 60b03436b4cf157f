"""What is asked of a server about its tasks, with and without a restart behind it: an ordered sequence of plans.

Of each operation that a server offers there is a plan by turns. The restart right after the acknowledgement comes
first; the second time the server lives on, and is killed after the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import cycle, islice

from mcp_crashtest.model.coordinates import Coordinate, Moment, Phase, Since, Window, WindowName
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning.sequences import alternately
from mcp_crashtest.planning.spread import at_point_or_within, points

_AT_ONCE = Moment(0, Since.FAULT)
_KILL = Fault("kill", Victim.SERVER, _AT_ONCE)

Story = tuple[tuple[Fault, ...], bool]
"""Faults, and whether there is an afterlife."""


def operations(
    scenario: str,
    protocols: Sequence[str],
    workload: Workload,
    boundary: Phase,
    *,
    offered: Collection[str],
    seed: int,
    count: int,
) -> list[Plan]:
    """``count`` plans about what is ``offered``; none where nothing is."""
    places = _places(workload, boundary, seed)
    kinds: list[Iterator[Story]] = []
    if "cancel" in offered:
        kinds.append(_cancels(places))
    if "pause" in offered and "resume" in offered:
        kinds.append(_pauses(places))
    if "answer" in offered:
        kinds.append(_answers())
    if "list" in offered or "stats" in offered:
        kinds.append(_lists(places, and_cancels="cancel" in offered))
    if "trespass" in offered:
        kinds.append(_trespasses(places))
    stories = islice(alternately(*kinds), count)
    return [
        Plan(scenario, protocols[n % len(protocols)], faults, afterlife=afterlife)
        for n, (faults, afterlife) in enumerate(stories)
    ]


def _places(workload: Workload, boundary: Phase, seed: int) -> Iterator[Coordinate]:
    """In the first half of the job, so that there is something left to do; at a crash point where there is one."""
    offsets = points(workload, seed)
    for number in cycle(range(1, max(workload.batches // 2, 1) + 1)):
        yield at_point_or_within(number, boundary, next(offsets).thousandths)


def _asked(kind: str, at: Coordinate) -> Fault:
    return Fault(kind, Victim.CLIENT, at)


def _cancels(places: Iterator[Coordinate]) -> Iterator[Story]:
    while True:
        yield (_asked("cancel", next(places)), _KILL), False
        yield (_asked("cancel", next(places)),), True
        yield (Fault("kill", Victim.SERVER, next(places)), _asked("cancel", _AT_ONCE), _KILL), False
        yield (_asked("cancel", next(places)), _KILL, _KILL), False


def _pauses(places: Iterator[Coordinate]) -> Iterator[Story]:
    resumed = _asked("resume", _AT_ONCE)
    while True:
        yield (_asked("pause", next(places)), _KILL, resumed), False
        yield (_asked("pause", next(places)), resumed), True
        yield (_asked("pause", next(places)), resumed, _KILL), False


def _answers() -> Iterator[Story]:
    """The server is killed while the task waits, and right after the answer was acknowledged."""
    asks = Window(WindowName.INPUT)
    answered = _asked("answer", _AT_ONCE)
    while True:
        yield (_asked("answer", asks), _KILL), False
        yield (Fault("kill", Victim.SERVER, asks), answered), False
        yield (Fault("kill", Victim.SERVER, asks), answered, _KILL), True
        yield (_asked("answer", asks),), True


def _trespasses(places: Iterator[Coordinate]) -> Iterator[Story]:
    again = _asked("trespass", _AT_ONCE)
    while True:
        yield (_asked("trespass", next(places)), _KILL, again), False
        yield (_asked("trespass", next(places)),), False


def _lists(places: Iterator[Coordinate], *, and_cancels: bool) -> Iterator[Story]:
    listed = _asked("list", _AT_ONCE)
    while True:
        yield (_asked("list", next(places)), _KILL, listed), True
        if and_cancels:
            yield (_asked("cancel", next(places)), _KILL, listed), False
        yield (Fault("kill", Victim.SERVER, next(places)), listed), False
