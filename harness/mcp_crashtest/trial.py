"""A trial: one scenario on one subject. Plays its plans, finds the smallest one that fails, and sums up.

This is what a scenario is given. ``play`` takes plans as they are; ``explore`` takes a strategy and, where a plan
fails, shrinks it. Both raise ``Violation`` as soon as an invariant is broken and ``Unproven`` when a run proves
nothing; otherwise the scenario has passed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hypothesis.strategies import SearchStrategy

from mcp_crashtest.laboratory import Bench, Laboratory, Outcome
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.plan import Coordinate, Phase, Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.model.verdict import Finding, Verdict
from mcp_crashtest.planning.clients import windows
from mcp_crashtest.planning.exhaustive import boundary_of, phases_of
from mcp_crashtest.planning.search import draw, search
from mcp_crashtest.verdicts import Unproven, Violation

_SHRINK_RUNS = 30


class Face(Protocol):
    """Who watches a session: a terminal, or nobody."""

    def sets_up(self, profile: str) -> None:
        """A subject's bench is set up."""

    def began(self, trial: Trial) -> None:
        """A trial begins."""

    def planned(self, trial: Trial, runs: int) -> None:
        """So many more runs are planned."""

    def ran(self, trial: Trial, outcome: Outcome) -> None:
        """A run is over."""

    def ended(self, summary: Mapping[str, Any]) -> None:
        """A trial is over."""


class Nobody:
    """Watches nothing."""

    def sets_up(self, profile: str) -> None:
        """Nothing."""

    def began(self, trial: Trial) -> None:
        """Nothing."""

    def planned(self, trial: Trial, runs: int) -> None:
        """Nothing."""

    def ran(self, trial: Trial, outcome: Outcome) -> None:
        """Nothing."""

    def ended(self, summary: Mapping[str, Any]) -> None:
        """Nothing."""


@dataclass(slots=True)
class Trial:
    """One scenario on one subject."""

    laboratory: Laboratory
    bench: Bench
    scenario: str
    level: int
    story: str
    face: Face
    quick: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    _numbers: int = 0

    # --- what a scenario asks about its subject

    @property
    def workload(self) -> Workload:
        """The job."""
        return self.bench.profile.workload

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocol revisions that the subject speaks."""
        return self.bench.protocols[:1] if self.quick else self.bench.protocols

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Where within a batch faults can land."""
        phases = phases_of(self.bench.profile.subject.crash_points)
        return phases[-2:] if self.quick else phases

    @property
    def boundary(self) -> Phase:
        """The phase that stands for "the batch is done and its client knows it"."""
        return boundary_of(self.bench.profile.subject.crash_points)

    @property
    def windows(self) -> list[Coordinate]:
        """Where a client under test can be killed."""
        found = windows(self.bench.profile)
        return [at for at in found if not at.phase.in_server or at.batch == 1] if self.quick else found

    # --- playing

    def play(self, plans: Iterable[Plan]) -> None:
        """Play every plan; raises Violation or Unproven at the first that does not pass."""
        outcomes = self._play(list(plans))
        self._raise_for(outcomes)

    def explore(self, strategy: SearchStrategy[Plan], examples: int) -> None:
        """Play ``examples`` plans drawn with the session's seed; where one fails, look for the smallest that does."""
        seed = self.laboratory.seed
        outcomes = self._play(draw(strategy, seed=seed, examples=examples))
        if any(o.verdict is Verdict.FAIL for o in outcomes):
            known = {o.plan.to_text(): o.verdict is Verdict.FAIL for o in outcomes}
            search(strategy, self._fails, seed=seed, examples=examples, shrink_runs=_SHRINK_RUNS, known=known)
        self._raise_for(self.outcomes)

    def _fails(self, plan: Plan) -> bool:
        return self._play([plan])[0].verdict is Verdict.FAIL

    def _play(self, plans: Sequence[Plan]) -> list[Outcome]:
        self.face.planned(self, len(plans))
        numbered = list(enumerate(plans, start=self._numbers + 1))
        self._numbers += len(plans)
        return self.laboratory.play(self.bench, self.scenario, numbered, self._seen)

    def _seen(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.face.ran(self, outcome)

    def _raise_for(self, outcomes: Iterable[Outcome]) -> None:
        failed = self.smallest(Verdict.FAIL)
        if failed:
            raise Violation(describe(failed))
        unproven = next((o for o in outcomes if o.verdict is Verdict.INVALID), None)
        if unproven:
            raise Unproven(f"INVALID, this run proves nothing: {'; '.join(unproven.judgement.unproven)}")

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
            "runs": len(self.outcomes),
            "faults_confirmed": sum(j.confirmed for j in judgements),
            "faults_unconfirmed": sum(1 for j in judgements if j.refused),
            "kills_confirmed": sum(j.kills for j in judgements),
            "recoveries_s": sorted(r for j in judgements for r in j.recoveries_s),
            "findings": self._findings(failed) if failed else [],
        }

    def _findings(self, failed: Outcome) -> list[dict[str, Any]]:
        where = {"scenario": self.scenario, "profile": self.bench.profile.name}
        plan = {"plan": failed.plan.to_json(), "plan_text": str(failed.plan), "replay": replay_line(failed.folder)}
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
    return "\n".join([*lines, f"smallest failing plan: {outcome.plan}", f"replay: {replay_line(outcome.folder)}"])
