"""The conductor plays any plan on any stage. He knows no fault, no contract and no subject by name.

A plan's steps are landings and healings in order. Each fault is journalled before it is done, and again with its proof;
one that cannot be proven ends the run. Nothing here judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from mcp_crashtest.faults.acts import FAULTS, Act
from mcp_crashtest.faults.operations import to_the_end
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.plan import Step
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.arrival import arrive
from mcp_crashtest.stage.stage import AT_REST, NEMESIS, OUTPUT, Stage

Lasting = dict[int, AbstractAsyncContextManager[Proof | None]]


class Abandoned(Exception):
    """Thrown into an act whose fault is not healed any more, because the run is over."""


async def conduct(stage: Stage, acts: Mapping[str, Act] = FAULTS) -> History:
    """Play the stage's plan; the history grows in its folder, and is returned when it is whole.

    Raises SubjectError when the subject cannot be started or driven at all, HarnessError when the lab fails.
    """
    try:
        await stage.begin()
        await _faults(stage, acts)
        if not stage.plan.afterlife:
            await stage.client.joined()
        await to_the_end(stage)
        if stage.plan.afterlife and stage.ended in (OUTPUT, AT_REST):
            await _afterlife(stage, acts)
    finally:
        history = await stage.end()
    if stage.failure:
        raise stage.failure
    return history


async def _faults(stage: Stage, acts: Mapping[str, Act]) -> None:
    lasting: Lasting = {}
    try:
        for step in stage.plan.steps():
            if not await (_heal(stage, step, lasting) if step.heals else _land(stage, step, lasting, acts)):
                break
    finally:
        for act in reversed(lasting.values()):
            await act.__aexit__(Abandoned, Abandoned(), None)


async def _afterlife(stage: Stage, acts: Mapping[str, Act]) -> None:
    """The job is done: kill the server, start it again, and have a client read everything once more.

    Where a second job comes too, it comes first, and everything is read behind it.
    """
    stage.ended = None
    step = Step(len(stage.plan.faults) + 1, stage.plan.last, heals=False)
    lasting: Lasting = {}
    if await _land(stage, step, lasting, acts):
        await _heal(stage, step, lasting)
        await stage.go_on_after_the_end()
        await stage.client.joined()
        await to_the_end(stage)


async def _heal(stage: Stage, step: Step, lasting: Lasting) -> bool:
    if step.fault.until is not None and not await arrive(stage, step.fault.until):
        return False
    await lasting.pop(step.number).__aexit__(None, None, None)
    return True


async def _land(stage: Stage, step: Step, lasting: Lasting, acts: Mapping[str, Act]) -> bool:
    """Whether the fault landed, with proof."""
    fault = step.fault
    if not await arrive(stage, fault.at):
        return False
    told = stage.plan.last_told if step.number > len(stage.plan.faults) else str(fault)
    described = {**fault.to_json(), "number": step.number, "fault": told, "done": stage.client.done}
    if (offset := stage.offset()) is not None:
        described["offset"] = offset
    if isinstance(fault.at, Syscall):
        described |= stage.site.call
    stage.write(NEMESIS, Type.INVOKE, Op.FAULT, described)
    act = acts[fault.kind](stage, fault)
    proof = await act.__aenter__()
    lasting[step.number] = act
    if proof is None:
        return False
    ended = {"signalled_at": proof.signalled_at, "reaped_at": proof.reaped_at}
    times = stage.recorder.times(stopped_at=proof.stopped_at, **ended)
    landed = {"kills": proof.kills, "reason": proof.reason, "elapsed_s": round(proof.elapsed_s, 6)}
    value = {**described, **landed, **times, **stage.chronicle.at_fault()}
    stage.write(NEMESIS, Type.OK if proof.confirmed else Type.FAIL, Op.FAULT, value)
    stage.stray |= not proof.confirmed
    if proof.confirmed or proof.goes_on:
        stage.fault_landed(step.number)
        return True
    stage.ended = stage.ended or "a fault could not be proven"
    return False
