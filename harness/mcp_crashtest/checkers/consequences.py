"""What follows from another finding of the same output is no finding of its own: it is named in that one's evidence.

Where records are lost, the job that says completed says so with too few of them, and its count is wrong; where some are
there twice, or should not be there, the count cannot be right. Another job's records should not be there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mcp_crashtest.model.verdict import Finding

_FOLLOW = {
    "records.lost": frozenset({"records.count", "task.false-success"}),
    "records.duplicated": frozenset({"records.count"}),
    "records.unexpected": frozenset({"records.count"}),
    "isolation.leak": frozenset({"records.unexpected", "records.duplicated", "records.count", "effects.lost"}),
}


def told_once(findings: Iterable[Finding]) -> list[Finding]:
    """The findings without those that follow from others; which these were stands in the others' evidence."""
    found = list(findings)
    told: list[Finding] = []
    for finding in found:
        if any(_follows(finding, other) for other in found):
            continue
        also = sorted({other.invariant for other in found if _follows(other, finding)})
        told.append(replace(finding, evidence={**finding.evidence, "also": also}) if also else finding)
    return told


def _follows(finding: Finding, other: Finding) -> bool:
    """Whether one says no more than the other about the same output. What a result lacks beside its records does."""
    explained = finding.invariant in _FOLLOW.get(other.invariant, frozenset()) and "missing" not in finding.evidence
    return explained and bool(set(finding.operations) & set(other.operations))
