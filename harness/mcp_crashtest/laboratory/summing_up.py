"""What the runs of a scenario come to: its verdict, and its summary for certificates.

Whether they were all played here, or by several machines and put together, is no matter.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_crashtest.laboratory.play import Outcome, show_nothing
from mcp_crashtest.laboratory.unplayed import reproduced
from mcp_crashtest.model.cells import covered
from mcp_crashtest.model.errors import NotApplicable, Unproven, Violation
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.proof import NOTHING_MET
from mcp_crashtest.model.sharpness import Sharpness
from mcp_crashtest.model.verdict import Finding, Verdict
from mcp_crashtest.planning.budget import tolerated

_LONGER = "to see it, give the job more records in [workload]"
_DRAINS = (
    f"this server does all of its job before it stops, so that a planned restart leaves nothing to resume; {_LONGER}"
)
_TENTHS, _TENTH = 10, 100  # of a thousand


@dataclass(frozen=True, slots=True)
class Told:
    """A scenario on one subject, and what is known beside its runs: its ``plans``, notes, what was not played."""

    scenario: str
    profile: str
    level: int
    story: str
    plans: int
    notes: tuple[str, ...] = ()
    unplayed: Mapping[str, Any] = field(default_factory=dict)
    sharpness: tuple[Sharpness, ...] = ()


def raise_for(outcomes: Sequence[Outcome]) -> None:
    """Raise Violation where a run has failed, Unproven or NotApplicable where too many prove nothing."""
    failed = smallest(outcomes, Verdict.FAIL)
    if failed:
        raise Violation(describe(failed))
    unproven = show_nothing(outcomes)
    if len(unproven) > tolerated(len(outcomes)):
        reasons = "; ".join(unproven[0].judgement.unproven)
        if all(outcome.drained for outcome in outcomes):
            raise NotApplicable(f"{NOTHING_MET}; {_LONGER}" if NOTHING_MET in reasons else _DRAINS)
        raise Unproven(f"INVALID, {len(unproven)} runs prove nothing: {reasons}")


def told_again(earlier: int, verdicts: Sequence[Verdict]) -> str:
    """In words what came of so many plans that had failed in earlier sessions, and were played before any other."""
    said = f"{earlier} plan{'s' * (earlier != 1)} that failed in earlier sessions came first: "
    if Verdict.FAIL in verdicts:
        return said + f"number {len(verdicts)} has failed again"
    passed = verdicts.count(Verdict.PASS)
    silent = f", {earlier - passed} could not be played or did not land, and said nothing" if passed < earlier else ""
    return said + f"{passed} passed{silent}"


def smallest(outcomes: Iterable[Outcome], verdict: Verdict) -> Outcome | None:
    """The run with the smallest plan of those with this verdict."""
    return min((o for o in outcomes if o.verdict is verdict), key=lambda o: o.plan.size, default=None)


def summary(told: Told, outcomes: Sequence[Outcome], verdict: Verdict, reason: str, late_looks: int) -> dict[str, Any]:
    """A scenario as JSON; ``reason`` says why where the verdict is not PASS.

    ``late_looks`` are the restarts that nobody saw within a batch's time.
    """
    judgements = [o.judgement for o in outcomes]
    return {
        "id": told.scenario,
        "profile": told.profile,
        "level": told.level,
        "story": told.story,
        "verdict": verdict.name,
        "reason": reason,
        **({"notes": list(told.notes)} if told.notes else {}),
        **({"sabotage": [one.to_json() for one in told.sharpness]} if told.sharpness else {}),
        "plans": told.plans,
        **told.unplayed,
        "runs": len(outcomes),
        "faults_confirmed": sum(j.confirmed for j in judgements),
        "faults_unconfirmed": sum(1 for j in judgements if j.refused),
        "kills_confirmed": sum(j.kills for j in judgements),
        "recoveries_s": sorted(r for j in judgements for r in j.recoveries_s),
        "late_looks": late_looks,
        "fell": _fell(outcomes),
        "late": sum(j.late for j in judgements),
        "coverage": covered((j.hits if j.verdict is not Verdict.INVALID else (), j.owed) for j in judgements),
        "findings": _findings(told, outcomes),
        "broken": _broken(outcomes),
        "remarks": [remark.to_json() for o in outcomes for remark in o.judgement.remarks],
    }


def _fell(outcomes: Iterable[Outcome]) -> list[int]:
    """How many kills fell into each tenth of a batch."""
    fell = Counter(offset // _TENTH for o in outcomes for offset in o.judgement.offsets)
    return [fell[tenth] for tenth in range(_TENTHS)]


def _broken(outcomes: Iterable[Outcome]) -> list[str]:
    """Every invariant that any of these runs found broken."""
    found = {finding.invariant for outcome in outcomes for finding in outcome.judgement.findings}
    return [name for name in INVARIANTS if name in found]


def _findings(told: Told, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Each broken invariant, as the run with the smallest plan shows it."""
    shown: dict[str, Outcome] = {}
    for outcome in sorted((o for o in outcomes if o.verdict is Verdict.FAIL), key=lambda o: o.plan.size):
        for finding in outcome.judgement.findings:
            shown.setdefault(finding.invariant, outcome)
    where = {"scenario": told.scenario, "profile": told.profile}
    return [
        {**finding.to_json(), **where, **_plan_of(outcome), **reproduced(outcomes, outcome, finding)}
        for invariant, outcome in ((name, shown[name]) for name in INVARIANTS if name in shown)
        for finding in outcome.judgement.findings
        if finding.invariant == invariant
    ]


def _plan_of(outcome: Outcome) -> dict[str, Any]:
    plan = outcome.plan
    return {"plan": plan.to_json(), "plan_text": str(plan), "replay": replay_line(outcome.folder.path)}


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
