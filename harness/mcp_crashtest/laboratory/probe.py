"""The probe: which protocol revisions a subject speaks, what it calls itself and its tools; and why it does not answer.

A subject that says it is not ready yet, in whatever way, is waited for as long as a start may take.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from mcp_crashtest.contracts.catalogue import CONTRACTS
from mcp_crashtest.contracts.warming import asked_pause_s, says_not_yet
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.play import site
from mcp_crashtest.laboratory.probe_stdio import Asking, in_order
from mcp_crashtest.laboratory.silence import Silent, wants_to_know_who_asks, why_ended, why_refused, why_silent
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.standing import Standing
from mcp_crashtest.subjects.launchers import left_behind
from mcp_crashtest.subjects.life import Life
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.subject import NotBegun, Subject
from mcp_crashtest.subjects.turns import turn
from mcp_crashtest.wire.errors import DeadlineExceeded, RpcError, Unreachable, WireError
from mcp_crashtest.wire.messages import METHOD_NOT_FOUND, SUPPORTED, SUPPORTED_ON_STDIO, is_stateless
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.stdio import Pipes, Stdio

_PROBE = "probe"
_PAUSE_S = 0.02
_WARMING_PAUSE_S = 0.1
_ANSWER_S = 10.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a subject says in one revision: what it calls itself and can do, and its tools, as it lists them."""

    server: Mapping[str, Any]
    capabilities: Mapping[str, Any]
    listed: Mapping[str, Mapping[str, Any]]

    @property
    def tools(self) -> Mapping[str, Mapping[str, Any]]:
        """Their input schemas."""
        schemas = {name: tool.get("inputSchema") for name, tool in self.listed.items()}
        return {name: schema if isinstance(schema, dict) else {} for name, schema in schemas.items()}


class NoTools(WireError):
    """The list of tools is empty: as yet, or for ever."""


async def probed(bench: Bench, bundle: Bundle, spawner: Spawner) -> Bench:
    """The bench with what the subject speaks; a subject that does not start from a fork server is started cold.

    Raises SubjectError where it speaks nothing, or not what the profile says; UsageError for a revision that nobody
    can be asked for.
    """
    spec = bench.profile.subject
    for protocol in spec.protocols:
        supported = SUPPORTED_ON_STDIO if spec.piped else SUPPORTED
        if protocol not in supported:
            said = "" if spec.piped else _BEFORE
            raise UsageError(f"[subject] protocols: {protocol!r} is not supported{said}; {', '.join(supported)} are")
        if protocol not in worth_asking(bench):
            raise UsageError(
                f"[subject] protocols: {protocol} does not have [contract] kind = {bench.profile.contract.kind}, which "
                f"{', '.join(worth_asking(bench))} has"
            )
    try:
        try:
            async with turn(bench.shared):
                return await _probe(bench, bundle, spawner)
        except SubjectError as error:
            if isinstance(error, NotBegun) or spec.command is None or spec.cold:
                raise
            why = str(error).splitlines()[0].rstrip(" :")
        async with turn(bench.shared):
            return await _probe(replace(bench, cold=True, why_cold=why), bundle, spawner)
    except Silent as error:  # it lives: another start would say no more
        raise SubjectError(str(error)) from error


_BEFORE = " (2024-11-05 has HTTP+SSE only, which this version does not speak)"


async def _probe(bench: Bench, bundle: Bundle, spawner: Spawner) -> Bench:
    folder = bundle.setting_up(bench.profile, _PROBE)
    subject = site(bench, folder, spawner, Plan(_PROBE, "", ()))
    subject.open()
    life = None
    try:
        if subject.piped:
            return await _ask_over_stdio(bench, subject)
        life = await subject.boot() if subject.killable else None
        if life:
            await life.begin()
        return await _ask(bench, subject, None if bench.profile.subject.hooked else life)
    finally:
        if life and not await life.leave():
            await spawner.sweep(subject.started)
        await subject.end()
        folder.bound_logs()
        folder.forget_state()
        folder.scrub()


async def _ask(bench: Bench, subject: Subject, life: Life | None) -> Bench:
    wanted = bench.profile.subject.protocols
    deadline = time.monotonic() + subject.ready_deadline_s
    spoken: dict[str, Answer] = {}
    refusals: list[str] = []
    for protocol in wanted or worth_asking(bench):
        try:
            attempt = partial(_open, subject.url, protocol, deadline, subject.headers)
            spoken[protocol] = await _answer(attempt, subject, life, deadline)
            if life and (left := await left_behind(life, deadline)):
                raise SubjectError(left)
        except WireError as error:
            refusals.append(f"{protocol}: {error}")
    return _found(bench, subject, spoken, refusals)


async def _ask_over_stdio(bench: Bench, subject: Subject) -> Bench:
    asking, spoken, refusals = Asking(subject), dict[str, Answer](), list[str]()
    worth = bench.profile.subject.protocols or worth_asking(bench)
    for protocol in in_order(worth):
        try:
            spoken[protocol] = await asking.ask(protocol, _tools)
        except WireError as error:
            refusals.append(f"{protocol}: {error}")
    return _found(bench, subject, {p: spoken[p] for p in worth if p in spoken}, refusals)


