"""Findings and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from mcp_crashtest.model.cells import Cell

HIGHEST_LEVEL = 3
"""The most stars that this version certifies."""
DEFAULT_LEVEL = 2
"""The stars that are asked for where nobody says how many."""


class Verdict(IntEnum):
    """PASS < SKIP < INVALID < FAIL; verdicts are merged by the maximum, so that a FAIL is never masked.

    INVALID: the run proves nothing, because a planned fault did not land or could not be proven.
    """

    PASS = 0
    SKIP = 1
    INVALID = 2
    FAIL = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One violated invariant, with the numbers of the operations that show it.

    ``advice`` is what is to be done about what was seen here, where that is more than the table of invariants knows.
    """

    invariant: str
    message: str
    operations: tuple[int, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    advice: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Encode; advice only where there is some of its own."""
        advice = {"advice": self.advice} if self.advice else {}
        return {
            **advice,
            "invariant": self.invariant,
            "message": self.message,
            "operations": list(self.operations),
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one run came to.

    ``confirmed`` faults of those ``planned`` are proven to have landed: the others came too late, and the run is judged
    on those that did. ``kills`` processes are proven to have died by SIGKILL;
    ``refused`` is true when a fault was tried and could not be proven, which no second try can mend.
    ``overdue``: a claimed time was passed, which is a suspicion until it was seen again with nothing else under way.
    ``remarks`` stand beside the verdict and change nothing of it.
    ``recoveries_s``: seconds from each fault on the server to the first answer that a client had after it.
    ``offsets``: how far into a batch, in thousandths, each kill of a server fell, as far as a client knew.
    ``hits`` are the cells of those that landed, ``owed`` those that its scenario owes, as far as this run shows.
    ``late`` faults fell more than half a batch behind the place that was planned.
    """

    findings: tuple[Finding, ...]
    unproven: tuple[str, ...]
    confirmed: int
    recoveries_s: tuple[float, ...] = ()
    kills: int = 0
    refused: bool = False
    planned: int = 0
    overdue: bool = False
    remarks: tuple[Finding, ...] = ()
    offsets: tuple[int, ...] = ()
    late: int = 0
    hits: tuple[Cell, ...] = ()
    owed: tuple[Cell, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """FAIL with any finding, else INVALID with any unproven fault, else PASS."""
        if self.findings:
            return Verdict.FAIL
        return Verdict.INVALID if self.unproven else Verdict.PASS

    def to_json(self) -> dict[str, Any]:
        """Encode."""
        return {
            "verdict": self.verdict.name,
            "findings": [f.to_json() for f in self.findings],
            "unproven": list(self.unproven),
            "faults_planned": self.planned,
            "faults_confirmed": self.confirmed,
            "kills_confirmed": self.kills,
            "refused": self.refused,
            "recoveries_s": list(self.recoveries_s),
            "offsets": list(self.offsets),
            **({"late": self.late} if self.late else {}),
            **({"remarks": [r.to_json() for r in self.remarks]} if self.remarks else {}),
        }


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Merge verdicts; SKIP where there are none, because nothing was assessed."""
    return max(verdicts, default=Verdict.SKIP)
