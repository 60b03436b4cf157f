"""What is new against reports before: findings by fingerprint, which are new, known, mended, or have come back.

A fingerprint names what is broken and where, not in which words or which of many plans: profile, invariant and
scenario. Mended is only what was looked for again: its scenario was played to its end, and has passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mcp_crashtest.model.fingerprints import of_finding
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.telling.words import clean

_LONGEST = 400


class Status(StrEnum):
    """What became of a finding."""

    NEW = "new"
    REAPPEARED = "reappeared"
    KNOWN = "known"
    MENDED = "mended"
    NOT_LOOKED_FOR = "not looked for"


@dataclass(frozen=True, slots=True)
class Change:
    """One finding, then and now; a message is None where it was not found."""

    fingerprint: str
    profile: str
    invariant: str
    scenario: str
    status: Status
    then: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Against the report that ended at ``against``; ``changes`` what is new first. ``notes``: why it may mislead."""

    against: str
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()


def compare(now: Mapping[str, Any], before: Sequence[Mapping[str, Any]]) -> Comparison | None:
    """Compare certificates; ``before`` has the newest first. None where there is nothing to compare with."""
    if not before:
        return None
    then, *earlier = (_findings(certificate) for certificate in before)
    mine = _findings(now)
    known_once = {print_ for found in earlier for print_ in found}
    changes = [_change(print_, mine, then, known_once, now) for print_ in {**mine, **then}]
    order = {status: n for n, status in enumerate(Status)}
    names = {name: n for n, name in enumerate(INVARIANTS)}
    changes.sort(key=lambda c: (order[c.status], names.get(c.invariant, len(names)), c.scenario, c.profile))
    return Comparison(_when(before[0]), tuple(changes), _notes(now, before[0]))


def _findings(certificate: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for finding in certificate["findings"]:
        found.setdefault(of_finding(finding), finding)
    return found


def _change(
    print_: str,
    mine: Mapping[str, Mapping[str, Any]],
    then: Mapping[str, Mapping[str, Any]],
    known_once: set[str],
    now: Mapping[str, Any],
) -> Change:
    finding = mine.get(print_) or then[print_]
    if print_ in mine:
        status = Status.KNOWN if print_ in then else Status.REAPPEARED if print_ in known_once else Status.NEW
    else:
        status = Status.MENDED if _passed(now, finding) else Status.NOT_LOOKED_FOR
    profile, invariant, scenario = (clean(finding[name], 80) for name in ("profile", "invariant", "scenario"))
    before, after = (clean(side[print_]["message"], _LONGEST) if print_ in side else None for side in (then, mine))
    return Change(print_, profile, invariant, scenario, status, before, after)


def _passed(now: Mapping[str, Any], finding: Mapping[str, Any]) -> bool:
    """Whether the finding's scenario has passed now; one that fails by something else shows nothing of this."""
    played = [s for s in now["scenarios"] if (s["profile"], s["id"]) == (finding["profile"], finding["scenario"])]
    return any(s["verdict"] == "PASS" for s in played)


def _when(certificate: Mapping[str, Any]) -> str:
    times = certificate.get("times") or {}
    return str(times.get("ended", "an unknown time"))


def _notes(now: Mapping[str, Any], then: Mapping[str, Any]) -> tuple[str, ...]:
    """What is not alike in the two sessions, so that a difference may come from there."""
    notes = []
    if now["seed"] != then["seed"]:
        notes.append(f"other plans were played: seed {now['seed']}, and {then['seed']} then")
    digests = [{name: s.get("digest") for name, s in certificate["subject"].items()} for certificate in (now, then)]
    changed = sorted(name for name in digests[0].keys() & digests[1].keys() if digests[0][name] != digests[1][name])
    if changed:
        notes.append(f"the profile has changed: {clean(', '.join(changed), 200)}")
    versions = [certificate["environment"].get("mcp_crashtest") for certificate in (now, then)]
    if versions[0] != versions[1]:
        notes.append(f"judged by mcp-crashtest {versions[0]}, and by {versions[1]} then")
    return tuple(notes)
