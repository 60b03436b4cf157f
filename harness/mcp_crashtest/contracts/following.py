"""Driving a job over any contract: submit it, follow its task to the end, and read the output.

Progress and status are journalled as they change. We ask more often than a server may want us to (``pollIntervalMs``):
what happens between two questions is what a crash test is about.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from mcp_crashtest.contracts import sse_resume
from mcp_crashtest.contracts.absence import alike, nobodys
from mcp_crashtest.contracts.contract import Contract, NotShown, Refused, Seen, Vanished, document_in
from mcp_crashtest.contracts.conversation import LOST, Conversation
from mcp_crashtest.contracts.glancing import glanced_at
from mcp_crashtest.contracts.shape import told_of
from mcp_crashtest.contracts.warming import says_not_yet
from mcp_crashtest.contracts.watching import is_watched, watched
from mcp_crashtest.contracts.words import COMPLETED, ENDS, FAILED
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.paths import find, placeholders
from mcp_crashtest.model.showing import bounded
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.wire.errors import DeadlineExceeded, RpcError
from mcp_crashtest.wire.session import OnProgress, Session, tool_reply

_SHORTEST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.5
_SHARE = 2  # twice as long as an answer takes: a third of a server's time at most is for us


async def drive(contract: Contract, conversation: Conversation) -> int:
    """Do the job, over as many connections as it takes. Returns the exit code."""
    job, journal = conversation.job, conversation.journal
    journal.task = job.handle

    async def call(session: Session) -> None:
        submit = partial(_submit, contract, conversation, session)
        if job.kind is ContractKind.SSE_RESUME:
            submit = partial(sse_resume.called, conversation, session, submit)
        result = await glanced_at(conversation, session, watched(conversation, session, submit()))
        await conversation.output(session, document_in(tool_reply(result)), COMPLETED)

    async def start_and_follow(session: Session) -> None:
        if journal.task is None:
            await _submit(contract, conversation, session)
        await _output(conversation, session, await _follow(contract, conversation, session))

    return await conversation.hold(call if job.kind.blocking else start_and_follow)


async def _submit(contract: Contract, conversation: Conversation, session: Session) -> Mapping[str, Any]:
    heard = conversation.progress if conversation.job.kind.blocking and not is_watched(conversation.job) else None
    number = session.numbers.latest + (1 if heard is None else 2)  # its progress has a number too
    with conversation.journal.about({"request": number}):
        return await _submitted(contract, conversation, session, heard)


async def _submitted(
    contract: Contract, conversation: Conversation, session: Session, heard: OnProgress | None
) -> Mapping[str, Any]:
    job, journal = conversation.job, conversation.journal
    journal.write(Type.INVOKE, Op.SUBMIT, tool=job.tool)
    asked = {"name": job.tool, "arguments": dict(job.arguments), **contract.TERMS.augments}
    try:
        result = await session.call(
            "tools/call", asked, deadline_s=conversation.left_s, on_progress=heard, marked=job.marked
        )
    except (*LOST, DeadlineExceeded) as error:
        conversation.patience.unheard()
        journal.write(Type.INFO, Op.SUBMIT, error=excerpt(error))
        raise
    except RpcError as error:
        journal.write(
            Type.FAIL, Op.SUBMIT, error=excerpt(error), arguments=bounded(job.arguments), **_busy(conversation)
        )
        raise
    refusal, handle = contract.refusal(result), contract.handle_in(result, job.observe)
    more: dict[str, Any] = {}
    if refusal is None and handle is None and not job.kind.blocking:
        more["answer"] = bounded(document_in(tool_reply(result)))
        refusal = f"no {contract.HANDLE} in the tool's answer: {excerpt(tool_reply(result).text)}"
        if (said := job.observe.handle) is not None:
            missing = next((n for n in placeholders(said) if find(more["answer"], f"$.{n}") is None), None)
            what = {"placeholder": missing} if missing is not None else {}
            conversation.sight.lacks(f"the answer of {job.tool}", "handle", said, more["answer"], **what)
    if refusal is not None:
        more |= {"arguments": bounded(job.arguments), **_busy(conversation)}
        journal.write(Type.FAIL, Op.SUBMIT, error=excerpt(refusal), **more)
        raise Refused(refusal)
    conversation.patience.heard()
    journal.task = handle
    journal.write(Type.OK, Op.SUBMIT)
    return result


def _busy(conversation: Conversation) -> dict[str, bool]:
    """What is said of a refusal that may come from a job of which nobody has heard."""
    return {"busy": True} if conversation.patience.is_busy else {}


async def _follow(contract: Contract, conversation: Conversation, session: Session) -> Seen:
    """Look again and again until the task has ended, one question at a time.

    How long answers take is judged by the shorter of the last two: one alone may have waited for the server to start.
    """
    journal, questions = conversation.journal, conversation.questions
    assert journal.task is not None
    before_s = 0.0
    while True:
        asked_at = questions.asks()
        try:
            seen = await contract.look(session, conversation.job, journal.task, conversation.left_s)
        except LOST as error:
            questions.lost(session.numbers.latest, error)
            raise
        except (Vanished, Refused, RpcError) as error:
            may_pass = not says_not_yet(error) and conversation.absence.may_pass(str(error))
            with questions.answered(session.numbers.latest):
                if not isinstance(error, RpcError) and error.document is not None:
                    conversation.sight.status(error.document, None)
                if isinstance(error, Vanished) and not may_pass:
                    journal.write(Type.FAIL, Op.STATUS, error=excerpt(error))
            if may_pass:
                raise NotShown(str(error)) from error
            raise
        answered_s, number = time.monotonic() - asked_at, session.numbers.latest
        said = await _said_of_it(contract, conversation, session, journal.task) if conversation.absence.said else {}
        with questions.answered(number):
            if said:
                journal.write(Type.OK, Op.POLL, **said)
            _note_seen(conversation, seen)
        if seen.status in ENDS:
            return seen
        await asyncio.sleep(min(max(_SHORTEST_PAUSE_S, _SHARE * min(before_s, answered_s)), _LONGEST_PAUSE_S))
        before_s = answered_s


async def _said_of_it(
    contract: Contract, conversation: Conversation, session: Session, handle: str
) -> Mapping[str, str]:
    """What was said of a task that is there again, ``not_yet``, and what is said ``of_nobody``.

    Raises Vanished where that is the same.
    """
    try:
        await contract.look(session, conversation.job, nobodys(handle), conversation.left_s)
        of_nobody = ""
    except (Vanished, Refused, RpcError) as error:
        of_nobody = str(error)
    said = conversation.absence.over()
    if alike(said, handle, of_nobody):
        conversation.journal.write(Type.FAIL, Op.STATUS, error=excerpt(said))
        raise Vanished(said)
    return {"not_yet": excerpt(said), "of_nobody": excerpt(of_nobody)}


def _note_seen(conversation: Conversation, seen: Seen) -> None:
    conversation.sight.status(seen.shown, seen.status)
    word = {} if seen.word in (None, seen.status) else {"word": seen.word}
    conversation.journal.repeating(Op.STATUS, status=seen.status, **word, **told_of(seen.shown))
    if seen.progress is not None:
        conversation.progress(*seen.progress)


async def _output(conversation: Conversation, session: Session, seen: Seen) -> None:
    """Read the output of a task that has ended; an error in it is no success, whatever the task says."""
    if seen.status == COMPLETED and seen.failure is None:
        await conversation.output(session, seen.document, COMPLETED, seen.shown)
        return
    status = FAILED if seen.status == COMPLETED else seen.status
    error = f"status {status!r}: {excerpt(seen.failure)}"
    conversation.journal.write(Type.FAIL, Op.OUTPUT, reason=status, error=error)
