"""What a profile by itself keeps from being assessed, before anything is played: each cap says what to add.

A cap on the stars is as prominent as the stars. What takes no star, but is not looked at, is not assessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mcp_crashtest.model.assessment import has_ledger, not_assessed
from mcp_crashtest.model.faults import Right, rights_on
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.standing import NO_LEDGER, NO_RECORDS, Standing, unsaid
from mcp_crashtest.model.verdict import HIGHEST_LEVEL

NUMERALS = ("no star", "one star", "two stars", "three stars", "four stars", "five stars")


@dataclass(frozen=True, slots=True)
class Cap:
    """Something that cannot be assessed with a profile. ``stars``: so many can be earned all the same; None: all.

    ``unless``: the scenario that assesses it where it is asked for.
    """

    text: str
    stars: int | None = None
    unless: str | None = None

    def __str__(self) -> str:
        """With the stars that remain."""
        return self.text if self.stars is None else f"{NUMERALS[self.stars]} at most: {self.text}"

    @property
    def said(self) -> str:
        """As a line of its own."""
        return f"{Standing.NOT_ASSESSED if self.stars is None else 'capped'}: {self}"


_NO_RECORDS = Cap(NO_RECORDS.text, 1)
_NO_CLAIM = Cap('"fails honestly; does not resume" is all that it claims: [claims] resumes is false', 1)
_NO_LEDGER = Cap(f"rework and double runs (effects.*, fencing.double-run): {NO_LEDGER.text}")
_SERVICES = Cap(
    "the death of what it needs ([[services]]): that is of four stars, of which this version has two scenarios; "
    "--scenario services-die plays the first",
    unless="services-die",
)
_OPERATIONS = {
    "cancel": ("cancel", "task.cancel-forgotten"),
    "pause": ("pause | resume", "task.cancel-forgotten"),
    "list": ("list", "task.listing"),
}


def _unasked(profile: Profile) -> Iterator[Cap]:
    """What a server may well have, and nobody has said how it is asked for."""
    if profile.client or profile.contract.kind.blocking:
        return
    missing = {name: said for name, said in _OPERATIONS.items() if name not in profile.operations}
    if missing:
        invariants = ", ".join(dict.fromkeys(invariant for _, invariant in missing.values()))
        yield Cap(f"{', '.join(missing)} ({invariants}): {unsaid(*(key for key, _ in missing.values())).text}")


def caps_of(profile: Profile) -> tuple[Cap, ...]:
    """The caps that follow from a profile, the lowest first."""
    found = []
    if not profile.subject.killable:
        found.append(Cap(Right.SERVER, 0 if profile.client is None else 1))
    elif profile.subject.hooked:
        found.append(Cap(Right.PROCESS))
    if profile.client is None:
        found += [_NO_RECORDS] * (profile.observe.records is None)
        found += [_NO_CLAIM] * (not profile.claims.resumes)
        found += [_NO_LEDGER] * (not has_ledger(profile))
        found += [_SERVICES] * bool(profile.services)
        found += _unasked(profile)
    return tuple(found)


def ceiling(caps: tuple[Cap, ...]) -> int:
    """The most stars that these caps leave."""
    return min((cap.stars for cap in caps if cap.stars is not None), default=HIGHEST_LEVEL)


def unseen(profile: Profile) -> dict[str, str]:
    """Each invariant that this profile lets nobody assess, with the reason."""
    return not_assessed(profile, rights_on(profile.subject))
