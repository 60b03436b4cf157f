"""A claimed time that was passed is a suspicion, first of all against the machine: it is looked at again, alone.

The plan is played three times with nothing else under way. Only where the claim is broken in all of them, while the
lab's own heartbeat was on time, is the finding one; where they do not agree nothing is shown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from mcp_crashtest.checkers.claimed import SLOW
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.verdict import Judgement, Verdict

_TIMES = 3


def suspected(outcome: Outcome) -> bool:
    """Whether nothing but a claimed time speaks against the subject."""
    judgement = outcome.judgement
    return judgement.overdue and all("claimed_s" in finding.evidence for finding in judgement.findings)


async def settled(first: Outcome, again: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """What a suspicion comes to; ``again`` plays the plan once more with nothing else under way.

    Where the lab was late in the first run, and in the next one nothing is overdue, that one counts.
    """
    alone: list[Outcome] = []
    for _ in range(_TIMES):
        outcome = await again()
        if not suspected(outcome):
            return _acquitted(first, alone, outcome)
        alone.append(outcome)
    proven = [outcome for outcome in alone if outcome.verdict is Verdict.FAIL]
    return proven[-1] if len(proven) == _TIMES else _unproven(first, alone, alone[-1])


def _acquitted(first: Outcome, alone: list[Outcome], outcome: Outcome) -> Outcome:
    if outcome.verdict is not Verdict.PASS or (first.verdict is Verdict.INVALID and not alone):
        return outcome
    return _unproven(first, alone, outcome)


def _unproven(first: Outcome, alone: list[Outcome], last: Outcome) -> Outcome:
    """The runs do not agree: none of them is evidence against the subject."""
    over = [first, *alone]
    for outcome in over:
        outcome.folder.forget_judgement()
    said = over[0].judgement
    what = [finding.message for finding in said.findings] or list(said.unproven)
    text = f"{SLOW}: {what[0]}. Played again alone {len(alone) + (last not in over)} times, it was not shown each time"
    return replace(first, judgement=Judgement((), (text,), said.confirmed, said.recoveries_s, said.kills, refused=True))
