"""Faults on processes. What counts is not the signal but the corpse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mcp_crashtest.model.faults import Fault
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.stage import Stage
from mcp_crashtest.subjects.life import Life, Mortal

_GRACE_S = 10.0
_NOBODY = Proof(False, "whom the fault was to hit had already ended")


@asynccontextmanager
async def kill(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """SIGKILL all victims at once, each with its whole group; then start them again."""
    async with stage.striking(fault.victim) as victims:
        proof = await _killed(victims)
    landed = not fault.victim.hits_client or await stage.client.struck()
    yield proof if landed else None
    await stage.revive(fault.victim)


async def _killed(victims: Sequence[Mortal]) -> Proof:
    """Confirmed when each of them, and all of its group, is dead by our signal."""
    if not victims:
        return _NOBODY
    proofs = await asyncio.gather(*(victim.kill() for victim in victims))
    refuted = [proof.reason for proof in proofs if not proof.confirmed]
    elapsed_s = max(proof.elapsed_s for proof in proofs)
    if refuted:
        return Proof(False, "; ".join(refuted), 0, elapsed_s)
    return Proof(True, "killed and reaped", len(proofs), elapsed_s)


@asynccontextmanager
async def terminate(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """Stop the server as an orchestrator does: SIGTERM, ten seconds of grace, then SIGKILL; then start it again."""
    life = stage.server
    async with stage.striking(fault.victim):
        proof = _NOBODY if life is None else await _terminated(stage, life)
    yield proof
    await stage.revive(fault.victim)


async def _terminated(stage: Stage, life: Life) -> Proof:
    """A server that is parked goes on: it is to wind down, not to be frozen."""
    began = time.monotonic()
    if not life.terminate():
        return Proof(False, "the subject had already ended before SIGTERM")
    stage.let_go()
    try:
        ended = await life.wait_exit(_GRACE_S)
    except TimeoutError:
        proof = await life.kill()
        reason = f"did not stop within {_GRACE_S:.0f} s of SIGTERM and was killed"
        return Proof(proof.confirmed, reason if proof.confirmed else proof.reason, 0, time.monotonic() - began)
    remains = await life.kill()
    if remains.survivors:
        return Proof(False, remains.reason, 0, time.monotonic() - began)
    return Proof(True, f"stopped with {ended}", 0, time.monotonic() - began)


@asynccontextmanager
async def freeze(stage: Stage, _fault: Fault) -> AsyncIterator[Proof | None]:
    """SIGSTOP the server's whole group: it keeps its locks and connections, and says nothing until it is healed."""
    life, began = stage.server, time.monotonic()
    stopped = life is not None and await life.freeze()
    said = "the whole group stands still" if stopped else "somebody of the group runs on, or it had ended"
    try:
        yield Proof(stopped, said, 0, time.monotonic() - began)
    finally:
        if life:
            await life.thaw()
    stage.let_go()
