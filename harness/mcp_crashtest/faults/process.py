"""Faults on processes: kill, terminate, interrupt, drop. Each comes back with proof that it landed, or says why not.

SIGKILL goes to the whole process group, and what counts is not the signal but the corpse. A server that was frozen at
a crash point is thawed where the fault leaves it alive: that is ``thaw``'s work, called at the right moment.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mcp_crashtest.subjects.process import Process

_GRACE_S = 10.0
_LEAVING_S = 5.0
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of a fault. ``kills`` counts processes that are proven to have died by our SIGKILL."""

    confirmed: bool
    reason: str
    kills: int = 0
    elapsed_s: float = 0.0


async def kill(*victims: Process) -> Proof:
    """SIGKILL all victims at once; confirmed when each of them, and all of its group, is dead by it."""
    proofs = await asyncio.gather(*(victim.kill() for victim in victims))
    refuted = [proof.reason for proof in proofs if not proof.confirmed]
    elapsed_s = max(proof.elapsed_s for proof in proofs)
    if refuted:
        return Proof(False, "; ".join(refuted), 0, elapsed_s)
    return Proof(True, "killed and reaped", len(proofs), elapsed_s)


async def terminate(server: Process, thaw: Callable[[], None]) -> Proof:
    """Stop as an orchestrator does: SIGTERM, ten seconds of grace, then SIGKILL."""
    began = time.monotonic()
    if not server.signal(signal.SIGTERM):
        return Proof(False, "the subject had already ended before SIGTERM")
    thaw()
    try:
        ended = await server.wait_exit(_GRACE_S)
    except TimeoutError:
        proof = await server.kill()
        reason = f"did not stop within {_GRACE_S:.0f} s of SIGTERM and was killed"
        return Proof(proof.confirmed, reason if proof.confirmed else proof.reason, 0, time.monotonic() - began)
    remains = await server.kill()
    if remains.survivors:
        return Proof(False, remains.reason, 0, time.monotonic() - began)
    return Proof(True, f"stopped with {ended}", 0, time.monotonic() - began)


async def interrupt(client: Process, heard: Callable[[], Awaitable[bool]], thaw: Callable[[], None]) -> Proof:
    """SIGINT, upon which the client says goodbye and leaves.

    A frozen server is thawed once the client has ``heard``: before, its answer could come first, and be the end.
    """
    began = time.monotonic()
    if not client.signal(signal.SIGINT):
        return Proof(False, "the client had already ended before SIGINT")
    await heard()
    thaw()
    try:
        ended = await client.wait_exit(_LEAVING_S)
    except TimeoutError:
        return Proof(False, f"the client did not leave within {_LEAVING_S:.0f} s of SIGINT")
    if ended.code != _INTERRUPTED:
        return Proof(False, f"the client ended with {ended} before the interrupt reached it")
    return Proof(True, "left politely", 0, time.monotonic() - began)
