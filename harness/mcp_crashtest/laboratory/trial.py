"""A trial: one scenario on one subject. Plays its plans, finds the smallest one that fails, and sums up.

This is what a scenario is given. ``play`` takes plans as they are; ``explore`` takes a strategy and, where a plan
fails, shrinks it. Both raise ``Violation`` as soon as an invariant is broken and ``Unproven`` when a run proves
nothing; otherwise the scenario has passed.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hypothesis.strategies import SearchStrategy

from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.play import Outcome, drained_beside_others, show_nothing
from mcp_crashtest.model.companions import Companion, Told, answered_alike, told_by, why_alone
from mcp_crashtest.model.coordinates import Coordinate, During, Phase
from mcp_crashtest.model.errors import NotApplicable, NotAssessed, Unproven, Violation
from mcp_crashtest.model.events import Listener, RunPlayed, RunsPlanned
from mcp_crashtest.model.faults import GOODBYE, Right
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.offers import ANSWER
from mcp_crashtest.model.paths import placeholders
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.model.standing import EACH_CALL_A_JOB, Reason, Standing
from mcp_crashtest.model.verdict import Finding, Verdict
from mcp_crashtest.planning.budget import Budget, fitting, prefix_length, tolerated
from mcp_crashtest.planning.clients import windows
from mcp_crashtest.planning.exhaustive import boundary_of, phases_of
from mcp_crashtest.planning.randomized import Choice
from mcp_crashtest.planning.search import draw, search

_DRAINS = (
    "this server does all of its job before it stops, so that a planned restart leaves nothing to resume; "
    "a longer job, [workload] records, may"
)
NO_PLAN = "the scenario has made no plan for this subject"
_SHRINK_RUNS = 30
_TENTHS, _TENTH = 10, 100  # of a thousand


@dataclass(slots=True)
class Trial:
    """One scenario on one subject; ``listener`` is told of every run. ``planned`` counts the scenario's plans.

    ``notes`` say what of the scenario was not tried, and why. ``share``: how much of what the budget takes is played,
    where there is no time for all of it.
    """

    laboratory: Laboratory
    bench: Bench
    scenario: str
    level: int
    story: str
    listener: Listener
    budget: Budget = Budget.CORE
    share: float = 1.0
    outcomes: list[Outcome] = field(default_factory=list)
    planned: int = 0
    notes: list[str] = field(default_factory=list)
    _numbers: int = 0

    # --- what a scenario asks about its subject

    @property
    def workload(self) -> Workload:
        """The job."""
        return self.bench.profile.workload

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocol revisions that the subject speaks."""
        return self.bench.protocols

    @property
    def seed(self) -> int:
        """The session's seed."""
        return self.laboratory.seed

    @property
    def blocking(self) -> bool:
        """Whether the job is one call that comes back with the output."""
        return self.bench.profile.contract.kind.blocking

    @property
    def operations(self) -> frozenset[str]:
        """What can be asked of it about tasks, beside starting and following one; no answer where nothing asks."""
        asks = self.bench.golden is not None and self.bench.golden.asks
        return self.bench.operations - (frozenset() if asks else {ANSWER})

    @property
    def varies(self) -> dict[str, bool]:
        """What of the job's size the profile lets vary: what the call's arguments tell the server."""
        told = set(placeholders(self.bench.profile.contract.arguments))
        return {"records": "total_records" in told, "batch": "batch_size" in told}

    def refuse_alone(self, companion: Companion) -> None:
        """Raise NotApplicable, with a sentence that says why, where this second client makes no sense."""
        if why := why_alone(self.bench.profile, companion):
            raise NotApplicable(why)

    def is_one_call(self, plan: Plan) -> bool:
        """Whether this server answers the same call with the same task: the plan that shows it is played for this."""
        if why := why_alone(self.bench.profile, Companion.SAME_CALL):
            self.notes.append(str(Reason(Standing.NOT_APPLICABLE, why)))
            return False
        self.planned += 1
        [outcome] = self._play([plan])
        if outcome.verdict is not Verdict.PASS:
            return False
        alike = answered_alike(outcome.folder.history())
        self.notes += [] if alike else [str(EACH_CALL_A_JOB)]
        return alike

    def refuse_senseless(self, kind: str) -> None:
        """Raise NotApplicable, with a sentence that says why, where a kind of fault makes no sense on this subject."""
        if why := self.bench.why_not(kind):
            raise NotApplicable(why)

    def sensible(self, choices: Iterable[Choice]) -> list[Choice]:
        """Those of these kinds and victims that make sense on this subject."""
        return [choice for choice in choices if self.bench.why_not(choice[0]) is None]

    @property
    def stops(self) -> tuple[str, ...]:
        """The kinds of a planned restart: over stdio a host's goodbye, and SIGTERM, by turns."""
        return (GOODBYE, "terminate") if self.bench.profile.subject.piped else ("terminate",)

    def refuse_without_process(self) -> None:
        """Raise NotApplicable where the server is not the lab's own process, and cannot be frozen."""
        if Right.PROCESS not in self.bench.rights and Right.SERVER in self.bench.rights:
            raise NotApplicable(Right.PROCESS)

    def refuse_without_services(self) -> None:
        """Raise NotApplicable where the subject needs nothing beside itself that could die."""
        if not self.bench.profile.services:
            raise NotApplicable("the profile names no [[services]] that could die")

    @property
    def second_told(self) -> frozenset[Told]:
        """By what a second job is told from the first."""
        return told_by(self.bench.profile)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Where within a batch faults can land."""
        return phases_of(self.bench.profile.subject.crash_points)

    @property
    def boundary(self) -> Phase:
        """The phase that stands for "the batch is done and its client knows it"."""
        return boundary_of(self.bench.profile.subject.crash_points)

    @property
    def windows(self) -> list[Coordinate]:
        """Where a client under test can be killed."""
        return windows(self.bench.profile)

    # --- playing

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
        outcomes = self._play(chosen)
        instead = sequence[len(chosen) :][: drained_beside_others(outcomes)]
        if any(o.verdict is Verdict.FAIL for o in [*outcomes, *(self._play(instead) if instead else ())]):
            self._shrink()
        self._raise_for_what_was_seen()

    def explore(self, strategy: SearchStrategy[Plan], examples: int) -> None:
        """Play ``examples`` plans drawn with the session's seed; where one fails, look for the smallest that does."""
        seed = self.laboratory.seed
        outcomes = self._play(self._within_budget(draw(strategy, seed=seed, examples=examples), None))
        if any(o.verdict is Verdict.FAIL for o in outcomes):
            known = {o.plan.to_text(): o.verdict is Verdict.FAIL for o in outcomes}
            search(strategy, self._fails, seed=seed, examples=examples, shrink_runs=_SHRINK_RUNS, known=known)
        self._raise_for_what_was_seen()

    def _shrink(self) -> None:
        """Where a plan of several faults fails, see whether one of them suffices."""
        failed = self.smallest(Verdict.FAIL)
        if failed and len(failed.plan.faults) > 1:
            for fault in failed.plan.faults:
                if not isinstance(fault.at, During) and self._fails(replace(failed.plan, faults=(fault,))):
                    return

    def _within_budget(self, plans: Sequence[Plan], core: int | None) -> Sequence[Plan]:
        """The prefix that is played; raises NotAssessed where a plan needs a right that the lab does not have."""
        missing = frozenset[Right]().union(*(plan.needs for plan in plans)) - self.bench.rights
        if missing:
            raise NotAssessed("; ".join(sorted(missing)))
        self.planned += len(plans)
        return plans[: fitting(prefix_length(len(plans), core, self.budget), self.share)]

    def _fails(self, plan: Plan) -> bool:
        return self._play([plan])[0].verdict is Verdict.FAIL

    def _play(self, plans: Sequence[Plan]) -> list[Outcome]:
        self.listener(RunsPlanned(self.bench.profile.name, self.scenario, len(plans)))
        numbered = list(enumerate(plans, start=self._numbers + 1))
        self._numbers += len(plans)
        return self.laboratory.play(self.bench, self.scenario, numbered, self._seen)

    def _seen(self, number: int, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        plan, judgement = outcome.plan, outcome.judgement
        told = (number, str(plan), plan.protocol, outcome.verdict.name, judgement.confirmed, judgement.kills)
        self.listener(RunPlayed(self.bench.profile.name, self.scenario, *told, str(outcome.folder.path)))

    def _raise_for_what_was_seen(self) -> None:
        failed = self.smallest(Verdict.FAIL)
        if failed:
            raise Violation(describe(failed))
        unproven = show_nothing(self.outcomes)
        if len(unproven) > tolerated(len(self.outcomes)):
            reasons = "; ".join(unproven[0].judgement.unproven)
            if all(outcome.drained for outcome in self.outcomes):
                raise NotApplicable(_DRAINS)
            raise Unproven(f"INVALID, {len(unproven)} runs prove nothing: {reasons}")

    def smallest(self, verdict: Verdict) -> Outcome | None:
        """The smallest plan with this verdict."""
        return min((o for o in self.outcomes if o.verdict is verdict), key=lambda o: o.plan.size, default=None)

    def summary(self, verdict: Verdict, reason: str) -> dict[str, Any]:
        """The trial as JSON, for certificates; ``reason`` says why where the verdict is not PASS."""
        failed = self.smallest(Verdict.FAIL)
        judgements = [o.judgement for o in self.outcomes]
        return {
            "id": self.scenario,
            "profile": self.bench.profile.name,
            "level": self.level,
            "story": self.story,
            "verdict": verdict.name,
            "reason": reason,
            **({"notes": self.notes} if self.notes else {}),
            "plans": self.planned,
            "runs": len(self.outcomes),
            "faults_confirmed": sum(j.confirmed for j in judgements),
            "faults_unconfirmed": sum(1 for j in judgements if j.refused),
            "kills_confirmed": sum(j.kills for j in judgements),
            "recoveries_s": sorted(r for j in judgements for r in j.recoveries_s),
            "late_looks": self._late_looks(),
            "fell": self._fell(),
            "findings": self._findings(failed) if failed else [],
            "remarks": [remark.to_json() for o in self.outcomes for remark in o.judgement.remarks],
        }

    def _late_looks(self) -> int:
        """How many restarts nobody saw within a batch's time: what heals so fast is not seen."""
        bench = self.laboratory.bench(self.bench.profile)  # it knows the pace of other sizes, too
        return sum(r > bench.pace(o.plan).batch_s for o in self.outcomes for r in o.judgement.recoveries_s)

    def _fell(self) -> list[int]:
        """How many kills fell into each tenth of a batch."""
        fell = Counter(offset // _TENTH for o in self.outcomes for offset in o.judgement.offsets)
        return [fell[tenth] for tenth in range(_TENTHS)]

    def _findings(self, failed: Outcome) -> list[dict[str, Any]]:
        where = {"scenario": self.scenario, "profile": self.bench.profile.name}
        plan = {"plan": failed.plan.to_json(), "plan_text": str(failed.plan), "replay": replay_line(failed.folder.path)}
        return [{**finding.to_json(), **where, **plan} for finding in by_weight(failed.judgement.findings)]


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """In the order of the table of invariants: what a record suffered comes before what was counted wrong."""
    order = list(INVARIANTS)
    return sorted(findings, key=lambda finding: order.index(finding.invariant))


def replay_line(folder: Path) -> str:
    """The one line that plays a run's plan again."""
    here = Path.cwd()
    shown = folder.relative_to(here) if folder.is_relative_to(here) else folder
    return f"mcp-crashtest replay {shlex.quote(str(shown))}"


def describe(outcome: Outcome) -> str:
    """What a failing run has shown, in a few lines."""
    lines = [f"{finding.invariant}: {finding.message}" for finding in by_weight(outcome.judgement.findings)]
    return "\n".join([*lines, f"smallest failing plan: {outcome.plan}", f"replay: {replay_line(outcome.folder.path)}"])
