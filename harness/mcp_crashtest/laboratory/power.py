"""Power loss: what a server writes is recorded in an undisturbed run, and every store that a cut could leave is tried.

Each cut is a run of its own: the server comes to the place, is killed, and what it had written by then, as recorded in
that very run, is made into what the cut leaves. So a client goes on as behind any crash, and was told what it was told.
Sabotage is played the same way. It takes away what no disk may lose, and shows whether this test would have noticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_crashtest.laboratory.counting import batches_of, life_of, missing_for
from mcp_crashtest.model.calls import Call, Engine, Remark, alike, on_files
from mcp_crashtest.model.errors import NotApplicable, NotAssessed, SubjectError, Unproven
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.sharpness import BLIND, Sharpness, is_blind, sharpness
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.model.written import Record
from mcp_crashtest.planning import calls as of_calls
from mcp_crashtest.planning import power as planning
from mcp_crashtest.planning.calls import Life
from mcp_crashtest.subjects.syscalls.engines import CannotCount
from mcp_crashtest.subjects.syscalls.stores import unexplained

if TYPE_CHECKING:
    from mcp_crashtest.laboratory.trial import Trial

MOST = 400
"""The most stores that are tried; of more a sample."""
MANY, FEW = 200, 9  # runs that are to come, as far as anybody can tell who has not looked: cuts, and sabotage
_NOT_SEEN = (
    "power loss cannot be followed: the server's calls were not seen in it (a static program, Go, or one that starts "
    "another without its environment)"
)


@dataclass(slots=True)
class Power:
    """What an undisturbed run has written. ``sure`` are the calls of a second one, where runs differ."""

    trial: Trial
    plan: Plan
    seen: Life
    records: Sequence[Record]
    sure: Sequence[Call] | None

    @property
    def afterlife(self) -> bool:
        """Whether its client can be asked again behind the end."""
        return not self.trial.blocking

    def cut_everywhere(self) -> None:
        """Have the power fail in every way that leaves another store, and say in how many; raises as a trial."""
        found = planning.every_cut(self.records, self.seen, self.sure, afterlife=self.afterlife)
        chosen = planning.in_order(found.cuts, self.trial.seed)[:MOST]
        before = len(self.trial.outcomes)
        try:
            self.trial.play(
                [cut.plan(self.plan) for cut in chosen],
                core=MOST,
                without="whatever it writes it syncs at once: a power cut leaves what a kill leaves",
            )
        finally:
            self.trial.notes.append(self._told(found, before))

    def _told(self, found: planning.Enumerated, before: int) -> str:
        outcomes = self.trial.outcomes[before:]
        held = sum(outcome.verdict is Verdict.PASS for outcome in outcomes)
        whole = held == len(found.cuts) and self.seen.steady
        way = "each of them was booted" if whole else f"{len(outcomes)} of them were booted"
        of = "" if held == len(outcomes) else f" of {len(outcomes)}"
        at_end = sum(cut.at is None for cut in found.cuts)
        name, stores = self.trial.bench.profile.name, len(found.cuts)
        return (
            f"power: {name} held in {held}{of} states; {found.states} ways in which the power may fail among "
            f"{len(self.records)} writes, syncs and names leave {stores} different stores, {at_end} of them behind the "
            f"end; {way}"
        )

    def sabotage(self) -> list[Sharpness]:
        """Take away what the server was promised, and say how often that was noticed; raises NotAssessed for never."""
        seen: list[Sharpness] = []
        for kind, cuts in planning.sabotage(self.seen, self.sure, afterlife=self.afterlife).items():
            runs = [self.trial.tried_on_the_lab(cut.plan(self.plan)) for cut in cuts]
            proven = [run.judgement for run in runs if run is not None and run.judgement.confirmed]
            seen.append(sharpness(kind, [[one.invariant for one in judgement.findings] for judgement in proven]))
        self.trial.sharpness = seen
        self.trial.notes += [f"would we have noticed? {self.trial.bench.profile.name}: {one}" for one in seen]
        if not any(one.tried for one in seen):
            raise NotAssessed("no sabotage could be tried: none of its runs has shown that it landed")
        if is_blind(seen):
            raise NotAssessed(f"{BLIND}: {'; '.join(map(str, seen))}: what a power cut costs would not be seen either")
        return seen


def recorded(trial: Trial, runs: int) -> Power:
    """Record what a server writes; ``runs`` are to come of it, about.

    Raises NotApplicable and NotAssessed where that cannot be, Violation as a trial.
    """
    if (why := trial.bench.why_uncounted) is not None:
        raise NotApplicable(why) if trial.bench.profile.client else NotAssessed(why)
    workload = trial.workload
    size = of_calls.small(workload.records, workload.batch, varies=trial.varies["records"])
    plan = Plan(trial.scenario, trial.protocols[0], (), workload=size, engine=Engine.RECORD)
    try:
        outcomes = trial.seen_to_pass([plan] * 2, of_calls.guessed(plan, runs))
    except (CannotCount, SubjectError, Unproven) as error:
        raise NotAssessed(f"power loss cannot be followed: {str(error).splitlines()[0]}") from error
    lives = [life_of(outcome) for outcome in outcomes]
    if not lives[0].remarks & Remark.ATTACHED:
        raise NotAssessed(_NOT_SEEN)
    records, unseen = outcomes[0].folder.writes(1)
    if unseen:
        raise NotAssessed(unexplained(unseen))
    missing = [*missing_for(lives[0].calls, lives[0].remarks | lives[1].remarks)]
    if missing:
        raise NotAssessed(f"power loss cannot be followed: {'; '.join(missing)}")
    common = min(len(on_files(life.calls)) for life in lives)
    steady = alike([on_files(life.calls)[:common] for life in lives])
    calls = lives[0].calls
    sure = None if steady else lives[1].calls
    return Power(trial, outcomes[0].plan, Life(calls, batches_of(trial, outcomes[0], calls), steady), records, sure)
