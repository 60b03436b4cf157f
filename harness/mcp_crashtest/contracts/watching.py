"""Watching a call that comes back with the output and tells nothing meanwhile: by asking, or by the ledger's growth.

What is seen so is all the progress that there is: notifications, which may be overtaken by an answer, are not heard.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_crashtest.contracts.contract import Refused, Vanished
from mcp_crashtest.contracts.conversation import LOST, Conversation
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.contracts.observing import progress_in
from mcp_crashtest.contracts.tool_task import status_of
from mcp_crashtest.files.ledger import USUAL
from mcp_crashtest.model.observe_spec import LEDGER_GROWTH, LedgerSpec
from mcp_crashtest.model.operation import Op
from mcp_crashtest.model.paths import find
from mcp_crashtest.wire.errors import ProtocolViolation, RpcError
from mcp_crashtest.wire.session import Session

_PAUSE_S = 0.01
_DOCUMENT = "the status document"


def is_watched(job: Job) -> bool:
    """Whether the profile says where the progress of a call is seen."""
    return job.kind.blocking and (job.status is not None or job.observe.progress == LEDGER_GROWTH)


async def watched(
    conversation: Conversation, session: Session, call: Awaitable[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """The call's result; its progress is journalled until it comes."""
    if not is_watched(conversation.job):
        return await call
    watch = _grow(conversation) if conversation.job.observe.progress == LEDGER_GROWTH else _ask(conversation, session)
    watching = asyncio.create_task(watch)
    try:
        return await call
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _ask(conversation: Conversation, session: Session) -> None:
    """Ask how the job stands; that nobody knows it yet, or any more, is no reason to stop."""
    job, observe = conversation.job, conversation.job.observe
    wanted = {name: path for name, path in observe.written.items() if name in ("progress", "total")}
    wanted = {"progress": observe.path("progress"), **wanted}
    while True:
        with suppress(Vanished, Refused, RpcError, ProtocolViolation):
            number = session.numbers.latest + 1
            conversation.questions.asks()
            try:
                document = await status_of(session, job, {}, conversation.left_s)
            except LOST as error:
                conversation.questions.lost(number, error)
                return
            with conversation.questions.answered(number):
                conversation.sight.missing(_DOCUMENT, document, wanted)
                if (seen := progress_in(document, observe, job.records)) is not None:
                    conversation.progress(*seen)
        await asyncio.sleep(_PAUSE_S)


async def _grow(conversation: Conversation) -> None:
    job = conversation.job
    growth = Growth(Path(str(job.values["ledger"])), job.observe.ledger or USUAL)
    while True:
        if done := growth.records(str(job.values.get("client_id"))):
            with conversation.journal.about({}):  # it is nobody's answer
                conversation.journal.once(Op.PROGRESS, done=min(done, job.records), total=job.records)
        await asyncio.sleep(_PAUSE_S)


@dataclass(slots=True)
class Growth:
    """A ledger that grows: which records its whole lines name, by task. Each line is read once."""

    path: Path
    names: LedgerSpec
    _read: int = 0
    _seen: dict[str, set[str]] = field(default_factory=dict)

    def records(self, task: str) -> int:
        """How many records are named up to now: of this task where it is named at all, else of any."""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                self._note(line)
        own = self._seen.get(task)
        return len(own) if own is not None else len(set().union(*self._seen.values()))

    def _note(self, line: bytes) -> None:
        with suppress(ValueError, RecursionError):
            entry = json.loads(line)
            record = find(entry, self.names.record)
            task = find(entry, self.names.task) if self.names.task else None
            if record is not None:
                self._seen.setdefault(str(task), set()).add(str(record))
