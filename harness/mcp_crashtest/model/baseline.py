"""A baseline: the findings that are expected of a subject, each with the reason for which it is lived with.

An expected finding is still a finding: what it stands for earns no star. It only does not fail a build.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mcp_crashtest.model.fingerprints import fingerprint

BASELINE_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Expected:
    """A finding that is expected; ``date``: since when, as ``2026-11-26``.

    ``sometimes``: it does not show in every session, and is not stale in one that does not find it.
    """

    profile: str
    scenario: str
    invariant: str
    reason: str
    date: str
    sometimes: bool = False

    @property
    def fingerprint(self) -> str:
        """What it is found again by."""
        return fingerprint(self.profile, self.scenario, self.invariant)

    @property
    def place(self) -> tuple[str, str]:
        """The subject and scenario that it was found in."""
        return self.profile, self.scenario

    def to_json(self) -> dict[str, Any]:
        """Encode."""
        said = asdict(self)
        if not self.sometimes:
            del said["sometimes"]
        return {"fingerprint": self.fingerprint, **said}


@dataclass(frozen=True, slots=True)
class Baseline:
    """The entries of a baseline's file; ``file`` is its name as it was given."""

    file: str
    entries: tuple[Expected, ...] = ()

    @property
    def by_fingerprint(self) -> Mapping[str, Expected]:
        """Each entry by its fingerprint."""
        return {entry.fingerprint: entry for entry in self.entries}
