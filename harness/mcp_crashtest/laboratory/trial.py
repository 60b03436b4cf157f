"""A trial: one scenario on one subject. Plays its plans, finds the smallest one that fails, and sums up.

This is what a scenario is given. ``play`` takes plans as they are; ``explore`` takes a strategy and, where a plan
fails, shrinks it. Both raise ``Violation`` as soon as an invariant is broken and ``Unproven`` when a run proves
nothing; otherwise the scenario has passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hypothesis.strategies import SearchStrategy

from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.facts import Facts
from mcp_crashtest.laboratory.laboratory import Laboratory, Numbered
from mcp_crashtest.laboratory.loop import uninterrupted
from mcp_crashtest.laboratory.play import Outcome, behind_the_end, drained_beside_others
from mcp_crashtest.laboratory.summing_up import Told, raise_for, smallest, summary, told_again
from mcp_crashtest.laboratory.unplayed import OUT_OF_TIME, Unplayed, beyond, why_unplayed
from mcp_crashtest.model.companions import Companion, answered_alike, turned_away, why_alone
from mcp_crashtest.model.errors import NotApplicable, NotAssessed, Unproven
from mcp_crashtest.model.events import Listener, RunPlayed, RunsPlanned
from mcp_crashtest.model.faults import Fault, Right
from mcp_crashtest.model.operation import History
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.shard import WHOLE, Shard
from mcp_crashtest.model.sharpness import Sharpness
from mcp_crashtest.model.standing import EACH_CALL_A_JOB, Reason, Standing
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.planning.budget import Budget, fitting, prefix_length
from mcp_crashtest.planning.search import draw, search
from mcp_crashtest.planning.shrinking import minimal

NO_PLAN = "the scenario has made no plan for this subject"
_NO_BASE = "what the plans of this scenario are made from was not seen to the end"
_SHRINK_RUNS = 30
_SEVERAL, _AGAIN = 2, 2
T = TypeVar("T")


@dataclass(slots=True)
class Trial(Facts):
    """One scenario on one subject; ``listener`` is told of every run. ``planned`` counts the scenario's plans.

    ``notes`` say what of the scenario was not tried, and why. ``share``: how much of what the budget takes is played,
    where there is no time for all of it. ``shard``: whose part of the plans is played.
    """

    laboratory: Laboratory
    bench: Bench
    scenario: str
    level: int
    story: str
    listener: Listener
    budget: Budget = Budget.CORE
    share: float = 1.0
    shard: Shard = WHOLE
    outcomes: list[Outcome] = field(default_factory=list)
    planned: int = 0
    notes: list[str] = field(default_factory=list)
    unplayed: Unplayed = field(default_factory=Unplayed)
    sharpness: Sequence[Sharpness] = ()
    _numbers: int = 0

    @property
    def seed(self) -> int:
        """The session's seed."""
        return self.laboratory.seed

    # --- playing

    def is_one_call(self, plan: Plan) -> bool:
        """Whether this server answers the same call with the same task: the plan that shows it is played for this.

        Every shard plays it, as it does the golden run: what comes next depends on it.
        """
        if why := why_alone(self.bench.profile, Companion.SAME_CALL):
            self.notes.append(str(Reason(Standing.NOT_APPLICABLE, why)))
            return False
        seen = self._shown_by(plan)
        if seen is None:
            return False
        alike = answered_alike(seen)
        self.notes += [] if alike else [str(EACH_CALL_A_JOB)]
        return alike

    def takes_another(self, plan: Plan, behind_a_kill: Sequence[Plan]) -> bool:
        """Whether this server takes a second job behind the first: the plan that shows it is played for this.

        Where it takes none with nobody in the way, it is asked for one ``behind_a_kill`` all the same: it may refuse,
        and may not give the first one's away. Raises NotApplicable then, or Violation.
        """
        seen = self._shown_by(plan)
        if seen is None or (said := turned_away(seen)) is None:
            return seen is not None
        self.planned += len(behind_a_kill)
        if any(self._once_more(asked) is Verdict.FAIL for asked in behind_a_kill):
            raise_for(self.outcomes)
        raise NotApplicable(f"the server takes no second job behind the first, with nobody in the way: {said}")

    def _shown_by(self, plan: Plan) -> History | None:
        """What was seen in an undisturbed run of this plan; None where that proves nothing."""
        self.planned += 1
        [outcome] = self._play(self._numbered([plan]))
        return outcome.folder.history() if outcome.verdict is Verdict.PASS else None

    def play_again(self, earlier: Sequence[Plan]) -> None:
        """Play plans that have failed in earlier sessions, before any other, and note what came of it.

        One that cannot be played on this subject any more, or does not land, says nothing. Raises Violation.
        """
        verdicts: list[Verdict] = []
        for plan in (plan for plan in earlier if self.bench.unplayable(plan) is None):
            with suppress(NotApplicable):  # the server takes no job of its size any more
                verdicts += [self._once_more(plan)]
            if Verdict.FAIL in verdicts:
                break
        self.notes.append(f"{self.scenario} of {self.bench.profile.name}: {told_again(len(earlier), verdicts)}")
        if Verdict.FAIL in verdicts:
            self._shrink()
            raise_for(self.outcomes)

    def _once_more(self, plan: Plan) -> Verdict:
        """What comes of a plan that may prove nothing: such a run is forgotten."""
        for outcome in self._play(self._numbered([plan])):
            if outcome.verdict is not Verdict.INVALID:
                return outcome.verdict
            self.outcomes.remove(outcome)
            outcome.folder.forget_judgement()
        return Verdict.INVALID

    def play(self, plans: Iterable[Plan], core: int | None = None, *, without: str = NO_PLAN) -> None:
        """Play the first ``core`` plans in their order (None: all), or what the session's budget says instead.

        Where the server did its job before it stopped in some runs, the next plans are played in their place, once.
        Raises Violation where one fails, Unproven where too many prove nothing, NotAssessed where the lab lacks a
        right, NotApplicable where there is no plan: ``without`` says why there may be none.
        """
        sequence = list(plans)
        if not sequence:
            raise NotApplicable(without)
        chosen = self._within_budget(sequence, core)
        outcomes = self._play(self._mine(self._numbered(chosen)))
        rest = self._mine(sequence[len(chosen) :], first=len(chosen))
        instead = self._numbered(rest[: drained_beside_others(outcomes)])
        if any(o.verdict is Verdict.FAIL for o in [*outcomes, *(self._play(instead) if instead else ())]):
            self._shrink()
        raise_for(self.outcomes)

    def seen_to_pass(self, plans: Sequence[Plan], later: Sequence[Plan] = ()) -> list[Outcome]:
        """Play plans on which others are built: all of them, whatever the budget. Raises as ``play`` does.

        ``later`` stands for those others where nothing is played, in a rehearsal.
        """
        self.planned += len(plans)
        base = self._play(self._numbered(plans))
        outcomes = base or self._play(self._numbered(self._within_budget(later, None)) if later else ())
        if len(outcomes) < len(plans) or any(outcome.verdict is not Verdict.PASS for outcome in outcomes):
            raise_for(self.outcomes)
            raise Unproven("; ".join(said for outcome in outcomes for said in outcome.judgement.unproven) or _NO_BASE)
        return outcomes

    def tried_on_the_lab(self, plan: Plan) -> Outcome | None:
        """Play a plan that shows what the lab is worth, and nothing of the subject; None where nothing is played.

        Its run is kept without a judgement, as nobody is to be judged by it.
        """
        outcomes = self.laboratory.play(self.bench, self.scenario, self._numbered([plan]), lambda *_: None)
        for outcome in outcomes:
            outcome.folder.forget_judgement()
        return outcomes[0] if outcomes else None

    def explore(self, strategy: SearchStrategy[Plan], examples: int) -> None:
        """Play ``examples`` plans drawn with the session's seed; where one fails, look for the smallest that does."""
        seed = self.laboratory.seed
        with uninterrupted():
            drawn = draw(strategy, seed=seed, examples=examples)
        outcomes = self._play(self._mine(self._numbered(self._within_budget(drawn, None))))
        if any(o.verdict is Verdict.FAIL for o in outcomes):
            mine = {plan.to_text() for plan in self._mine(drawn)}
            known = {text: False for plan in drawn if (text := plan.to_text()) not in mine}  # another shard's matter
            known |= {o.plan.to_text(): o.verdict is Verdict.FAIL for o in outcomes}
            search(strategy, self._fails, seed=seed, examples=examples, shrink_runs=_SHRINK_RUNS, known=known)
        raise_for(self.outcomes)

    def _shrink(self) -> None:
        """Where a plan of several faults fails, find the few that matter, and play those again: how often do they?"""
        failed = self.smallest(Verdict.FAIL)
        if failed is None or len(failed.plan.faults) < _SEVERAL:
            return

        def fails(fewer: tuple[Fault, ...]) -> bool:
            return self._fails(replace(failed.plan, faults=fewer))

        few = minimal(failed.plan.faults, fails, _SHRINK_RUNS)
        if len(few) < len(failed.plan.faults):
            for _ in range(_AGAIN):
                fails(few)

    def _within_budget(self, plans: Sequence[Plan], core: int | None) -> Sequence[Plan]:
        """The prefix that is played; raises NotAssessed where a plan needs a right that the lab does not have."""
        missing = frozenset[Right]().union(*(plan.needs for plan in plans)) - self.bench.rights
        if missing:
            raise NotAssessed("; ".join(sorted(missing)))
        self.planned += len(plans)
        # A first look whose runs go one at a time sees one run of each scenario, so that it stays one.
        first_look_alone = self.budget is Budget.QUICK and self.bench.alone
        in_budget = prefix_length(len(plans), core, Budget.LOOK if first_look_alone else self.budget)
        chosen = fitting(in_budget, self.share)
        self.unplayed.left_out(plans[chosen:in_budget], self._numbers + 1 + chosen, OUT_OF_TIME)
        self.unplayed.left_out(plans[in_budget:], self._numbers + 1 + in_budget, beyond(self.budget))
        return plans[:chosen]

    def _fails(self, plan: Plan) -> bool:
        return self._play(self._numbered([plan]))[0].verdict is Verdict.FAIL

    def _numbered(self, plans: Sequence[Plan]) -> list[Numbered]:
        """Plans with the numbers that they have in every shard."""
        numbered = list(enumerate(plans, start=self._numbers + 1))
        self._numbers += len(plans)
        return numbered

    def _mine(self, sequence: Sequence[T], first: int = 0) -> list[T]:
        return self.shard.part(self.scenario, sequence, first)

    def _play(self, numbered: Sequence[Numbered]) -> list[Outcome]:
        self.listener(RunsPlanned(self.bench.profile.name, self.scenario, len(numbered)))
        self.unplayed.asked(numbered)
        outcomes = self.laboratory.play(self.bench, self.scenario, numbered, self._seen)
        said = self.unplayed.refused(numbered, self.laboratory.known(self.bench).refused)
        if said and not self.outcomes:
            raise NotApplicable("; ".join(said))
        self.notes += [note for one in said if (note := f"{self.bench.profile.name}: {one}") not in self.notes]
        return outcomes

    def _seen(self, number: int, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.unplayed.played(number, outcome.plan)
        plan, judgement = outcome.plan, outcome.judgement
        told = (number, str(plan), plan.protocol, outcome.verdict.name, judgement.confirmed, judgement.kills)
        self.listener(RunPlayed(self.bench.profile.name, self.scenario, *told, str(outcome.folder.path)))

    def smallest(self, verdict: Verdict) -> Outcome | None:
        """The smallest plan with this verdict."""
        return smallest(self.outcomes, verdict)

    def summary(self, verdict: Verdict, reason: str) -> dict[str, Any]:
        """The trial as JSON, for certificates; ``reason`` says why where the verdict is not PASS."""
        why = why_unplayed(self.outcomes, cut_short=self.laboratory.cut_short, verdict=verdict)
        told = Told(
            self.scenario,
            self.bench.profile.name,
            self.level,
            self.story,
            self.planned,
            (*self.notes, *self._missed()),
            self.unplayed.to_json(why),
            tuple(self.sharpness),
        )
        return summary(told, self.outcomes, verdict, reason, self._late_looks())

    def _missed(self) -> list[str]:
        """That nothing could fall into the last batch, where a run was over as soon as that had begun."""
        late = behind_the_end(self.outcomes, len(self.outcomes))
        said = f"{self.scenario} of {self.bench.profile.name}: {len(late)} runs prove nothing"
        return [f"{said}: the last batch takes no time, and no fault could fall into it"] if late else []

    def _late_looks(self) -> int:
        """How many restarts nobody saw within a batch's time: what heals so fast is not seen."""
        bench = self.laboratory.known(self.bench)  # it knows the pace of other sizes, too
        return sum(r > bench.pace(o.plan).batch_s for o in self.outcomes for r in o.judgement.recoveries_s)
