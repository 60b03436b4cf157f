"""What a shard keeps in its certificate, so that its runs can be put together with those of the others; it listens.

For each subject and scenario: how many runs were planned, in which folders those lie that count, and the kind of error
that ended it. (A plan that was tried several times has a folder for each; the last one counts.)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any

from mcp_crashtest.model.events import Event, RunPlayed, RunsPlanned, TrialEnded
from mcp_crashtest.model.shard import Shard


@dataclass(slots=True)
class Parts:
    """The runs of a session, by the names of subject and scenario."""

    played: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        """Note what was planned, what was played, and how it ended."""
        match event:
            case RunsPlanned():
                self._of(event.profile, event.scenario)["planned"] += event.runs
            case RunPlayed():
                self._of(event.profile, event.scenario)["runs"].append(PurePath(event.folder).name)
            case TrialEnded():
                self._of(event.summary["profile"], event.summary["id"])["error"] = event.summary["error"]
            case _:
                pass

    def _of(self, profile: str, scenario: str) -> dict[str, Any]:
        return self.played.setdefault(profile, {}).setdefault(scenario, {"planned": 0, "runs": [], "error": None})

    def to_json(self, shard: Shard) -> dict[str, Any]:
        """What stands under ``shard`` in the certificate."""
        return {**asdict(shard), "played": self.played}
