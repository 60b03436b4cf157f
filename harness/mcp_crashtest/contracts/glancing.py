"""The records that a call has made so far, as the server itself shows them: while it is under way, and before it is
made again.

A job that is a single call, tells nothing of its progress, and begins anew in each life still ends right: only what was
shown before a crash and is not behind it tells. What is seen so is no progress, by which faults are placed. It is asked
for by a tool or a resource alone: a file, or a table, of which a part is to be seen may be in the middle of something.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from mcp_crashtest.contracts.contract import Refused
from mcp_crashtest.contracts.conversation import Conversation
from mcp_crashtest.contracts.job import Job, Journal
from mcp_crashtest.contracts.observing import Sight
from mcp_crashtest.contracts.output import Output
from mcp_crashtest.contracts.watching import is_watched
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.wire.errors import WireError
from mcp_crashtest.wire.session import Session

_LONGEST_S = 2.0
_PAUSE_S = 0.05
_SHARE = 4  # of a server's time a fifth at most is for us
_REFUSALS = 20  # who shows records at the end alone is not asked for ever


def is_glanced_at(job: Job) -> bool:
    """Whether the records of a call that tells nothing meanwhile can be asked for."""
    records = job.observe.records
    asked = records is not None and (records.tool is not None or records.resource is not None)
    return job.kind is ContractKind.RESUMABLE_TOOL and asked and not is_watched(job)


async def glanced_at(
    conversation: Conversation, session: Session, call: Awaitable[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """The call's result; how many records are shown is journalled before it is made, and each time that there are more.

    Once its progress is heard there is no need for it.
    """
    if not is_glanced_at(conversation.job) or conversation.told:
        return await call
    shown = await _glance(conversation, session, -1)
    watching = asyncio.create_task(_follow(conversation, session, -1 if shown is None else shown))
    try:
        return await call
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _follow(conversation: Conversation, session: Session, highest: int) -> None:
    """Within one call what grows is journalled: a document that is being written may show less for a moment."""
    pause_s, refusals = _PAUSE_S, 0
    while refusals < _REFUSALS:
        await asyncio.sleep(pause_s)
        if conversation.told:
            return
        began = time.monotonic()
        shown = await _glance(conversation, session, highest)
        refusals = refusals + 1 if shown is None else 0
        highest = max(highest, shown or 0)
        pause_s = max(_PAUSE_S, _SHARE * (time.monotonic() - began))


async def _glance(conversation: Conversation, session: Session, highest: int) -> int | None:
    """How many records are shown, journalled where it is more than before; None where nothing is."""
    job, spec = conversation.job, conversation.job.observe.records
    assert spec
    at_most = replace(job, deadline_s=min(_LONGEST_S, conversation.left_s))
    asked_at = time.monotonic()
    with open(os.devnull, "wb") as nowhere, suppress(WireError, Refused, SubjectError):  # noqa: ASYNC230, PTH123
        sight = Sight(at_most, Journal(nowhere.fileno()))  # what is not there yet is nobody's mistake
        shown = await Output(session, at_most, sight, None, None).so_far(spec)
        if shown > highest:
            conversation.journal.write(Type.OK, Op.SHOWN, done=min(shown, job.records), asked_at=asked_at)
        return shown
    return None
