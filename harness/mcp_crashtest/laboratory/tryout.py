"""One life of a subject of which no profile is known yet, used by hand: its tools are called, its resources read.

Nothing is killed before the end, and nothing is judged.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.contracts.contract import document_in, unwrapped
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.stores import stored_in
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.play import site
from mcp_crashtest.laboratory.probe import conversing
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.paths import fill, find
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.stored import Stored
from mcp_crashtest.proposing.offer import Offer, Tool
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.subject import Subject
from mcp_crashtest.wire.errors import RpcError, WireError
from mcp_crashtest.wire.messages import HANDSHAKE, TASKS, is_stateless
from mcp_crashtest.wire.resuming import Stream
from mcp_crashtest.wire.session import Session, tool_reply
from mcp_crashtest.wire.streamable import Streamable

_TRYOUT = "tryout"
OWN_FOLDER = "{state_dir}"
_ASK_S = 10.0
_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call has come to; ``error`` is why it was refused, ``result`` the answer as it came.

    ``resumable``: its stream of events had ids, by which it could be joined again.
    """

    document: Any
    text: str
    result: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    error: str | None = None
    progress: tuple[tuple[float, float | None], ...] = ()
    took_s: float = 0.0
    resumable: bool = False

    @property
    def is_task(self) -> bool:
        """Whether it is a task of the Tasks extension."""
        return self.result.get("resultType") == "task"

    @property
    def core_task(self) -> str | None:
        """The id of a task of revision 2025-11-25 that it is; None where it is none."""
        found = find(self.result, "$.task.taskId")
        return found if isinstance(found, str) and found else None


@dataclass(slots=True)
class Tryout:
    """The life, and the conversation with it.

    ``outlived``: somebody of it was alive when its process group was gone. ``beside`` shows what it has stored outside
    of its own folder.
    """

    subject: Subject
    session: Session
    offer: Offer
    protocol: str
    outlived: bool = False
    beside: Callable[[], Sequence[Stored]] = tuple

    def stored(self) -> Sequence[Stored]:
        """What it has stored up to now."""
        return [*stored_in(self.subject.folder.state_dir, OWN_FOLDER), *self.beside()]

    def filled(self, template: Any, more: Mapping[str, Any] | None = None) -> Any:
        """A template of the profile with this life's values, and those of an answer."""
        return fill(template, {**(more or {}), **self.subject.values})

    async def call(
        self, tool: str, arguments: Mapping[str, Any], deadline_s: float = _ASK_S, *, more: Mapping[str, Any] = _NOTHING
    ) -> Answer:
        """Call a tool, with ``more`` in the call; a refusal is an answer too. Raises SubjectError where none comes."""
        heard: list[tuple[float, float | None]] = []
        began = time.monotonic()
        transport, stream = self.session.transport, Stream(lambda *_: None, followed=False)
        if isinstance(transport, Streamable):
            transport.stream = stream
        try:
            result = await self.session.call(
                "tools/call",
                {"name": tool, "arguments": dict(arguments), **more},
                deadline_s=deadline_s,
                on_progress=lambda done, total, _: heard.append((done, total)),
            )
        except RpcError as error:
            return Answer(None, "", error=str(error))
        except WireError as error:
            raise SubjectError(f"the tool {tool} gives no answer: {error}\n{self.subject.log_tail()}") from error
        reply = tool_reply(result)
        links = [c["uri"] for c in reply.content if c.get("type") == "resource_link" and isinstance(c.get("uri"), str)]
        return Answer(
            document_in(reply),
            reply.text,
            result,
            tuple(links),
            reply.text if reply.is_error else None,
            tuple(heard),
            time.monotonic() - began,
            stream.resumable,
        )

    async def read(self, uri: str) -> Any:
        """What a resource holds; None where it cannot be read. Raises SubjectError where no answer comes."""
        try:
            return unwrapped(await self.session.read_resource(uri, deadline_s=_ASK_S))
        except RpcError:
            return None
        except WireError as error:
            raise SubjectError(f"the resource {uri} cannot be read: {error}\n{self.subject.log_tail()}") from error

    async def task(self, task_id: str, operation: str = "get") -> Mapping[str, Any]:
        """A task of the protocol's own, or its ``result``. Raises SubjectError."""
        try:
            return await self.session.ask_task(operation, task_id, deadline_s=_ASK_S)
        except WireError as error:
            raise SubjectError(f"tasks/{operation} of the task {task_id} is not answered: {error}") from error


@asynccontextmanager
async def trying_out(bench: Bench, bundle: Bundle, spawner: Spawner) -> AsyncIterator[Tryout]:
    """Begin a life, and end it again. Raises SubjectError."""
    folder = bundle.setting_up(bench.profile, _TRYOUT)
    subject = site(bench, folder, spawner, Plan(_TRYOUT, bench.protocols[0], (), cold=True))
    subject.open()
    life = tryout = None
    try:
        life = await subject.boot() if subject.killable else None
        if life:
            await life.begin()
        tryout = await _begun(subject, bench, await _conversation(subject, bench, life))
        yield tryout
        if not subject.piped:  # a server on stdio ends where its client leaves
            await tryout.session.close()
    finally:
        if tryout is not None:
            tryout.session.abort()
        if life and not (await life.kill()).confirmed:
            if tryout is not None:
                tryout.outlived = True
            await spawner.sweep(subject.started)
        subject.close()
        folder.bound_logs()
        folder.forget_state()


async def _conversation(subject: Subject, bench: Bench, life: Any) -> Session:
    protocol = bench.protocols[0]
    try:
        return await conversing(subject, life, protocol, (TASKS,) if is_stateless(protocol) else ())
    except WireError as error:
        raise SubjectError(f"{subject.url} does not answer a second time: {error}\n{subject.log_tail()}") from error


async def _begun(subject: Subject, bench: Bench, session: Session) -> Tryout:
    try:
        tools = [Tool.listed(tool) for tool in await session.list_tools(deadline_s=_ASK_S)]
    except WireError as error:
        raise SubjectError(f"{subject.url} does not list its tools: {error}") from error
    resources, templates = list[str](), list[str]()
    with suppress(WireError):
        resources = [str(one.get("uri")) for one in await session.list_resources(deadline_s=_ASK_S)]
    with suppress(WireError):
        templates = [str(one.get("uriTemplate")) for one in await session.list_resource_templates(deadline_s=_ASK_S)]
    declared = session.capabilities.get("extensions")
    extensions = frozenset(map(str, declared)) if isinstance(declared, Mapping) else frozenset[str]()
    tasks = session.protocol == HANDSHAKE and find(session.capabilities, "$.tasks.requests.tools.call") is not None
    offer = Offer(tuple(tools), tuple(templates), tuple(resources), extensions, tasks)
    return Tryout(subject, session, offer, bench.protocols[0])
