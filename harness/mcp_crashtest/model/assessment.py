"""Which invariants a profile lets nobody assess, and why: said before anything is played, and beside the stars after.

*Not applicable* makes no sense for the subject, *not offered* it does not have, *not claimed* it does not promise; *not
assessed* could be there, and nobody can see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

from mcp_crashtest.model.claims import held
from mcp_crashtest.model.faults import Right
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.profile import Profile

_NO_LEDGER = "not assessed: no ledger shows what was executed; have the server write a line to {ledger} for each record"
_NO_RECORDS = "not assessed: nobody sees the records of the output; say in [observe] records where they are"
_BLOCKING = "not applicable: a call that comes back with the output has no task to ask about"
_IS_CLIENT = "not applicable: the subject is a client"
_IS_SERVER = "not applicable: the subject is a server"
_NOT_YET = "not assessed: this version does not judge it"

Reason = Callable[[Profile, Set[Right]], str | None]


def not_assessed(profile: Profile, rights: Set[Right] = frozenset(Right)) -> dict[str, str]:
    """Each invariant that cannot be assessed with this profile and these rights, with the reason, in table order."""
    claims = _claims(profile)
    found: dict[str, str] = {}
    for name in INVARIANTS:
        reasons = _of_client(name) if profile.client else _of_server(name, profile, rights)
        why = next(reasons, None)
        if why is None and not profile.client and not held(claims, name):
            why = "not claimed: see [claims]"
        if why is not None:
            found[name] = why
    return found


def has_ledger(profile: Profile) -> bool:
    """Whether the server is told where its ledger is."""
    subject = profile.subject
    said = (subject.command, *subject.environment.items(), *profile.contract.arguments.items())
    return any("{ledger}" in str(text) for text in said)


def _claims(profile: Profile) -> Mapping[str, Any]:
    claims = profile.claims
    return {name: getattr(claims, name) for name in claims.__slots__}


def _of_client(name: str) -> Iterator[str]:
    if not name.startswith("client.") and name != "task.duplicated":
        yield _IS_CLIENT


def _of_server(name: str, profile: Profile, rights: Set[Right]) -> Iterator[str]:
    if name.startswith("client."):
        yield _IS_SERVER
    for names, reason in _TABLE:
        if name in names and (why := reason(profile, rights)) is not None:
            yield why


def _no_task(profile: Profile, _: Set[Right]) -> str | None:
    return _BLOCKING if profile.contract.kind.blocking else None


def _no_records(profile: Profile, _: Set[Right]) -> str | None:
    return _NO_RECORDS if profile.observe.records is None else None


def _no_number(profile: Profile, rights: Set[Right]) -> str | None:
    return None if profile.observe.count is not None else _no_records(profile, rights)


def _no_ledger(profile: Profile, _: Set[Right]) -> str | None:
    return None if has_ledger(profile) else _NO_LEDGER


def _no_restart(_: Profile, rights: Set[Right]) -> str | None:
    return None if Right.SERVER in rights else f"not assessed: {Right.SERVER}"


def _not_offered(*operations: str) -> Reason:
    def reason(profile: Profile, _: Set[Right]) -> str | None:
        said = any(profile.contract.offers(operation) for operation in operations)
        return None if said else f"not offered: [contract] {' or '.join(operations)} is not said"

    return reason


def _no_principals(profile: Profile, _: Set[Right]) -> str | None:
    return None if getattr(profile, "principals", ()) else "not offered: there are no [[principals]]"


def _unjudged(_: Profile, __: Set[Right]) -> str | None:
    return _NOT_YET


_TASKS = (
    "task.vanished",
    "task.orphaned",
    "task.resurrected",
    "task.cancel-forgotten",
    "task.input-forgotten",
    "task.identity",
    "task.listing",
)
_RECORDS = ("records.lost", "records.duplicated", "records.unexpected", "records.reordered", "records.content")
_TABLE: tuple[tuple[tuple[str, ...], Reason], ...] = (
    (_TASKS, _no_task),
    (_RECORDS, _no_records),
    (("records.count", "task.false-success"), _no_number),
    (("effects.lost",), _no_records),
    (("effects.rework", "effects.lost", "task.duplicated", "fencing.double-run"), _no_ledger),
    (("recovery.deadline", "recovery.loop", "fencing.double-run"), _no_restart),
    (("task.cancel-forgotten",), _not_offered("cancel", "pause")),
    (("task.input-forgotten",), _not_offered("answer")),
    (("task.listing",), _not_offered("list", "stats")),
    (("isolation.leak",), _no_principals),
    (("wire.invalid",), _unjudged),
)
