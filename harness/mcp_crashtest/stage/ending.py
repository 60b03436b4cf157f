"""What a run leaves: logs that do not grow without bound, and nobody alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.errors import HarnessError, SubjectError
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.stage.chronicle import CLIENT, SERVER
from mcp_crashtest.subjects.life import Life

if TYPE_CHECKING:
    from mcp_crashtest.stage.client_process import ClientProcess
    from mcp_crashtest.stage.stage import Stage

_BETWEEN_CUTS_S = 0.2


def ended_by_itself(stage: Stage, life: Life, how: str) -> None:
    """A life of the server's has ended without being asked to, and the run with it."""
    stage.recorder.write(SERVER, Type.OK, Op.EXIT, {"how": how, "last_words": stage.last_words()}, life=life.number)
    stage.ended = stage.ended or "the server ended by itself"
    if not stage.plan.faults and not stage.landed:  # what comes behind the end is a fault, and in no plan's list
        said = stage.site.log_tail()
        stage.failure = SubjectError(
            f"the subject ended with {how} in the middle of an undisturbed run; its last words:\n{said}"
        )
    stage.stir()


async def watch_client(stage: Stage, name: str, process: ClientProcess, present: Callable[[], bool], who: str) -> None:
    """Wait for the end of a life of the lab's own client, which is the lab's failure where nobody had asked for it.

    ``present`` tells whether it is still the one that the run goes on with.
    """
    how = await process.how_it_ended(stage.limits.total_s)
    stage.chronicle.died(CLIENT, name, process.process)
    if present() and not stage.ended and not process.expected_to_end:
        stage.failure = HarnessError(f"{who} {how}")
    stage.stir()


async def has_left(life: Life, *, piped: bool) -> bool:
    """End a life; whether nobody of it can be left. One on stdio (``piped``) may have gone with its client."""
    if not piped:
        return await life.leave()
    proof = await life.kill()
    return proof.confirmed or (proof.exit is not None and not proof.survivors)


async def bound_logs(folder: RunFolder) -> None:
    """Cut logs that grow too long, again and again, until it is cancelled."""
    while True:
        await asyncio.sleep(_BETWEEN_CUTS_S)
        folder.bound_logs()
