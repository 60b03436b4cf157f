"""What a trial had planned and did not play, and how often it saw again what it found. For the certificate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.model.verdict import Finding, Verdict
from mcp_crashtest.planning.budget import Budget

_MOST_LISTED = 200
A_RUN_FAILED = "a run before it failed"
OUT_OF_TIME = "there was no time left for it"
BROKEN_OFF = "the scenario was broken off before it"
NOTHING_PROVEN = "too many runs before it proved nothing"


@dataclass(slots=True)
class Unplayed:
    """The plans of one trial by their numbers: those that were to be played, and those that the budget left out."""

    _asked: dict[int, Plan] = field(default_factory=dict)
    _beyond: list[tuple[int, Plan, str]] = field(default_factory=list)

    def left_out(self, plans: Sequence[Plan], first: int, why: str) -> None:
        """These were left out from the first; the first of them would have had this number."""
        self._beyond += ((number, plan, why) for number, plan in enumerate(plans, start=first))

    def asked(self, numbered: Iterable[tuple[int, Plan]]) -> None:
        """These are to be played."""
        self._asked.update(numbered)

    def played(self, number: int, plan: Plan) -> None:
        """One of them was; one that was left out before may have been played in the place of another."""
        self._asked.pop(number, None)
        self._beyond = [left for left in self._beyond if left[:2] != (number, plan)]

    def refused(self, numbered: Iterable[tuple[int, Plan]], refused: Mapping[Size, str]) -> list[str]:
        """Those whose job has a size that the server does not take were left out; why, once for each size."""
        said: dict[str, None] = {}
        for number, plan in numbered:
            for size in (size for size in plan.sizes if size is not None and size in refused):
                why = f"it takes no job with records = {size.records}, batch = {size.batch}"
                said[f"{why}: {refused[size]}"] = None
                self.played(number, plan)
                self.left_out([plan], number, why)
        return list(said)

    def to_json(self, why: str) -> dict[str, Any]:
        """As part of a summary; ``why`` those are missing that were to be played. The list is bounded."""
        left = chain(((*one, why) for one in self._asked.items()), self._beyond)
        told = [_told(n, plan, said) for n, plan, said in left]
        if not told:
            return {}
        return {"unplayed": told[:_MOST_LISTED], "unplayed_in_all": len(told)}


def _told(number: int, plan: Plan, why: str) -> dict[str, Any]:
    """Where the fault was to fall is said of a plan that has one."""
    at = {"at": plan.faults[0].to_json()["at"]} if len(plan.faults) == 1 else {}
    return {"number": number, "plan": str(plan), "protocol": plan.protocol, **at, "why": why}


def beyond(budget: Budget) -> str:
    """Why a session of this budget does not play more of a scenario."""
    if budget in (Budget.QUICK, Budget.LOOK):
        return "a first look plays less"
    return "a star is earned with less (--full plays it)"


def why_unplayed(outcomes: Sequence[Outcome], *, cut_short: bool, verdict: Verdict) -> str:
    """Why plans that were to be played are missing."""
    if any(o.verdict is Verdict.FAIL for o in outcomes):
        return A_RUN_FAILED
    if cut_short:
        return OUT_OF_TIME
    return NOTHING_PROVEN if verdict is Verdict.INVALID and _nothing_proven(outcomes) else BROKEN_OFF


def _nothing_proven(outcomes: Sequence[Outcome]) -> bool:
    return any(o.verdict is Verdict.INVALID for o in outcomes)


def reproduced(outcomes: Sequence[Outcome], failed: Outcome, finding: Finding) -> dict[str, Any]:
    """How often this session has seen it: of the runs of the same plan, and of all runs of the scenario.

    A run that proves nothing says nothing of that.
    """
    judged = [o for o in outcomes if o.verdict is not Verdict.INVALID]
    same = [o for o in judged if o.plan == failed.plan]
    return {"reproduced": _showing(same, finding), "seen": _showing(judged, finding)}


def _showing(outcomes: Sequence[Outcome], finding: Finding) -> dict[str, int]:
    shown = sum(any(f.invariant == finding.invariant for f in o.judgement.findings) for o in outcomes)
    return {"runs": shown, "of": len(outcomes)}
