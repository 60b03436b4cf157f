"""Plans for power cuts: every store that one could leave, each of them once, and the sabotage that must be noticed.

A cut falls just before a call of a life, or behind the end of the job. What it leaves is found by playing the records
of an undisturbed run; of cuts that leave the same store the latest is tried, as the client has been told most by then.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mcp_crashtest.model import disks
from mcp_crashtest.model.calls import ANSWER, ANY, Call, names, told
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.losses import POWER, Disk, Loss, Sabotage
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.written import Record, before_call
from mcp_crashtest.planning.calls import Life
from mcp_crashtest.planning.sequences import alternately

_OF_A_KIND = 12  # losses that differ in their numbers alone, at one place
_PLACES = 3


@dataclass(frozen=True, slots=True)
class Cut:
    """A place and a loss; ``at`` None is behind the end. ``batch``: in which it falls, 0 before the first."""

    at: Syscall | None
    loss: Loss
    batch: int = 0

    def plan(self, baseline: Plan) -> Plan:
        """The plan of a run."""
        if self.at is None:
            return replace(baseline, afterlife=True, cut=self.loss)
        return replace(baseline, faults=(Fault(POWER, Victim.SERVER, self.at, settings=self.loss.to_settings()),))


@dataclass(frozen=True, slots=True)
class Enumerated:
    """``cuts`` leave a store each that no other one leaves; ``states`` were looked at."""

    cuts: Sequence[Cut]
    states: int


def every_cut(
    records: Sequence[Record], seen: Life, sure: Sequence[Call] | None = None, *, afterlife: bool
) -> Enumerated:
    """Each store that is not merely what a kill leaves; ``afterlife``: a cut may come behind the end.

    ``sure``: the calls of another run, where runs differ.
    """
    found: dict[str, Cut] = {}
    states = 0
    places: list[tuple[Syscall | None, int, int]] = [
        (at, before_call(records, number), seen.batches[number - 1]) for at, number in _places(seen, sure)
    ]
    behind_the_end = (None, len(records), max(seen.batches, default=0))
    for at, end, batch in [*places, *([behind_the_end] if afterlife else [])]:
        written = records[:end]
        whole, here = disks.digest(disks.everything(written)), dict[str, Cut]()
        for disk in Disk:
            state = disks.pending(written, disk)
            for loss in disks.losses(state, _OF_A_KIND):
                states += 1
                here.setdefault(disks.digest(disks.left_by(state, loss)), Cut(at, loss, batch))
        here.pop(whole, None)
        for store, cut in here.items():
            found.pop(store, None)  # the latest come last
            found[store] = cut
    return Enumerated(list(found.values()), states)


def _places(seen: Life, sure: Sequence[Call] | None = None) -> Iterator[tuple[Syscall, int]]:
    """Just before each call on a file, and its number among all that were counted; and before answers that end the job.

    ``sure``: the calls of another run, where runs differ. Of a class only so many are certain to come as both have.
    """
    counted: Counter[str] = Counter()
    most = None if sure is None else Counter(names(sure))
    last = max((index for index, call in enumerate(seen.calls) if call.kind != ANSWER), default=0)
    for index, call in enumerate(seen.calls):
        name = ANY if seen.steady and call.kind != ANSWER else call.name
        counted[name] += 1
        if call.kind == ANSWER and index < last:
            continue  # another thread may send it earlier or later
        if most is None or counted[name] <= most[name]:
            yield Syscall(name, counted[name], told(seen.calls, index, seen.batches)), index + 1


def in_order(cuts: Sequence[Cut], seed: int) -> list[Cut]:
    """One of each kind of loss and each batch in turn, those first that lose all, and the latest of them.

    All others come in an order that the seed decides: of too many a first part is played.
    """
    by_kind: dict[str, list[Cut]] = {}
    for cut in reversed(cuts):
        by_kind.setdefault(cut.loss.kind, []).append(cut)
    harshest = [some for disk in reversed(Disk) if (some := by_kind.pop(Loss(disk).kind, None))]
    others: dict[tuple[str, int], list[Cut]] = {}
    for cut in sorted((cut for some in by_kind.values() for cut in some), key=lambda cut: _drawn(cut, seed)):
        others.setdefault((cut.loss.kind, cut.batch), []).append(cut)
    return list(alternately(*harshest, *(some for _, some in sorted(others.items()))))


def _drawn(cut: Cut, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {cut}".encode()).digest()


def sabotage(seen: Life, sure: Sequence[Call] | None = None, *, afterlife: bool) -> dict[Sabotage, list[Cut]]:
    """Each kind at a few places where the client has been told of a batch that it takes away.

    Within a batch, once its work has begun: one batch is owed by then, and a second one would be too many. Behind the
    end, where a client can be asked again: what it was told last is taken back.
    """
    places = list(_places(seen, sure))
    begun = [number for number, call in enumerate(seen.calls, start=1) if call.file == "ledger"][1:]
    inside = [at for at, number in places if number - 1 in begun] or [at for at, _ in places[len(places) // 2 :]]
    wanted = _PLACES - afterlife
    chosen = [inside[len(inside) * (2 * n + 1) // (2 * wanted)] for n in range(wanted)] if inside else []
    spots = [*dict.fromkeys(chosen), *([None] * afterlife)]
    return {kind: [Cut(at, Loss(sabotage=kind)) for at in spots] for kind in Sabotage}
