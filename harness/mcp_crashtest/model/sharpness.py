"""Whether the lab would have noticed: what became of each sabotage that was done to a subject on purpose. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

BLIND = "the test was blind here"


@dataclass(frozen=True, slots=True)
class Sharpness:
    """One kind of sabotage: how often it was tried, how often something was found, and by which invariants."""

    kind: str
    tried: int
    noticed: int
    by: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As a person says it: ``dropped fsync: noticed in 3 of 3 by records.lost``."""
        found = f" by {', '.join(self.by)}" if self.by else ""
        return f"{self.kind}: noticed in {self.noticed} of {self.tried}{found}"

    def to_json(self) -> dict[str, Any]:
        """Encode."""
        return {"kind": self.kind, "tried": self.tried, "noticed": self.noticed, "by": list(self.by)}


def sharpness(kind: str, runs: Sequence[Iterable[str]]) -> Sharpness:
    """``runs``: the invariants that each run of this kind found broken."""
    found = [set(run) for run in runs]
    return Sharpness(kind, len(found), sum(map(bool, found)), tuple(sorted(set().union(*found))))


def is_blind(seen: Iterable[Sharpness]) -> bool:
    """Whether no sabotage at all was noticed."""
    return not any(one.noticed for one in seen)
