"""Claims x invariants: one table of what each claim switches. The checkers ask it, and the docs are made from it.

What stands in no row is judged whatever is claimed. A rule that ``frees`` takes its invariant out where the claim is
not made; any other only judges less sharply then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.profile import LIVENESS_S

_STATED = object()
"""Any value: what counts is that the claim is made at all."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a claim means for an invariant: where it is made, and otherwise."""

    claim: str
    value: Any
    invariant: str
    made: str
    otherwise: str
    frees: bool

    @property
    def title(self) -> str:
        """As it is written in a profile."""
        if self.value is _STATED:
            return self.claim
        return f"{self.claim} = {str(self.value).lower() if isinstance(self.value, bool) else repr(str(self.value))}"

    def is_made(self, claims: Mapping[str, Any]) -> bool:
        """Whether these claims, as a profile's table or a history's header has them, make it."""
        said = claims.get(self.claim)
        return said is not None if self.value is _STATED else said == self.value


_RESUMES = ("resumes", True)
_ONCE = ("semantics", "exactly-once")
RULES = (
    Rule(
        *_RESUMES,
        "effects.rework",
        "a fault costs at most the batch that was under way",
        "work may be done again, from the start too",
        frees=True,
    ),
    Rule(
        *_RESUMES,
        "progress.regressed",
        "progress that anybody saw is never undone, under at-least-once neither",
        "an unfinished job may begin anew; a finished one may not",
        frees=True,
    ),
    Rule(
        *_RESUMES,
        "records.lost",
        "a job that was disturbed completes; one that ends otherwise did not resume",
        "a disturbed job may fail if it says so, and loses nothing where it completes",
        frees=False,
    ),
    Rule(
        *_ONCE,
        "records.duplicated",
        "no record is in the output twice",
        "records may be repeated; a finished output stays as it is",
        frees=True,
    ),
    Rule(
        *_ONCE,
        "records.count",
        "count, records and workload are one number",
        "repeats may be counted or not; no record may be missing behind them",
        frees=False,
    ),
    Rule(
        *_ONCE,
        "effects.rework",
        "a fault costs at most the batch that was under way",
        "a fault may cost the batch under way and what had been done, up to half of the workload: no new beginning",
        frees=False,
    ),
    Rule(
        "ordered",
        True,
        "records.reordered",
        "records are in the order of the input, repeats left out",
        "any order",
        frees=True,
    ),
    Rule(
        "deterministic",
        True,
        "records.content",
        "each record equals the undisturbed run's",
        "records are compared by key alone; a finished output stays as it is",
        frees=True,
    ),
    Rule(
        "durable_events",
        True,
        "stream.lost",
        "a stream goes on behind its last event, over a restart too",
        "a stream goes on while its server lives; over a restart it may be lost, and its call is made again",
        frees=False,
    ),
    Rule(
        "shared_store",
        True,
        "recovery.loop",
        "a second server on the store starts, and serves beside the first",
        "a second server on the store may refuse to start, with an exit code and a word that says why",
        frees=False,
    ),
    Rule(
        "lease_s",
        _STATED,
        "recovery.deadline",
        "a server that stands still for longer is replaced: another one on the store has gone on with its jobs by then",
        "a server that stands still may keep its jobs",
        frees=False,
    ),
    Rule(
        "recovery_deadline_s",
        _STATED,
        "recovery.deadline",
        "restart to first answer within this time, to new progress within this time and one step of the work",
        f"only a bound of liveness: something moves within {LIVENESS_S:g} s and the time of the undisturbed job",
        frees=False,
    ),
)


def held(claims: Mapping[str, Any], invariant: str) -> bool:
    """Whether an invariant is judged under these claims."""
    return all(rule.is_made(claims) for rule in RULES if rule.invariant == invariant and rule.frees)


def held_sharply(claims: Mapping[str, Any], invariant: str) -> bool:
    """Whether an invariant is judged under these claims, and no less sharply than it can be."""
    return all(rule.is_made(claims) for rule in RULES if rule.invariant == invariant)


def page() -> Iterator[str]:
    """The table as lines of Markdown."""
    yield "| claim | invariant | where it is made | otherwise |"
    yield "|---|---|---|---|"
    for rule in RULES:
        yield f"| `{rule.title}` | `{rule.invariant}` | {rule.made} | {rule.otherwise} |"
    yield ""
    switched = {rule.invariant for rule in RULES}
    always = [f"`{name}`" for name in INVARIANTS if name not in switched]
    yield f"Judged whatever is claimed: {', '.join(always)}."
