"""Whether a command of which nothing is known serves HTTP or speaks stdio: one life of it is listened to.

It has an open standard input and a port in its variables. Whichever it makes use of first is how it is to be reached.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.play import site
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.subjects.life import Life
from mcp_crashtest.subjects.proc import group_of, ports_of
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.wire.errors import RpcError, WireError
from mcp_crashtest.wire.messages import HANDSHAKE
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.stdio import Pipes, Stdio

_SNIFFING = "sniffing"
_PATIENCE_S, _POLL_S = 45.0, 0.05


class Speech(StrEnum):
    """What a command was heard to do first."""

    HTTP = "http"
    STDIO = "stdio"


@dataclass(frozen=True, slots=True)
class Heard:
    """How it was heard to speak; over HTTP on which ports it listened."""

    speech: Speech
    ports: tuple[int, ...] = ()


async def sniffed(bench: Bench, bundle: Bundle, spawner: Spawner) -> Heard | None:
    """What a subject without a url does first; None where it ends, or does neither within 45 s. Raises SubjectError."""
    folder = bundle.setting_up(bench.profile, _SNIFFING)
    subject = site(bench, folder, spawner, Plan(_SNIFFING, HANDSHAKE, (), cold=True))
    subject.open()
    try:
        life = await subject.boot()
        pipes = await Pipes.over(subject.take_streams())
        speaking = asyncio.create_task(_speaks(pipes))
        try:
            return await _first(life, speaking)
        finally:
            speaking.cancel()
            with suppress(asyncio.CancelledError):
                await speaking
            if not (await life.kill()).confirmed:
                await spawner.sweep(subject.started)
            pipes.abort()
    finally:
        await subject.end()
        folder.bound_logs()
        folder.forget_state()
        folder.scrub()


async def _first(life: Life, speaking: asyncio.Task[bool]) -> Heard | None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        await asyncio.wait([speaking], timeout=_POLL_S)
        if speaking.done() and speaking.result():
            return Heard(Speech.STDIO)
        if ports := {port for pid in {life.pid, *group_of(life.pid)} for port in ports_of(pid)}:
            return Heard(Speech.HTTP, tuple(sorted(ports)))
        if life.exited is not None:
            return None
        if speaking.done():
            await asyncio.sleep(_POLL_S)
    return None


async def _speaks(pipes: Pipes) -> bool:
    """Whether it answers on its standard output, be it with a refusal."""
    try:
        await Session.over(Stdio(pipes), protocol=HANDSHAKE, deadline_s=_PATIENCE_S)
    except RpcError:
        return True
    except WireError:
        return False
    return True
