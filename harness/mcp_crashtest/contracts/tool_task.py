"""A tool answers at once with an id; a status tool is called with it until the work has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp_crashtest.contracts.contract import ONE_WORD, Seen, document_in, named, said_handle, unknown
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.contracts.resource_task import EXTENSIONS as EXTENSIONS
from mcp_crashtest.contracts.resource_task import TERMS as TERMS
from mcp_crashtest.contracts.resource_task import document_at, seen_in
from mcp_crashtest.contracts.resource_task import refusal as refusal
from mcp_crashtest.model.observe_spec import ObserveSpec
from mcp_crashtest.model.paths import fill
from mcp_crashtest.wire.session import Session, tool_reply

HANDLE = "id"


def handle_in(result: Mapping[str, Any], observe: ObserveSpec) -> str | None:
    """The id where the profile says, by default the answer's text if it is one word; a number is an id too."""
    reply = tool_reply(result)
    if observe.handle is None or refusal(result) is not None:
        return reply.text if ONE_WORD.fullmatch(reply.text) and not reply.is_error else None
    return said_handle(document_in(reply), observe.handle)


async def look(session: Session, job: Job, handle: str, deadline_s: float) -> Seen:
    """Call the status tool; what it refuses to speak of is gone."""
    return seen_in(await status_of(session, job, named(handle), deadline_s), job)


async def status_of(session: Session, job: Job, names: Mapping[str, Any], deadline_s: float) -> Any:
    """The document that says how a job stands; ``names`` fill the call. Raises Vanished where there is none.

    Raises Refused where the server says that it is not ready: of the job it has said nothing.
    """
    spec, values = job.status, {**job.values, **names}
    assert spec is not None
    if spec.tool is None:
        return await document_at(session, str(fill(spec.resource, values)), deadline_s)
    reply = await session.call_tool(spec.tool, fill(spec.arguments, values), deadline_s=deadline_s)
    if reply.is_error:
        raise unknown(reply.text)
    return document_in(reply)
