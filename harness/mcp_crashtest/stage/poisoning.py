"""Asking for a job that cannot be done, in a session of its own: nobody knows whether there will be an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcp_crashtest.contracts.catalogue import CONTRACTS
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.model.companions import OWN
from mcp_crashtest.model.faults import POISON
from mcp_crashtest.model.offers import Principal
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.paths import fill
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.stage.hosting import Hosting
from mcp_crashtest.subjects.subject import Subject
from mcp_crashtest.wire.errors import RpcError, WireError
from mcp_crashtest.wire.session import Session

if TYPE_CHECKING:
    from mcp_crashtest.stage.stage import Stage

_POISONER = "poisoner"
_LONGEST_ANSWER_S = 10.0
_ON_ITS_WAY_S = 0.1


async def poisoned(stage: Stage, subject: Subject, job: Job, hosting: Hosting, principal: Principal | None) -> Proof:
    """Ask for it, and wait for a moment; what comes of the asking is written down when it comes."""
    spec = subject.profile.contract.poison
    assert spec is not None
    values = {**subject.values, **{name: f"{subject.values[name]}-{POISON}" for name in OWN}}
    try:
        session = await hosting.session(
            job,
            deadline_s=_LONGEST_ANSWER_S,
            headers=subject.headers_of(principal),
            extensions=CONTRACTS[job.kind].EXTENSIONS,
        )
    except WireError as error:
        return Proof(False, f"nobody took a job that cannot be done: {excerpt(error)}")
    asking = asyncio.ensure_future(_ask(stage, session, spec.tool, fill(spec.arguments, values)))
    stage.watch(_until_done(asking))
    await asyncio.wait({asking}, timeout=_ON_ITS_WAY_S)
    return Proof(True, "a job that cannot be done was asked for")


async def _ask(stage: Stage, session: Session, tool: str, arguments: Mapping[str, Any]) -> None:
    stage.write(_POISONER, Type.INVOKE, Op.POISON, {"tool": tool})
    try:
        reply = await session.call_tool(tool, arguments, deadline_s=_LONGEST_ANSWER_S)
        stage.write(_POISONER, Type.OK, Op.POISON, {"refused": reply.is_error, "said": excerpt(reply.text)})
    except RpcError as error:
        stage.write(_POISONER, Type.FAIL, Op.POISON, {"error": excerpt(error)})
    except WireError as error:
        stage.write(_POISONER, Type.INFO, Op.POISON, {"error": excerpt(error)})
    finally:
        session.abort()


async def _until_done(asking: asyncio.Future[None]) -> None:
    """Wait for it beside the run, at whose end it is given up."""
    try:
        await asking
    finally:
        asking.cancel()
