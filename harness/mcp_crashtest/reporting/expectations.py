"""What a session found, held against what was expected of it. Pure.

Three things come out: what was expected and is there, what is there and was not expected, and what was expected and is
not there although it was looked for as thoroughly as a star is owed (stale). What nobody looked for, because its
scenario was not played to its end, or only at a first look, is none of the three. An expected finding earns nothing:
``otherwise`` says what the session would have come to without it, and decides nothing but the exit code.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_crashtest.model.baseline import Baseline, Expected
from mcp_crashtest.model.fingerprints import fingerprint
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.reporting.stars import Selection

Scenario = Mapping[str, Any]
_THOROUGH = ("core", "full")
_GONE = "its scenario has passed"
_NO_SCENARIO = "there is no scenario of this name"


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that was found broken in a scenario of a subject."""

    profile: str
    scenario: str
    invariant: str

    @property
    def fingerprint(self) -> str:
        """What it is found again by."""
        return fingerprint(self.profile, self.scenario, self.invariant)

    def to_json(self) -> dict[str, Any]:
        """Encode."""
        said = {"profile": self.profile, "scenario": self.scenario, "invariant": self.invariant}
        return {"fingerprint": self.fingerprint, **said}


def broken_in(scenario: Scenario) -> list[Broken]:
    """What a scenario found broken, in any of its runs."""
    named = [finding["invariant"] for finding in scenario["findings"]]
    seen = dict.fromkeys([*named, *scenario.get("broken", ())])
    return [Broken(scenario["profile"], scenario["id"], invariant) for invariant in seen]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was expected and found, what was found alone, what was expected alone, and what nobody could see."""

    baseline: Baseline
    expected: tuple[Expected, ...]
    unexpected: tuple[Broken, ...]
    stale: tuple[tuple[Expected, str], ...]
    untried: tuple[tuple[Expected, str], ...]

    @property
    def holds(self) -> bool:
        """Whether all is as expected."""
        return not self.unexpected and not self.stale

    def pardoned(self, scenarios: Sequence[Scenario]) -> list[Scenario]:
        """The scenarios as they would be without what was expected of them."""
        known = {entry.fingerprint for entry in self.expected}
        return [
            {**s, "verdict": Verdict.PASS.name}
            if s["verdict"] == Verdict.FAIL.name and broken_in(s) and {one.fingerprint for one in broken_in(s)} <= known
            else s
            for s in scenarios
        ]

    def to_json(self) -> dict[str, Any]:
        """Encode; what it would have come to otherwise is for whoever knows the rules of stars."""
        return {
            "file": self.baseline.file,
            "expected": [entry.to_json() for entry in self.expected],
            "unexpected": [one.to_json() for one in self.unexpected],
            "stale": [{**entry.to_json(), "why": why} for entry, why in self.stale],
            "untried": [{**entry.to_json(), "why": why} for entry, why in self.untried],
        }

    def brought_up_to_date(self, reason: str, date: str) -> list[Expected]:
        """The entries of a baseline that fits: what is stale goes, what is new comes with this reason and date."""
        kept = [*self.expected, *(entry for entry, _ in self.untried)]
        new = [Expected(one.profile, one.scenario, one.invariant, reason, date) for one in self.unexpected]
        return [*kept, *new]


def compared(
    baseline: Baseline,
    scenarios: Sequence[Scenario],
    subjects: Mapping[str, Mapping[str, Any]],
    selection: Selection,
    catalogue: Collection[str],
    *,
    finished: bool,
) -> Comparison:
    """Hold a session's scenarios against a baseline; ``catalogue``: the names of all scenarios that there are."""
    found = {one.fingerprint: one for scenario in scenarios for one in broken_in(scenario)}
    known = baseline.by_fingerprint
    played = {(s["profile"], s["id"]): s for s in scenarios}
    missing = [entry for entry in baseline.entries if entry.fingerprint not in found]

    def judged() -> Iterator[tuple[Expected, str, bool]]:
        for entry in missing:
            scenario = played.get(entry.place)
            if scenario is not None:
                yield entry, *_of_played(entry, scenario, str(subjects[entry.profile].get("budget")))
            elif entry.profile not in subjects:
                yield entry, f"{entry.profile} is no subject of this session", False
            elif finished and not selection.partial and entry.scenario not in catalogue:
                yield entry, _NO_SCENARIO, True
            else:
                yield entry, "its scenario was not asked for", False

    weighed = list(judged())
    return Comparison(
        baseline,
        expected=tuple(entry for entry in baseline.entries if entry.fingerprint in found),
        unexpected=tuple(one for name, one in found.items() if name not in known),
        stale=tuple((entry, why) for entry, why, stale in weighed if stale),
        untried=tuple((entry, why) for entry, why, stale in weighed if not stale),
    )


def _of_played(entry: Expected, scenario: Scenario, budget: str) -> tuple[str, bool]:
    """Why something is missing in a scenario that the session has, and whether that makes it stale."""
    if scenario["verdict"] == Verdict.FAIL.name:
        return "its scenario has stopped at another finding", False
    if scenario["verdict"] != Verdict.PASS.name:
        return "its scenario was not played to its end", False
    if budget not in _THOROUGH:
        return "its scenario has passed a first look", False
    if entry.sometimes:
        return "it does not show each time", False
    return _GONE, True


def expectation_lines(compared: Mapping[str, Any]) -> list[str]:
    """What a comparison came to, from a certificate, in lines of plain text."""
    file, lines = compared["file"], []
    for one in compared["unexpected"]:
        lines.append(f"baseline: not expected: {_named(one)}")
    for one in compared["stale"]:
        lines.append(
            f"baseline: stale: {_named(one)}: {one['why']}; "
            f"mcp-crashtest baseline update --baseline {file} takes it out"
        )
    lines += [f"baseline: expected since {one['date']}: {_named(one)}: {one['reason']}" for one in compared["expected"]]
    untried = len(compared["untried"])
    said = f"; {untried} of its entries were not tried" if untried else ""
    if compared["unexpected"] or compared["stale"]:
        return [*lines, f"baseline: {file} does not hold{said}"]
    nothing = "what is expected earns no star, and what lies behind it is not seen"
    return [*lines, f"baseline: {file} holds{said}" + (f"; {nothing}" if compared["expected"] else "")]


def _named(one: Mapping[str, Any]) -> str:
    return f"{one['profile']}: {one['invariant']} in {one['scenario']} ({one['fingerprint']})"
