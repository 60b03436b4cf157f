"""Stars: what each subject has earned, what was asked of it, and, where that is less, one line that says why.

A level is earned when every scenario of it, and of all lower ones, was played to its end and has passed. Which those
are says the catalogue of all scenarios, and not what happened to be selected or played. This file is pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mcp_crashtest.model.caps import NUMERALS, Cap, ceiling
from mcp_crashtest.model.cells import empty
from mcp_crashtest.model.shard import Shard
from mcp_crashtest.model.standing import Standing
from mcp_crashtest.model.verdict import DEFAULT_LEVEL, HIGHEST_LEVEL, Verdict

Scenario = Mapping[str, Any]
_FIRST_LOOKS, _FITTED, _QUICK_LEVEL = ("quick", "look"), "fitted", 1
_NAMED = 4


@dataclass(frozen=True, slots=True)
class Listed:
    """A scenario of the catalogue: its name, the stars that it is for, and whether it is for clients."""

    id: str
    level: int
    client: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for: the level, certain scenarios, how much of each; and the highest level that there is.

    ``own``: a folder of the user's own scenarios; ``again``: only what has failed before; ``shard``: one part of it.
    ``time_limit_s``: behind that no run was begun.
    """

    level: int | None
    highest: int = HIGHEST_LEVEL
    scenarios: tuple[str, ...] = ()
    budget: str = "core"
    own: bool = False
    again: bool = False
    shard: Shard | None = None
    time_limit_s: float | None = None

    @property
    def partial(self) -> bool:
        """Whether certain scenarios were asked for, and not a level."""
        return bool(self.scenarios) or self.own or self.again

    @property
    def quick(self) -> bool:
        """Whether it is a first look."""
        return self.budget in _FIRST_LOOKS

    def of(self, subject: Mapping[str, Any]) -> Selection:
        """What was asked for of one subject: of some a first look was enough."""
        budget = str(subject.get("budget"))
        if budget == _FITTED and not self.quick:
            return replace(self, budget=budget)
        return replace(self, budget=budget, level=None) if budget in _FIRST_LOOKS else self

    def plays(self, level: int, *, own: bool = False) -> bool:
        """Whether scenarios of a level are played; those that were asked for by name are, unless a level was too."""
        if self.level is not None:
            return level <= self.level
        return level <= DEFAULT_LEVEL or self.partial or self.quick or own

    def asks(self, most: int) -> int:
        """The stars that are asked of a subject that can earn ``most``; of a shard nobody asks any."""
        most = 0 if self.shard else most
        if self.level is not None and self.shard is None:
            return self.level
        if self.quick:
            return min(0 if self.partial else _QUICK_LEVEL, most)
        return 0 if self.partial else min(DEFAULT_LEVEL, most)


@dataclass(frozen=True, slots=True)
class Stars:
    """What one subject earned of what was asked; ``why`` says why it is less, None where it is not."""

    profile: str
    earned: int
    asked: int
    why: str | None

    def to_json(self) -> dict[str, Any]:
        """Encode."""
        return asdict(self)


def stars(
    scenarios: Sequence[Scenario],
    subjects: Mapping[str, Mapping[str, Any]],
    selection: Selection,
    catalogue: Sequence[Listed],
) -> list[Stars]:
    """What each subject has earned."""
    return [_stars(name, subject, scenarios, selection.of(subject), catalogue) for name, subject in subjects.items()]


def _stars(
    name: str,
    subject: Mapping[str, Any],
    scenarios: Sequence[Scenario],
    selection: Selection,
    catalogue: Sequence[Listed],
) -> Stars:
    is_client = bool(subject.get("client"))
    wanted = [listed for listed in catalogue if listed.client == is_client]
    played = [s for s in scenarios if s["profile"] == name]
    caps = caps_from(subject)
    asked = selection.asks(min([ceiling(caps), max((listed.level for listed in wanted), default=0)]))
    earned, why = 0, ""
    for level in range(1, HIGHEST_LEVEL + 1):
        why = _obstacle(level, caps, selection, wanted, played)
        if why:
            break
        earned = level
    return Stars(name, earned, asked, why if earned < asked else None)


