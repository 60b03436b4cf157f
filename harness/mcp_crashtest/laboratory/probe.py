"""The probe: which protocol revisions a subject speaks, and what it calls itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.play import site
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.subjects.life import Life
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.subject import Subject
from mcp_crashtest.wire.errors import DeadlineExceeded, Unreachable, WireError
from mcp_crashtest.wire.session import Session

PROTOCOLS = ("2026-07-28", "2025-11-25")
_PROBE = "probe"
_PAUSE_S = 0.02
_ANSWER_S = 10.0

T = TypeVar("T")


async def probed(bench: Bench, bundle: Bundle, spawner: Spawner) -> Bench:
    """The bench with what the subject speaks; a subject that does not start from a fork server is started cold.

    Raises SubjectError where it speaks nothing, or not what the profile says.
    """
    try:
        return await _probe(bench, bundle, spawner)
    except SubjectError:
        if bench.profile.subject.command is None or bench.profile.subject.cold:
            raise
    return await _probe(replace(bench, cold=True), bundle, spawner)


async def _probe(bench: Bench, bundle: Bundle, spawner: Spawner) -> Bench:
    folder = bundle.setting_up(bench.profile, _PROBE)
    subject = site(bench, folder, spawner, Plan(_PROBE, "", ()))
    subject.open()
    life = None
    try:
        life = await subject.boot() if subject.killable else None
        return await _ask(bench, subject, life)
    finally:
        if life and not (await life.kill()).confirmed:
            await spawner.sweep(subject.started)
        subject.close()
        folder.forget_state()


async def _ask(bench: Bench, subject: Subject, life: Life | None) -> Bench:
    wanted = bench.profile.subject.protocols
    deadline = time.monotonic() + subject.ready_deadline_s
    spoken: list[str] = []
    refusals: list[str] = []
    server: Mapping[str, Any] = {}
    for protocol in wanted or PROTOCOLS:
        try:
            session = await _answer(partial(_open, subject.url, protocol), subject, life, deadline)
        except WireError as error:
            refusals.append(f"{protocol}: {error}")
            continue
        spoken.append(protocol)
        server = session.server_info
        await session.close()
    if not spoken or (wanted and refusals):
        raise SubjectError(
            f"{subject.url} does not speak MCP as the profile says: {'; '.join(refusals)}\n{subject.log_tail()}"
        )
    return replace(bench, protocols=tuple(spoken), server=server)


async def _open(url: str, protocol: str) -> Session:
    session = await Session.open(url, protocol=protocol, deadline_s=_ANSWER_S)
    await session.list_tools(deadline_s=_ANSWER_S)
    return session


async def _answer(attempt: Callable[[], Awaitable[T]], subject: Subject, life: Life | None, deadline: float) -> T:
    """Try until the subject answers, whatever it answers; raises SubjectError when it ends, or never does."""
    while True:
        try:
            return await attempt()
        except (Unreachable, DeadlineExceeded) as error:
            if life is not None and life.exited is not None:
                raise SubjectError(
                    f"the subject ended with {life.exited} before it answered; its last words:\n{subject.log_tail()}"
                ) from error
            if life is None or time.monotonic() > deadline:
                raise SubjectError(
                    f"nothing answers at {subject.url}: {error}. Is the url right, and does the command listen there?\n"
                    f"{subject.log_tail()}"
                ) from error
        await asyncio.sleep(_PAUSE_S)
