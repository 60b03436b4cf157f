"""The contract ``resumable-tool``: one blocking call; called again with the same arguments, it continues."""

from __future__ import annotations

from mcp_crashtest.contracts.conversation import LOST, Conversation, Refused, parse
from mcp_crashtest.contracts.job import excerpt
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.wire.errors import DeadlineExceeded
from mcp_crashtest.wire.session import Session


async def drive(conversation: Conversation) -> int:
    """Call the tool until it comes back with its result; journal progress on the way. Returns the exit code."""
    job, journal = conversation.job, conversation.journal

    async def attempt(session: Session) -> None:
        journal.write(Type.INVOKE, Op.SUBMIT, tool=job.tool)
        try:
            reply = await session.call_tool(
                job.tool,
                dict(job.arguments),
                deadline_s=conversation.left_s,
                on_progress=lambda done, total, _message: conversation.progress(done, total),
            )
        except (*LOST, DeadlineExceeded) as error:
            journal.write(Type.INFO, Op.SUBMIT, error=excerpt(error))
            raise
        document = reply.structured if reply.structured is not None else parse(reply.text)
        if reply.is_error or (isinstance(document, dict) and document.get("error")):
            journal.write(Type.FAIL, Op.SUBMIT, error=excerpt(reply.text))
            raise Refused(reply.text)
        journal.write(Type.OK, Op.SUBMIT)
        await conversation.output(session, document, "completed")

    return await conversation.hold(attempt)
