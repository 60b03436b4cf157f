"""What was played to its end before the lab itself died is not played again: it lies in the bundle, and is judged.

A run is taken over only for the very plan that it was of. One that shows nothing is played again, unless it was tried
as often as any.
"""

from __future__ import annotations

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.slow import suspected
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.verdict import Verdict

ATTEMPTS = 5
"""How often a plan is played whose faults come too late."""
_COMMANDED = 2


def most_tries(outcome: Outcome) -> int:
    """How often such a plan is played: what an owner's command does is no matter of the moment, and may take long."""
    return _COMMANDED if outcome.refuted else ATTEMPTS


def finished_before(bundle: Bundle, profile: Profile, scenario: str, number: int, plan: Plan) -> Outcome | None:
    """What this plan has come to, the gravest of its attempts; None where it is to be played. Raises UsageError."""
    outcomes = [Outcome(plan, judge(run.history()), run) for run in _judged(bundle, profile, scenario, number, plan)]
    shown = [outcome for outcome in outcomes if outcome.verdict is not Verdict.INVALID]
    if shown:
        return max(shown, key=_weight)
    tried = [outcome for number, outcome in enumerate(outcomes, start=1) if number >= most_tries(outcome)]
    given_up = [outcome for outcome in outcomes if outcome.drained] or tried
    return given_up[0] if given_up else None


def tried_before(bundle: Bundle, profile: Profile, scenario: str, number: int, plan: Plan) -> int:
    """How often this plan was played to its end and showed nothing: what lies there stays, and counts as a try."""
    return len(_judged(bundle, profile, scenario, number, plan))


def _judged(bundle: Bundle, profile: Profile, scenario: str, number: int, plan: Plan) -> list[RunFolder]:
    text = plan.to_text().encode()
    attempts = [run for run in bundle.attempts(profile, scenario, number) if run.plan_bytes == text]
    return [run for run in attempts if run.judgement() is not None]


def _weight(outcome: Outcome) -> tuple[Verdict, bool]:
    return outcome.verdict, not suspected(outcome)
