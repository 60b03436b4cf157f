"""A tool answers at once with a resource's URI, behind which the work is followed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcp_crashtest.contracts.contract import (
    COMPLETED,
    INVALID_PARAMS,
    RESOURCE_NOT_FOUND,
    Refused,
    Seen,
    Terms,
    Vanished,
    document_in,
    said_handle,
    unknown,
    unwrapped,
)
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.contracts.observing import progress_in
from mcp_crashtest.contracts.words import normalise, worded
from mcp_crashtest.model.observe_spec import ObserveSpec
from mcp_crashtest.model.paths import find
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.wire.errors import RpcError
from mcp_crashtest.wire.session import Session, tool_reply

HANDLE = "resource URI"
EXTENSIONS: tuple[str, ...] = ()
TERMS = Terms()
_GONE = re.compile(
    r"((task|job|run)[ _-]?)?(not[ _-]?found|no such (task|job|run)|does[ _-]not[ _-]exist)", re.IGNORECASE
)
_URI = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>]+", re.IGNORECASE)


def refusal(result: Mapping[str, Any]) -> str | None:
    """An error of the tool's."""
    reply = tool_reply(result)
    return reply.text if reply.is_error else None


def handle_in(result: Mapping[str, Any], observe: ObserveSpec) -> str | None:
    """The URI where the profile says, or made as it says, in a resource link, or the first in the text."""
    reply = tool_reply(result)
    if observe.handle:
        return said_handle(document_in(reply), observe.handle)
    links: list[str] = [
        c["uri"] for c in reply.content if c.get("type") == "resource_link" and isinstance(c.get("uri"), str)
    ]
    if links:
        return links[0]
    match = _URI.search(reply.text)
    return str(match[0]).rstrip(".,;)") if match else None


async def look(session: Session, job: Job, handle: str, deadline_s: float) -> Seen:
    """Read the resource; one that is not there, or has no status, is gone."""
    return seen_in(await document_at(session, handle, deadline_s), job)


async def document_at(session: Session, uri: str, deadline_s: float) -> Any:
    """The document behind a resource; raises Vanished where there is none, Refused where that is not known yet."""
    try:
        return unwrapped(await session.read_resource(uri, deadline_s=deadline_s))
    except RpcError as error:
        if error.code in (INVALID_PARAMS, RESOURCE_NOT_FOUND):
            raise unknown(str(error)) from error
        raise


def seen_in(document: Any, job: Job) -> Seen:
    """Status, progress and failure where the profile says that they are; raises Vanished where there is no status.

    Raises Refused for text that is no document: what that means nobody can know; and where the server is not ready.
    """
    observe = job.observe
    word = worded(find(document, observe.path("status")))
    status = normalise(word, observe.words)
    if status is None and isinstance(document, str):
        raise Refused(f"expected JSON, found {excerpt(document)}", document)
    if status is not None and _GONE.fullmatch(status.strip()):
        raise Vanished(f"the status is {excerpt(status)!r}", document)
    if status is None:
        raise unknown(f"no status at {observe.path('status')} in {excerpt(document)}", document)
    failure = None if status == COMPLETED else _failure(document)
    return Seen(status, progress_in(document, observe, job.records), document, failure, word, document)


def _failure(document: Any) -> Any:
    return find(document, "$.error") or find(document, "$.message")