def _found(bench: Bench, subject: Subject, spoken: Mapping[str, Answer], refusals: list[str]) -> Bench:
    wanted = bench.profile.subject.protocols
    if not spoken or (wanted and refusals):
        refused = why_refused(subject, refusals)
        raise Silent(refused) if wants_to_know_who_asks(refusals) else SubjectError(refused)
    first = next(iter(spoken.values()))
    lacks = _lacks(bench, first)
    protocols = wanted or _newest_of_each_era(tuple(spoken))
    known = replace(bench, server=first.server, tools=first.tools, lacks=lacks)
    return replace(known, protocols=protocols, spoken=tuple(spoken))


def _lacks(bench: Bench, answer: Answer) -> frozenset[str]:
    """The contract's own operations that the subject does not declare. Raises UsageError where it has none of it."""
    contract = bench.profile.contract
    terms = CONTRACTS[contract.kind].TERMS
    tool = answer.listed.get(contract.tool, {} if answer.listed else None)
    is_there = contract.tool in answer.listed or not answer.listed  # one that is not is told so by name
    why = terms.undeclared(answer.capabilities, tool) if bench.profile.client is None and is_there else None
    if why is not None:
        raise UsageError(
            f'{Standing.NOT_OFFERED}: {bench.profile.name} has no [contract] kind = "{contract.kind}": {why}. '
            f"Say another kind: {', '.join(kind for kind in ContractKind if kind is not contract.kind)}"
        )
    said = {name for name in contract.kind.operations if getattr(contract, name) is not None}
    return terms.unoffered(answer.capabilities) - said


def worth_asking(bench: Bench) -> tuple[str, ...]:
    """The revisions that are worth asking for: those that have the contract, and are spoken over the transport."""
    supported = SUPPORTED_ON_STDIO if bench.profile.subject.piped else SUPPORTED
    if bench.profile.client:
        return supported
    revisions = CONTRACTS[bench.profile.contract.kind].TERMS.revisions
    return supported if revisions == SUPPORTED else revisions


def _newest_of_each_era(spoken: tuple[str, ...]) -> tuple[str, ...]:
    newest = {is_stateless(protocol): protocol for protocol in sorted(spoken)}
    return tuple(protocol for protocol in spoken if protocol in newest.values())


async def _open(url: str, protocol: str, deadline: float, headers: Mapping[str, str]) -> Answer:
    """Open a session and list the tools; raises NoTools where there are none. A server need not list what it has."""
    answer_s = min(_ANSWER_S, max(deadline - time.monotonic(), 0.5))
    session = await Session.open(url, protocol=protocol, deadline_s=answer_s, headers=headers)
    try:
        return await _tools(session, answer_s)
    finally:
        await session.close()


async def _tools(session: Session, answer_s: float) -> Answer:
    try:
        tools = await session.list_tools(deadline_s=answer_s)
    except RpcError as error:
        if error.code != METHOD_NOT_FOUND:
            raise
        return Answer(session.server_info, session.capabilities, {})
    if not tools:
        raise NoTools("it lists no tools")
    return Answer(session.server_info, session.capabilities, {str(tool.get("name")): tool for tool in tools})


async def conversing(subject: Subject, life: Life | None, protocol: str, extensions: tuple[str, ...] = ()) -> Session:
    """A conversation with a subject, as soon as it answers; over stdio it takes the life's pipes, once.

    Raises SubjectError and WireError.
    """
    if subject.piped:
        return await _over_pipes(subject, protocol, extensions)
    deadline = time.monotonic() + subject.ready_deadline_s

    async def attempt() -> Session:
        answer_s = min(_ANSWER_S, max(deadline - time.monotonic(), 0.5))
        return await Session.open(
            subject.url, protocol=protocol, deadline_s=answer_s, headers=subject.headers, extensions=extensions
        )

    try:
        return await _answer(attempt, subject, life, deadline)
    except Silent as error:
        raise SubjectError(str(error)) from error


async def _over_pipes(subject: Subject, protocol: str, extensions: tuple[str, ...]) -> Session:
    pipes = await Pipes.over(subject.take_streams())
    try:
        ready_s = subject.ready_deadline_s
        return await Session.over(Stdio(pipes), protocol=protocol, deadline_s=ready_s, extensions=extensions)
    except BaseException:
        pipes.abort()
        raise


async def _answer(attempt: Callable[[], Awaitable[T]], subject: Subject, life: Life | None, deadline: float) -> T:
    """Try until the subject answers, whatever it answers but that it is not ready yet.

    Raises SubjectError when it ends, Silent when it never answers.
    """
    while True:
        try:
            return await attempt()
        except WireError as error:
            waits = isinstance(error, NoTools) or says_not_yet(error)
            if life is not None and life.exited is not None:
                raise SubjectError(await why_ended(subject, life, deadline)) from error
            if not waits and not isinstance(error, Unreachable | DeadlineExceeded):
                raise
            if (life is None and not waits) or time.monotonic() > deadline:
                raise Silent(await asyncio.to_thread(why_silent, subject, life, error)) from error
            pause_s = max(_WARMING_PAUSE_S, asked_pause_s(error)) if waits else _PAUSE_S
        await asyncio.sleep(max(min(pause_s, deadline - time.monotonic()), _PAUSE_S))
