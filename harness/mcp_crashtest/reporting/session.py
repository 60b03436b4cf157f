"""A session: the scenarios' summaries as they come in, and the certificate that they add up to."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.reporting.certificate import certificate, exit_code


@dataclass(slots=True)
class Session:
    """What a session has shown so far. ``asked`` is the level that the user named, ``highest`` the highest there is."""

    asked: int | None
    seed: int
    highest: int
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    scenarios: list[dict[str, Any]] = field(default_factory=list)
    subjects: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def add(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """Take a scenario's summary over; as it will stand in the certificate."""
        scenario = dict(summary)
        self.subjects[scenario["profile"]] = scenario.pop("subject")
        kind = scenario.pop("error")
        if kind:
            self.errors.append(kind)
        self.scenarios.append(scenario)
        return scenario

    def certificate(self) -> dict[str, Any]:
        """Sum up."""
        return certificate(
            self.scenarios, self.subjects, seed=self.seed, asked=self.asked, highest=self.asked or self.highest
        )

    def exit_code(self) -> int:
        """The exit code that the session earns."""
        return exit_code(self.certificate(), self.errors)


def unplayed(scenario: str, profile: str, level: int, verdict: Verdict, reason: str) -> dict[str, Any]:
    """The summary of a scenario that never came to a run."""
    return {
        "id": scenario,
        "profile": profile,
        "level": level,
        "story": "",
        "verdict": verdict.name,
        "reason": reason,
        "runs": 0,
        "faults_confirmed": 0,
        "faults_unconfirmed": 0,
        "kills_confirmed": 0,
        "recoveries_s": [],
        "findings": [],
    }
