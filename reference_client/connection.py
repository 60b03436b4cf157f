"""One connection to one server, of either protocol era. It ends once; ``link`` opens the next.

A task of its own holds the SDK's client, so that whatever ends the connection ends nothing else. The tools are listed
at once: the SDK would do it behind the first call, where a crash between would lose a result that had arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import mcp_types as mt
import pydantic
from mcp.client.client import Client
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from reference_client.answers import Offer, ToolAnswer, tool_answer
from reference_client.errors import Broken, ClientError, Refused, TimedOut, Unreachable
from reference_client.http import MOST_BYTES, Http, failure
from reference_client.tasks_extension import (
    CancelTask,
    Created,
    GetTask,
    TaskParams,
    TasksExtension,
    TaskState,
    UpdateParams,
    UpdateTask,
)
from reference_client.text import shown

T = TypeVar("T")
OnProgress = Callable[[float, float | None, str | None], None]

_INFO = mt.Implementation(name="mcp-crashtest reference client", version="1")
_OPENING_S = 20.0
_ANSWER_S = 15.0
_LEAVING_S = 1.0
_PAGES = 100


@dataclass(frozen=True, slots=True)
class Dialing:
    """How to reach a server. ``protocol``: auto, legacy (the handshake era), or a modern revision.

    ``token`` is asked for at each connection, so that a token that is renewed in its file is taken up.
    """

    server: str
    protocol: str
    token: Callable[[], str | None]
    silence_s: float
    tasks_extension: bool
    on_log: Callable[[str], object]


class Connection:
    """An open connection. ``offers`` are the server's tools."""

    def __init__(self, dialing: Dialing) -> None:
        self._dialing = dialing
        self.session_id: str | None = None
        self.users = 0
        self.protocol = ""
        self.offers: dict[str, Offer] = {}
        self._http = Http(dialing.server, dialing.token(), dialing.silence_s, self._on_session)
        self._leaving = asyncio.Event()
        self._ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._held = asyncio.create_task(self._hold(), name="connection")

    @classmethod
    async def open(cls, dialing: Dialing) -> Connection:
        """Connect, and learn what the server offers; raises ClientError."""
        connection = cls(dialing)
        try:
            async with asyncio.timeout(_OPENING_S):
                connection.protocol = (await asyncio.shield(connection._ready)).protocol_version
                await connection._learn()
        except TimeoutError:
            await connection.close()
            raise TimedOut(f"the server has not greeted us within {_OPENING_S:g} s") from None
        except MCPError as error:
            await connection.close()
            raise failure(error) from None
        except BaseException:
            await connection.close()
            raise
        return connection

    @property
    def alive(self) -> bool:
        """Whether it can still be used."""
        return not self._held.done()

    async def close(self) -> None:
        """Leave; never takes longer than a moment, and never raises."""
        self._leaving.set()
        _, late = await asyncio.wait({self._held}, timeout=_LEAVING_S)
        for task in late:
            task.cancel()
            await asyncio.wait({task}, timeout=_LEAVING_S)
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()

    @property
    def _session(self) -> ClientSession:
        return self._ready.result().session

    # --- questions

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        on_progress: OnProgress | None = None,
        *,
        within_s: float | None = _ANSWER_S,
    ) -> ToolAnswer | dict[str, Any]:
        """Call a tool; a task of the tasks extension is answered as its wire object. Raises ClientError."""

        async def heard(progress: float, total: float | None, message: str | None) -> None:
            if on_progress:
                on_progress(progress, total, shown(message) if message else None)

        result = await self._ask(
            self._session.call_tool(
                name,
                dict(arguments),
                read_timeout_seconds=within_s,
                progress_callback=heard,
                allow_input_required=True,
                allow_claimed=True,
            )
        )
        wire: dict[str, Any] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        if isinstance(result, Created):
            return wire
        if isinstance(result, mt.InputRequiredResult):
            raise Refused(f"the tool {name} asks for input in the call, which this client does not give")
        return tool_answer(wire)

    async def read(self, uri: str) -> str:
        """The text of a resource; raises ClientError, NotFound where there is none."""
        async with _within(_ANSWER_S):
            result = await self._ask(self._session.read_resource(uri), asks_for_a_thing=True)
        for content in result.contents:
            if isinstance(content, mt.TextResourceContents):
                return content.text
        raise Refused(f"the resource {shown(uri)} has no text")

    async def task(self, task_id: str) -> dict[str, Any]:
        """tasks/get; raises ClientError."""
        return await self._task_request(GetTask(params=TaskParams(task_id=task_id)))

    async def cancel_task(self, task_id: str) -> None:
        """tasks/cancel; raises ClientError."""
        await self._task_request(CancelTask(params=TaskParams(task_id=task_id)))

    async def answer_task(self, task_id: str, responses: dict[str, Any]) -> None:
        """tasks/update; raises ClientError."""
        await self._task_request(UpdateTask(params=UpdateParams(task_id=task_id, input_responses=responses)))

    async def _task_request(self, request: mt.Request[Any, Any]) -> dict[str, Any]:
        asked = self._session.send_request(request, TaskState, request_read_timeout_seconds=_ANSWER_S)
        state = await self._ask(asked, asks_for_a_thing=True)
        wire: dict[str, Any] = state.model_dump(by_alias=True, mode="json")
        return wire

    # --- the connection itself

    def _on_session(self, session_id: str) -> None:
        self.session_id = session_id

    async def _hold(self) -> None:
        protocol = self._dialing.protocol
        try:
            async with (
                self._http,
                Client(
                    streamable_http_client(self._dialing.server, http_client=self._http, max_sse_event_size=MOST_BYTES),
                    mode=protocol,
                    extensions=[TasksExtension()] if self._dialing.tasks_extension else None,
                    client_info=_INFO,
                    logging_callback=self._logged,
                    log_level="info",
                    cache=None,
                ) as client,
            ):
                if self._http.interruptions:
                    # The SDK takes any failure of its first question for an old server: this one was none.
                    raise Unreachable("the server went away while it was greeted")
                self._ready.set_result(client)
                await self._leaving.wait()
        except asyncio.CancelledError:
            self._ready.cancel()
            raise
        except Exception as error:
            if not self._ready.done():
                self._ready.set_exception(_leaf(error))
        finally:
            if not self._ready.done():
                self._ready.set_exception(Broken("the connection ended while it was opened"))

    async def _logged(self, params: mt.LoggingMessageNotificationParams) -> None:
        data = params.data
        text = data.get("msg") if isinstance(data, dict) else data
        if params.level not in ("debug",) and text:
            self._dialing.on_log(shown(text))

    async def _learn(self) -> None:
        cursor: str | None = None
        for _ in range(_PAGES):
            params = mt.PaginatedRequestParams(cursor=cursor) if cursor else None
            page = await self._ask(self._session.list_tools(params=params))
            for tool in page.tools:
                properties = tool.input_schema.get("properties")
                names = frozenset(properties if isinstance(properties, dict) else ())
                hint = bool(tool.annotations and tool.annotations.idempotent_hint)
                self.offers[tool.name] = Offer(tool.name, names, hint)
            cursor = page.next_cursor
            if not cursor:
                return
        raise Refused(f"the list of tools does not end within {_PAGES} pages")

    async def _ask(self, question: Awaitable[T], *, asks_for_a_thing: bool = False) -> T:
        asking = asyncio.ensure_future(question)
        try:
            await asyncio.wait({asking, self._held}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise Broken("the connection ended")
            return asking.result()
        except MCPError as error:
            raise failure(error, asks_for_a_thing=asks_for_a_thing) from None
        except (RuntimeError, pydantic.ValidationError) as error:
            raise Refused(f"the answer is not what the tool or the protocol promises: {shown(error)}") from None
        finally:
            if not asking.done():
                asking.cancel()
                await asyncio.wait({asking}, timeout=_LEAVING_S)
            if asking.done() and not asking.cancelled():
                asking.exception()


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    timeout = asyncio.timeout(seconds)
    try:
        async with timeout:
            yield
    except TimeoutError:
        if not timeout.expired():
            raise
        raise TimedOut(f"no answer within {seconds:g} s") from None


def _leaf(error: BaseException) -> Exception:
    """The first real error within a group, as ours."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ClientError | MCPError):
        return error
    return Broken(f"the connection ended ({shown(error) or type(error).__name__})")