def _obstacle(
    level: int, caps: tuple[Cap, ...], selection: Selection, wanted: Sequence[Listed], played: Sequence[Scenario]
) -> str:
    """What stands between a subject that has earned the level below and this level; empty for nothing."""
    if selection.shard is not None:
        return f"{selection.shard}: nothing is earned alone"
    bound = [cap for cap in caps if cap.stars is not None and cap.stars < level]
    if bound:
        return str(bound[0])
    if selection.quick and level > _QUICK_LEVEL:
        return "a first look earns one star at most"
    if selection.budget == _FITTED and level > _QUICK_LEVEL:
        return "what fits into --time-limit earns one star at most"
    if selection.quick and (said := _looked_past(selection, played)):
        return said
    of_level = [s for s in played if s["level"] == level]
    applicable = applying(of_level)
    failed = [s for s in applicable if s["verdict"] != Verdict.PASS.name]
    if failed:
        worst = max(failed, key=lambda s: Verdict[s["verdict"]])
        said = worst["reason"] if worst["verdict"] == Verdict.SKIP.name else worst["verdict"]
        return f"{worst['id']}: {said}".splitlines()[0]
    if holes := [f"{s['id']}: no confirmed {cell}" for s in applicable for cell in empty(s)]:
        return holes[0]
    ids = {s["id"] for s in of_level}
    missing = [listed.id for listed in wanted if listed.level == level and listed.id not in ids]
    if missing:
        return f"for {NUMERALS[level]} too little was played, not {_some(missing)}"
    return "" if applicable else f"there is no scenario for {NUMERALS[level]}"


def _looked_past(selection: Selection, played: Sequence[Scenario]) -> str:
    """Which scenarios a first look had no time for: it is one at every scenario that it plays, of whatever level."""
    left = [
        s["id"]
        for s in applying(played)
        if s["verdict"] == Verdict.SKIP.name
        and (not s.get("begun", True) or (s["runs"] > 0 and selection.time_limit_s is not None))
    ]
    return f"a first look is one at every scenario, and there was no time for {_some(left)}" if left else ""


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def applying(scenarios: Iterable[Scenario]) -> list[Scenario]:
    """The scenarios that are for subjects of this kind: the others have nothing to say."""
    return [s for s in scenarios if s.get("applies", True)]


def caps_from(subject: Mapping[str, Any]) -> tuple[Cap, ...]:
    """The caps of a subject's profile, as its identity carries them."""
    return tuple(Cap(cap["text"], cap["stars"], cap.get("unless")) for cap in subject.get("caps", ()))


def caps(scenarios: Sequence[Scenario], subjects: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What could not be assessed: each reason once, with the scenarios that it kept from running.

    What takes stars comes first. What was played all the same is assessed.
    """
    reasons: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    unbegun: Counter[str] = Counter()
    played = {(s["profile"], s["id"]) for s in scenarios if s["runs"]}
    for cap in sorted(
        (cap for name, subject in subjects.items() for cap in caps_from(subject) if (name, cap.unless) not in played),
        key=lambda cap: HIGHEST_LEVEL + 1 if cap.stars is None else cap.stars,
    ):
        reasons[cap.text] = []
        texts.setdefault(cap.text, str(cap))
    for s in scenarios:
        if s["verdict"] == Verdict.SKIP.name and (s.get("applies", True) or s["runs"]):  # what was tried is named
            if not s.get("begun", True):
                reasons.setdefault(s["reason"], [])
                unbegun[s["reason"]] += 1
                continue
            counted = f" after {s['runs']} of {s['plans']} plans" if s["runs"] else ""
            reasons.setdefault(s["reason"], []).append(f"{'*' * s['level']} {s['id']}{counted}")
    return [_cap_line(texts.get(text, text), [*names, *_counted(unbegun[text])]) for text, names in reasons.items()]


def _counted(scenarios: int) -> Iterator[str]:
    """What was not begun because the session had come to its end is not named one by one."""
    if scenarios:
        yield f"{scenarios} scenario{'s' * (scenarios > 1)} more"


def not_applicable(scenarios: Sequence[Scenario]) -> list[str]:
    """What makes no sense for a subject: each reason once, with the scenarios. What is for another kind is left out."""
    reasons: dict[str, list[str]] = {}
    for s in scenarios:
        if s["verdict"] == Verdict.SKIP.name and s.get("standing") == Standing.NOT_APPLICABLE and not s["runs"]:
            reasons.setdefault(s["reason"], []).append(f"{'*' * s['level']} {s['id']}")
    return [_cap_line(text, names) for text, names in reasons.items()]


def _cap_line(text: str, names: Sequence[str]) -> str:
    return f"{text} (not run: {', '.join(dict.fromkeys(names))})" if names else text


def takes_stars(cap: str) -> bool:
    """Whether a line of ``caps`` is about stars."""
    return any(cap.startswith(f"{numeral} at most") for numeral in NUMERALS)
