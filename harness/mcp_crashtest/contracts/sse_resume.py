"""One blocking call whose stream of events is joined again, by Last-Event-ID, when its connection is lost.

The client names an event some way before the last one that it has: what it had seen already has to come again, and so
shows whether anything is left out. A stream that its server has forgotten is given up, and the call is made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from mcp_crashtest.contracts.contract import Refused, Terms
from mcp_crashtest.contracts.conversation import LOST, Conversation
from mcp_crashtest.contracts.observing import is_number
from mcp_crashtest.contracts.resumable_tool import EXTENSIONS as EXTENSIONS
from mcp_crashtest.contracts.resumable_tool import HANDLE as HANDLE
from mcp_crashtest.contracts.resumable_tool import handle_in as handle_in
from mcp_crashtest.contracts.resumable_tool import look as look
from mcp_crashtest.contracts.resumable_tool import refusal as refusal
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.wire import messages
from mcp_crashtest.wire.errors import Broken, HttpError, RpcError, SessionLost, WireError
from mcp_crashtest.wire.messages import HANDSHAKE, SUPPORTED, Message
from mcp_crashtest.wire.resuming import Part, Stream
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.streamable import Streamable

TERMS = Terms(revisions=tuple(protocol for protocol in SUPPORTED if protocol <= HANDSHAKE))
_BEFORE_THE_LAST = 2
_FRUITLESS = 5
_FORGOTTEN = "the server does not know the session any more"
_BESIDE_S = 5.0
_PAUSE_S = 0.005

Submit = Callable[[], Awaitable[Mapping[str, Any]]]


async def called(conversation: Conversation, session: Session, submit: Submit) -> Mapping[str, Any]:
    """The result of the call: of one that is made now, or of one whose stream is joined again."""
    transport = session.transport
    if not isinstance(transport, Streamable):
        return await submit()
    if conversation.stream is not None and conversation.stream.resumable:
        return await _rejoined(conversation, transport, conversation.stream)
    conversation.stream = transport.stream = _followed(conversation)
    beside = asyncio.create_task(_ask_beside(session, conversation.stream))
    try:
        result = await submit()
    finally:
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)
    conversation.stream = None
    return result


def _followed(conversation: Conversation) -> Stream:
    journal = conversation.journal

    def note(id_: str | None, part: Part, message: Message | None) -> None:
        if conversation.rejoining:
            conversation.rejoining = False
            journal.write(Type.OK, Op.CONNECT, protocol=conversation.job.protocol, rejoined=True)
        said = message.get("params") if message is not None else None
        at = said.get("progress") if isinstance(said, dict) and part is Part.PROGRESS else None
        more = {"at": at} if is_number(at) else {}
        journal.write(Type.OK, Op.STREAM, event=None if id_ is None else excerpt(id_), part=part, **more)

    return Stream(note)


async def _ask_beside(session: Session, stream: Stream) -> None:
    """Ask something else in the same session, so that there is a stream from which this one is to be kept apart."""
    while len(stream.ids) < _BEFORE_THE_LAST:  # noqa: ASYNC110  bounded by the call, beside which it runs
        await asyncio.sleep(_PAUSE_S)
    with suppress(WireError):
        await session.call("ping", {}, deadline_s=_BESIDE_S)


async def _rejoined(conversation: Conversation, transport: Streamable, stream: Stream) -> Mapping[str, Any]:
    journal = conversation.journal
    behind = stream.ids[max(len(stream.ids) - 1 - _BEFORE_THE_LAST, 0)]
    journal.write(Type.INVOKE, Op.STREAM, behind=excerpt(behind))
    journal.write(Type.INVOKE, Op.SUBMIT, tool=conversation.job.tool, resumes=excerpt(behind))
    conversation.rejoining = True

    async def heard(said: Message) -> None:
        if "id" in said:
            with suppress(WireError):
                await transport.tell(messages.answer_to(said))
        elif said["method"] == "notifications/progress":
            done, total = said["params"].get("progress"), said["params"].get("total")
            if is_number(done):
                conversation.progress(done, total if is_number(total) else None)

    assert stream.request is not None
    try:
        async with asyncio.timeout(conversation.left_s):
            answer = await transport.rejoin(stream, heard, behind)
            result = messages.result_in(answer, stream.request["id"], in_session=False)
    except (*LOST, RpcError, TimeoutError) as error:
        _note_loss(conversation, stream, error, behind)
        raise SessionLost(excerpt(error)) if isinstance(error, RpcError) else error from error
    conversation.stream = None
    if (no := refusal(result)) is not None:
        journal.write(Type.FAIL, Op.SUBMIT, error=excerpt(no))
        raise Refused(no)
    journal.write(Type.OK, Op.SUBMIT)
    return result


def _note_loss(conversation: Conversation, stream: Stream, error: Exception, behind: str) -> None:
    """A stream that is refused, or shows nothing any more, is given up; one whose server is away is not."""
    refused = isinstance(error, SessionLost | RpcError) or (isinstance(error, HttpError) and error.status < 500)
    empty = isinstance(error, Broken) and stream.fruitless >= _FRUITLESS
    conversation.journal.write(Type.INFO, Op.SUBMIT, error=excerpt(error))
    if refused or empty:
        conversation.journal.write(Type.FAIL, Op.STREAM, behind=excerpt(behind), error=excerpt(error) or _FORGOTTEN)
        conversation.stream = None
