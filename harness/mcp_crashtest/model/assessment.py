"""Which invariants a profile lets nobody assess, and why: said before anything is played, and beside the stars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

from mcp_crashtest.model.claims import held
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.faults import Right
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.standing import (
    ASKS_NOTHING,
    BLOCKING,
    IS_CLIENT,
    IS_SERVER,
    NO_LEDGER,
    NO_PRINCIPALS,
    NO_RECORDS,
    NO_STREAM,
    ONE_USER,
    ONLY_LINES,
    UNCLAIMED,
    UNJUDGED,
    Reason,
    Standing,
    unsaid,
)

Why = Callable[[Profile, Set[Right]], Reason | None]


def not_assessed(profile: Profile, rights: Set[Right] = frozenset(Right)) -> dict[str, str]:
    """Each invariant that cannot be assessed with this profile and these rights, with the reason, in table order."""
    claims = _claims(profile)
    found: dict[str, str] = {}
    for name in INVARIANTS:
        reasons = _of_client(name) if profile.client else _of_server(name, profile, rights)
        why = next(reasons, None)
        if why is None and not profile.client and not held(claims, name):
            why = UNCLAIMED
        if why is not None:
            found[name] = str(why)
    return found


def has_ledger(profile: Profile) -> bool:
    """Whether the server is told where its ledger is."""
    subject = profile.subject
    said = (subject.command, *subject.environment.items(), *profile.contract.arguments.items())
    return any("{ledger}" in str(text) for text in said)


def _claims(profile: Profile) -> Mapping[str, Any]:
    claims = profile.claims
    return {name: getattr(claims, name) for name in claims.__slots__}


def _of_client(name: str) -> Iterator[Reason]:
    if not name.startswith("client.") and name != "task.duplicated":
        yield IS_CLIENT


def _of_server(name: str, profile: Profile, rights: Set[Right]) -> Iterator[Reason]:
    if name.startswith("client."):
        yield IS_SERVER
    for names, reason in _TABLE:
        if name in names and (why := reason(profile, rights)) is not None:
            yield why


def _no_task(profile: Profile, _: Set[Right]) -> Reason | None:
    return BLOCKING if profile.contract.kind.blocking else None


def _no_records(profile: Profile, _: Set[Right]) -> Reason | None:
    return NO_RECORDS if profile.observe.records is None else None


def _no_number(profile: Profile, rights: Set[Right]) -> Reason | None:
    return None if profile.observe.count is not None else _no_records(profile, rights)


def _no_ledger(profile: Profile, _: Set[Right]) -> Reason | None:
    return None if has_ledger(profile) else NO_LEDGER


def _no_restart(_: Profile, rights: Set[Right]) -> Reason | None:
    return None if Right.SERVER in rights else Reason(Standing.NOT_ASSESSED, Right.SERVER)


def _unsaid(*operations: str) -> Why:
    def why(profile: Profile, _: Set[Right]) -> Reason | None:
        said = any(profile.contract.offers(operation) for operation in operations)
        return None if said else unsaid(*operations)

    return why


def _asks_nothing(profile: Profile, _: Set[Right]) -> Reason | None:
    return None if profile.contract.offers("answer") else ASKS_NOTHING


def _no_principals(profile: Profile, _: Set[Right]) -> Reason | None:
    if profile.subject.piped:
        return ONE_USER
    return None if profile.principals else NO_PRINCIPALS


def _unjudged(profile: Profile, _: Set[Right]) -> Reason | None:
    return ONLY_LINES if profile.subject.piped else UNJUDGED


def _no_stream(profile: Profile, _: Set[Right]) -> Reason | None:
    return None if profile.contract.kind is ContractKind.SSE_RESUME else NO_STREAM


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
_TABLE: tuple[tuple[tuple[str, ...], Why], ...] = (
    (_TASKS, _no_task),
    (_RECORDS, _no_records),
    (("records.count", "task.false-success"), _no_number),
    (("effects.lost",), _no_records),
    (("effects.rework", "effects.lost", "task.duplicated", "fencing.double-run"), _no_ledger),
    (("recovery.deadline", "recovery.loop", "fencing.double-run"), _no_restart),
    (("task.cancel-forgotten",), _unsaid("cancel", "pause")),
    (("task.input-forgotten",), _asks_nothing),
    (("task.listing",), _unsaid("list", "stats")),
    (("isolation.leak",), _no_principals),
    (("stream.lost", "stream.duplicated", "stream.foreign"), _no_stream),
    (("wire.invalid",), _unjudged),
)
