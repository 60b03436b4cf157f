"""The tally: the scenarios' summaries as they come in, and the certificate that they add up to."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mcp_crashtest.model.baseline import Baseline
from mcp_crashtest.model.events import Event, RunPlayed, TrialEnded
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.reporting.certificate import certificate
from mcp_crashtest.reporting.parts import Parts
from mcp_crashtest.reporting.stars import Listed, Selection
from mcp_crashtest.reporting.weighing import weighed


@dataclass(slots=True)
class Tally:
    """What a session has shown so far; it listens. ``errors`` are the kinds of errors that ended scenarios.

    ``evidence`` says what all files that it has left come to, once they are counted.
    ``baseline``: what is expected of its subjects, where somebody has said it.
    ``unsaved`` says what cannot be shown, and why.
    """

    selection: Selection
    seed: int
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    scenarios: list[dict[str, Any]] = field(default_factory=list)
    subjects: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    runs: int = 0
    kills: int = 0
    finished: bool = False
    parts: Parts = field(default_factory=Parts)
    evidence: Mapping[str, Any] | None = None
    baseline: Baseline | None = None
    unsaved: str | None = None
    _began: str = field(default_factory=lambda: _now())

    def __call__(self, event: Event) -> None:
        """Take a scenario's summary over."""
        if self.selection.shard is not None:
            self.parts(event)
        if isinstance(event, RunPlayed):
            self.runs += 1
            self.kills += event.kills
        if isinstance(event, TrialEnded):
            scenario = dict(event.summary)
            self.subjects[scenario["profile"]] = scenario.pop("subject")
            kind = scenario.pop("error")
            if kind:
                self.errors.append(kind)
            self.scenarios.append(scenario)

    def so_far(self, listed: int) -> str:
        """What was shown up to now, of so many scenarios, in one line."""
        if not self.runs:
            return "nothing was shown yet"
        violated = len({finding["invariant"] for s in self.scenarios for finding in s["findings"]})
        over = sum(s["runs"] > 0 for s in self.scenarios)
        return (
            f"{over} of {listed} scenarios were played to their end: a job was run {self.runs} times, and a process "
            f"killed {self.kills} times; {violated} invariants broken so far"
        )

    def certificate(self, catalogue: Sequence[Listed]) -> dict[str, Any]:
        """Sum up. The catalogue has all scenarios that there are."""
        times = {"began": self._began, "ended": _now()}
        said = (self.scenarios, self.subjects, self.selection, catalogue)
        made = certificate(*said, seed=self.seed, finished=self.finished, times=times)
        shard = self.selection.shard
        made = made if shard is None else {**made, "shard": self.parts.to_json(shard)}
        made = made if self.evidence is None else {**made, "evidence": dict(self.evidence)}
        return made if self.baseline is None else weighed(made, self.baseline, catalogue)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def unplayed(scenario: str, profile: str, level: int, verdict: Verdict, reason: str) -> Mapping[str, Any]:
    """The summary of a scenario that never came to a run."""
    return {
        "id": scenario,
        "profile": profile,
        "level": level,
        "story": "",
        "verdict": verdict.name,
        "reason": reason,
        "plans": 0,
        "runs": 0,
        "faults_confirmed": 0,
        "faults_unconfirmed": 0,
        "kills_confirmed": 0,
        "recoveries_s": [],
        "findings": [],
    }
