"""Planned restarts, of one server or of several on one store: all of them at once, or one after the other.

Were only one of several told to stop, the others would do the rest of the job, and nothing would have to be resumed. So
all are stopped before the first of them is started again; or, in a rolling restart, each in turn, while the job lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from mcp_crashtest.faults.process import GRACE_S, did_the_rest, finished, restarted_nothing, terminated, told_to_stop
from mcp_crashtest.model.faults import Fault
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.outage import watch_service
from mcp_crashtest.stage.stage import Stage
from mcp_crashtest.subjects.life import Life
from mcp_crashtest.subjects.services import Service


@asynccontextmanager
async def terminate(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """Stop every server at once, as an orchestrator does, and wait until none of them lives; then start all again."""
    others = [service for service in stage.site.services if service.spec.server]

    async def all_told(stage: Stage, life: Life | None) -> Proof:
        return _together(await asyncio.gather(terminated(stage, life), *map(_stopped, others)))

    async with told_to_stop(stage, fault, all_told) as proof:
        yield proof
    await asyncio.gather(*(_back(stage, other) for other in others))


@asynccontextmanager
async def roll(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """Stop one server after the other, each started again before the next is told; all while the job lasts."""
    had_finished = finished(stage)
    async with stage.striking(fault.victim):
        proofs = [await terminated(stage, stage.server)]
    await stage.revive(fault.victim)
    nothing_left = True
    for other in (service for service in stage.site.services if service.spec.server):
        proofs.append(await _stopped(other))
        nothing_left = did_the_rest(stage, had_finished)
        await _back(stage, other)
    proof = _together(proofs)
    yield restarted_nothing(proof) if nothing_left else proof


async def _stopped(server: Service) -> Proof:
    told = await server.stop(GRACE_S)
    return Proof(told.confirmed, told.reason, 0, told.elapsed_s)


async def _back(stage: Stage, server: Service) -> None:
    """Another life of it, which is watched from now on. Raises SubjectError where it does not begin."""
    await server.restart()
    stage.chronicle.service_ready(server)
    stage.watch(watch_service(stage, server))


def _together(proofs: Sequence[Proof]) -> Proof:
    """One proof of all: every one of them has to be confirmed, and the first is that of the subject itself."""
    refuted = "; ".join(proof.reason for proof in proofs if not proof.confirmed)
    said = f"{len(proofs)} servers: {', '.join(dict.fromkeys(proof.reason for proof in proofs))}"
    first, alone = proofs[0], len(proofs) == 1
    return replace(first, confirmed=not refuted, reason=first.reason if alone else refuted or said)
