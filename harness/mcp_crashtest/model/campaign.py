"""A campaign as data: which seed is its turn, what was counted so far, and each finding with its smallest plan.

Pure values with their JSON; where they lie is another room's matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Verdict

CAMPAIGN_FORMAT = 1
KEPT_SEEDS = 5
"""Of how many seeds, the newest, the evidence is kept."""

_FEWEST_FAULTS = 30  # below that, three over their number is no bound worth saying


class State(StrEnum):
    """How a finding stands: it was seen to fail last, or passed often enough to be taken for mended."""

    OPEN = "open"
    MENDED = "mended"


@dataclass(frozen=True, slots=True)
class Counted:
    """So many runs, the faults that are confirmed in them, and the kills among those. What proves nothing has none."""

    runs: int = 0
    faults: int = 0
    kills: int = 0

    @classmethod
    def of(cls, verdict: str, faults: int, kills: int) -> Counted:
        """One run."""
        return cls(1) if verdict == Verdict.INVALID.name else cls(1, faults, kills)

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.runs + other.runs, self.faults + other.faults, self.kills + other.kills)

    @property
    def violation_chance_below(self) -> float | None:
        """The chance of a violation per fault at 95 %, where none was seen; None where the faults are too few."""
        return round(3 / self.faults, 6) if self.faults >= _FEWEST_FAULTS else None


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: an invariant that a scenario on a subject broke, by the smallest plan that did.

    ``run`` names the evidence in the corpus, ``seed`` is the first that showed it. ``failed`` of ``tried`` replays of
    this plan failed, the run that found it among them.
    """

    profile: str
    scenario: str
    invariant: str
    message: str
    plan: Plan
    run: str
    seed: int
    failed: int = 1
    tried: int = 1
    state: State = State.OPEN

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two findings the same one."""
        return self.profile, self.scenario, self.invariant

    def smaller_than(self, other: Found) -> bool:
        """Whether its plan is the smaller one."""
        return self.plan.size < other.plan.size

    def to_json(self) -> dict[str, Any]:
        """Encode."""
        return {**asdict(self), "plan": self.plan.to_json(), "plan_text": str(self.plan)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Found:
        """Decode; raises KeyError, TypeError, ValueError and UsageError."""
        told = {name: said for name, said in data.items() if name != "plan_text"}
        return cls(**{**told, "plan": Plan.from_json(data["plan"]), "state": State(data["state"])})


@dataclass(frozen=True, slots=True)
class Campaign:
    """``first`` and ``seed``: the seeds that were and are played. ``counted``: what those before ``seed`` have shown.

    ``subjects`` are the profiles' digests by name, ``version`` is the lab's: what was counted is of these alone.
    """

    seed: int
    first: int
    subjects: Mapping[str, str]
    version: str
    counted: Counted = Counted()
    found: Mapping[tuple[str, str, str], Found] = field(default_factory=dict)

    @property
    def open(self) -> list[Found]:
        """The findings that are not mended."""
        return [one for one in self.found.values() if one.state is State.OPEN]

    def with_found(self, *found: Found) -> Campaign:
        """With these findings in the place of what was known of them."""
        return replace(self, found={**self.found, **{one.key: one for one in found}})

    def closed(self, counted: Counted) -> Campaign:
        """With this seed counted, and the next one's turn."""
        return replace(self, seed=self.seed + 1, counted=self.counted + counted)

    def anew(self, subjects: Mapping[str, str], version: str) -> Campaign:
        """Of other subjects, or played by another version: nothing is counted yet; the findings are kept."""
        return Campaign(self.seed + 1, self.seed + 1, subjects, version, found=self.found)

    def to_json(self) -> dict[str, Any]:
        """Encode."""
        return {
            "format": CAMPAIGN_FORMAT,
            "seed": self.seed,
            "first": self.first,
            "subjects": dict(self.subjects),
            "version": self.version,
            "counted": asdict(self.counted),
            "found": [one.to_json() for one in self.found.values()],
        }

    @classmethod
    def from_json(cls, data: Any) -> Campaign:
        """Decode; raises UsageError for another format, or what cannot be read."""
        if not isinstance(data, Mapping) or data.get("format") != CAMPAIGN_FORMAT:
            found = data.get("format") if isinstance(data, Mapping) else data
            raise UsageError(
                f"this campaign has format {found!r}, this version reads format {CAMPAIGN_FORMAT}: give another "
                f"--report-dir"
            )
        try:
            found = [Found.from_json(one) for one in data["found"]]
            told = (int(data["seed"]), int(data["first"]), dict(data["subjects"]), str(data["version"]))
            return cls(*told, Counted(**data["counted"]), {one.key: one for one in found})
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"this campaign cannot be read: {error!r}") from error
