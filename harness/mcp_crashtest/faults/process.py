"""Faults on processes. What counts is not the signal but the corpse."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from mcp_crashtest.faults.absence import ServerAway
from mcp_crashtest.model.faults import Fault
from mcp_crashtest.model.proof import NOTHING_RESTARTED, Proof
from mcp_crashtest.stage.stage import OUTPUT, Stage
from mcp_crashtest.subjects.life import Life, Mortal
from mcp_crashtest.subjects.process import INSIDE, OUTSIDE, named
from mcp_crashtest.subjects.sockets import accepts

GRACE_S = 10.0
_FOLLOWING_S = 2.0  # how long those whom a launcher has told to stop may take behind it
_OVERDUE = f"did not stop within {GRACE_S:.0f} s and was killed"
ENDED_BEFORE = Proof(False, "the subject had already ended before it was told to stop")
_NOBODY = Proof(False, "whom the fault was to hit had already ended")

Tell = Callable[[Stage, Life | None], Awaitable[Proof]]
"""Tells a server to stop, if there is one, and waits until it has; nobody is no success."""


@asynccontextmanager
async def kill(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """SIGKILL all victims at once, each with its whole group; then start them again."""
    async with struck(stage, fault) as proof:
        yield proof


@asynccontextmanager
async def struck(
    stage: Stage, fault: Fault, worse: Callable[[Proof], Proof] = lambda proof: proof
) -> AsyncIterator[Proof | None]:
    """The same; what is ``worse`` is done to what they have left, once they are proven dead."""
    number = stage.landed + 1
    async with stage.striking(fault.victim) as victims:
        proof = await killed(victims)
    if proof.confirmed:
        proof = worse(proof)
    elif fault.victim.hits_server and await _left_others(stage):
        proof = replace(proof, goes_on=True)
    landed = not (proof.confirmed and fault.victim.hits_server and _was_done(stage))
    landed &= not fault.victim.hits_client or await stage.client.struck()
    away = ServerAway.begun(stage, number) if fault.victim.hits_server else None
    yield proof if landed else None
    if away:
        away.ended(stage)
    await stage.revive(fault.victim)


def _was_done(stage: Stage) -> bool:
    """Whether the output was under way to its client before the server died: then no job was hit by it.

    A plan that goes on behind the end of a job means it so.
    """
    return stage.ended == OUTPUT and not stage.plan.afterlife and stage.plan.companion is None


async def _left_others(stage: Stage) -> bool:
    """Whether the server itself is gone, by our SIGKILL, so that those who are left belong to it and are not it."""
    life = stage.lives[-1] if stage.lives else None
    if life is None or life.exited is None or life.exited.signal != signal.SIGKILL:
        return False
    return not stage.site.piped and not await accepts(stage.site.url)


async def killed(victims: Sequence[Mortal]) -> Proof:
    """Confirmed when each of them, and all of its group, is dead by our signal."""
    if not victims:
        return _NOBODY
    proofs = await asyncio.gather(*(victim.kill() for victim in victims))
    refuted = [proof.reason for proof in proofs if not proof.confirmed]
    elapsed_s = max(proof.elapsed_s for proof in proofs)
    proof = Proof(False, "; ".join(refuted), 0, elapsed_s)
    if not refuted:
        proof = Proof(True, "killed and reaped", len(proofs), elapsed_s)
    return traced(proof, victims)


def traced(proof: Proof, victims: Sequence[Mortal], told_at: float | None = None) -> Proof:
    """The proof with the times of its deaths; ``told_at`` is when they were told to end in another way than by us."""
    signalled = [at for v in victims if (at := v.trace.signalled_at) is not None]
    stopped = [at for v in victims if (at := v.trace.stopped_at) is not None]
    reaped = [at for v in victims if (at := v.trace.reaped_at) is not None]
    first = min(signalled, default=None) if told_at is None else told_at
    last = max(reaped) if len(reaped) == len(victims) else None
    return replace(proof, stopped_at=min(stopped, default=None), signalled_at=first, reaped_at=last)


@asynccontextmanager
async def told_to_stop(stage: Stage, fault: Fault, tell: Tell) -> AsyncIterator[Proof | None]:
    """Have the server's latest life told to stop, in whatever way; then start it again."""
    life, number, had_finished = stage.server, stage.landed + 1, finished(stage)
    async with stage.striking(fault.victim):
        proof = await tell(stage, life)
    proof = restarted_nothing(proof) if did_the_rest(stage, had_finished) else proof
    away = ServerAway.begun(stage, number)
    yield proof
    away.ended(stage)
    await stage.revive(fault.victim)


async def terminated(stage: Stage, life: Life | None) -> Proof:
    """SIGTERM, ten seconds of grace, then SIGKILL. Who is parked goes on: it is to wind down, not to be frozen."""
    if life is None:
        return _NOBODY
    began = time.monotonic()
    if not await life.terminate():
        return ENDED_BEFORE
    stage.let_go()
    return await wound_down(life, began)


async def wound_down(life: Life, began: float) -> Proof:
    """A life that was told to stop when this ``began`` has its grace to end, and must take all of its own with it."""
    return traced(await _wound_down(life, began), [life], began)


async def _wound_down(life: Life, began: float) -> Proof:
    try:
        ended = await life.wait_exit(GRACE_S)
    except TimeoutError:
        proof = await life.kill()
        return Proof(proof.confirmed, _OVERDUE if proof.confirmed else proof.reason, 0, time.monotonic() - began)
    said = f"stopped with {ended}"
    remains = await life.left(GRACE_S + began - time.monotonic() if life.whole else _FOLLOWING_S)
    if remains.inside and not life.whole:
        said = (
            f"the launcher ended on SIGTERM and its child lives ({named(remains.inside)}): set [subject] stop = "
            f'"group", and the whole process group is told to stop'
        )
        return Proof(False, said, 0, time.monotonic() - began)
    if remains.inside:
        said, remains = _OVERDUE, await life.left(GRACE_S, kill=(INSIDE,))
    if remains.outside and life.everybody:
        remains = await life.left(GRACE_S, kill=(OUTSIDE,))
    refuted = remains.said("SIGTERM")
    return Proof(not refuted, refuted or said, 0, time.monotonic() - began)


def did_the_rest(stage: Stage, had_finished: bool) -> bool:
    """Whether the job, which had not been ``finished`` before, was done by a life that was told to stop."""
    return stage.ended == OUTPUT or (finished(stage) and not had_finished)


def restarted_nothing(proof: Proof) -> Proof:
    """The proof of a restart behind which nothing was left to resume: none; what the job came to is judged."""
    if not proof.confirmed:
        return proof
    return replace(proof, confirmed=False, goes_on=True, reason=f"{proof.reason}, but {NOTHING_RESTARTED}")


def finished(stage: Stage) -> bool:
    """Whether nothing is left to do for the job, as far as client and ledger show."""
    records, effects = stage.site.workload.records, stage.site.folder.effects()
    executed = 0 if effects is None else len({record for _, record, _ in effects.executions})
    return max(executed, stage.client.done) >= records


@asynccontextmanager
async def freeze(stage: Stage, _fault: Fault) -> AsyncIterator[Proof | None]:
    """SIGSTOP the server's whole group: it keeps its locks and connections, and says nothing until it is healed."""
    life, began = stage.server, time.monotonic()
    stopped = life is not None and await life.freeze()
    said = "the whole group stands still" if stopped else "somebody of the group runs on, or it had ended"
    try:
        yield Proof(stopped, said, 0, time.monotonic() - began, stopped_at=began, signalled_at=began)
    finally:
        if life:
            await life.thaw()
    stage.let_go()
