"""Two servers on one store, as scenarios play them: runs are judged, and what became of the second one is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mcp_crashtest.model.operation import Op
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.telling.words import plural

if TYPE_CHECKING:
    from mcp_crashtest.laboratory.trial import Trial

_TOLD = ("took over", "refused", "waits", "stopped")
_SAID = {
    "took over": "work was done while both lived in {n}",
    "refused": "one of them refused to live beside the other, and ended, in {n}",
    "waits": "the second one did nothing before the first one went on in {n}",
    "stopped": "one of them stopped later in {n}",
}
_SAY_LEASE = (
    "if a server that stands still is replaced after a while, say after how long: [claims] lease_s; it is frozen for "
    "longer then"
)


def play_two(trial: Trial, plans: Sequence[Plan], core: int) -> None:
    """Play such plans, and note what became of the second server; raises as ``Trial.play`` does."""
    before = len(trial.outcomes)
    try:
        trial.play(plans, core=core)
    finally:
        seen = Counter[str]()
        for outcome in trial.outcomes[before:]:
            seen.update({str(event.value["what"]) for event in outcome.folder.history().of(Op.BESIDE)})
        runs = plural(len(trial.outcomes) - before, "run")
        told = [_SAID[what].format(n=seen[what]) for what in _TOLD if seen[what]]
        if told:
            trial.notes.append(f"{trial.scenario} of {trial.bench.profile.name}: of {runs}, {'; '.join(told)}")
        if seen["waits"] and trial.bench.profile.claims.lease_s is None:
            trial.notes.append(_SAY_LEASE)
