"""One blocking call that comes back with the output; called again with the same arguments, it continues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp_crashtest.contracts.contract import Seen, Terms, document_in
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.model.observe_spec import ObserveSpec
from mcp_crashtest.wire.session import Session, tool_reply

HANDLE = "task"
EXTENSIONS: tuple[str, ...] = ()
TERMS = Terms()


def refusal(result: Mapping[str, Any]) -> str | None:
    """An error of the tool's, or a document that holds one."""
    reply = tool_reply(result)
    if reply.is_error:
        return reply.text
    document = document_in(reply)
    return reply.text if isinstance(document, dict) and document.get("error") else None


def handle_in(_result: Mapping[str, Any], _observe: ObserveSpec) -> str | None:
    """A call has no name but its arguments."""
    return None


async def look(_session: Session, _job: Job, handle: str, _deadline_s: float) -> Seen:
    """There is nothing to look at but the call itself."""
    raise AssertionError(f"a blocking call has no task {handle}")
