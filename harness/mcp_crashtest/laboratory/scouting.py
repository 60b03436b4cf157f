"""One job of a server of which no profile is known: started, followed to its end, and its output looked for.

What is called, and what is made of the answers, says the room ``proposing``; this file asks, waits and hands on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.contracts.contract import document_in, said_handle
from mcp_crashtest.contracts.tasks_2025 import TERMS
from mcp_crashtest.laboratory.harvest import looking, with_records
from mcp_crashtest.laboratory.tryout import Answer, Tryout
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.operation import name_of
from mcp_crashtest.model.paths import find
from mcp_crashtest.model.showing import bounded, pretty
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.proposing.arguments import Arguments
from mcp_crashtest.proposing.following import Asking, Id, call_with, ids_in, status_calls, status_resources, uris_in
from mcp_crashtest.proposing.moving import has_ended, scalars, status_in, tells_all, went_wrong
from mcp_crashtest.proposing.offer import Tool
from mcp_crashtest.proposing.outputs import records_in
from mcp_crashtest.proposing.sighting import Sighting
from mcp_crashtest.wire.session import tool_reply

_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S, _SHARE = 0.01, 0.5, 2
_STILL_S, _STILL_FACTOR = 3.0, 10
_LOOKS_AGAIN, _BETWEEN_LOOKS_S = 30, 0.05
TASK = TERMS.augments or {}
"""What makes a call a task of revision 2025-11-25."""
_MOST_DOCUMENTS, _MOST_STATUS_CALLS = 4000, 4


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody has said beforehand; the rest is found out. ``trial_s``: how long the job may take."""

    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    kind: ContractKind | None = None
    status_tool: str | None = None
    status: str | None = None
    records: int = 103
    batch: int = 10
    trial_s: float = 120.0

    def allows(self, kind: ContractKind) -> bool:
        """Whether a contract may be the one."""
        return self.kind in (None, kind)


@dataclass(frozen=True, slots=True)
class _Way:
    """How a job is followed: ``look`` what is asked, ``handle`` the path of its name, None for the whole answer."""

    kind: ContractKind
    value: str
    handle: str | None = None
    asking: Asking | None = None


async def scout(tryout: Tryout, tool: Tool, call: Arguments, wishes: Wishes) -> Sighting:
    """Have one job done. Raises UsageError for what cannot be found out, SubjectError where it does not come off."""
    async with looking(tryout) as looks:
        seen, named = await _observed(tryout, tool, call, wishes)
    return await with_records(tryout, tool, seen, named, call, records=wishes.records, looks=looks)


async def _observed(tryout: Tryout, tool: Tool, call: Arguments, wishes: Wishes) -> tuple[Sighting, Sequence[Id]]:
    """The job from its start to its end, and what it is called."""
    began = time.monotonic()
    more = TASK if tryout.offer.makes_tasks(tool) and wishes.allows(ContractKind.TASKS_2025) else {}
    answer = await tryout.call(tool.name, tryout.filled(dict(call.template)), wishes.trial_s, more=more)
    if answer.error is not None:
        raise UsageError(
            f"{tool.name} refuses what it was called with: {answer.error}\n\n{pretty(bounded(call.template))}\n\nand "
            f"its input schema is\n\n{pretty(bounded(tool.schema))}\n\ngive --argument NAME=VALUE, or another --tool"
        )
    way = await _way(tryout, tool, answer, wishes)
    if way is None:
        return _blocking(answer, wishes), []
    documents = await _followed(tryout, way, wishes)
    took_s = time.monotonic() - began
    result = await _result(tryout, way, documents[-1])
    seen = Sighting(way.kind, documents, result, took_s, handle=way.handle, asking=way.asking, job=name_of(way.value))
    return seen, [Id(way.handle if way.asking else None, name_of(way.value))]


def _blocking(answer: Answer, wishes: Wishes) -> Sighting:
    joined = answer.resumable and wishes.allows(ContractKind.SSE_RESUME)
    kind = ContractKind.SSE_RESUME if joined else ContractKind.RESUMABLE_TOOL
    return Sighting(kind, [answer.document], answer.document, answer.took_s, notified=answer.progress)


async def _result(tryout: Tryout, way: _Way, last: Any) -> Any:
    """The document of a job that is over: what it was followed by, or what its task holds."""
    if not way.kind.is_of_protocol:
        return last
    found = last.get("result") if way.kind is ContractKind.TASKS_EXTENSION else await tryout.task(way.value, "result")
    return document_in(tool_reply(found if isinstance(found, dict) else {}))


# --- how it is followed


async def _way(tryout: Tryout, tool: Tool, answer: Answer, wishes: Wishes) -> _Way | None:
    """How the job of an answer is followed; None where the answer is all that there is."""
    if answer.is_task and wishes.allows(ContractKind.TASKS_EXTENSION):
        return _Way(ContractKind.TASKS_EXTENSION, str(answer.result.get("taskId")))
    if answer.core_task is not None:
        return _Way(ContractKind.TASKS_2025, answer.core_task)
    if (wishes.kind is not None and wishes.kind.blocking) or (wishes.kind is None and _is_over(answer, wishes)):
        return None
    for find_way in (_by_resource, _by_tool, _by_template):
        if (way := await find_way(tryout, tool, answer, wishes)) is not None:
            return way
    if wishes.kind is None and (answer.progress or records_in(answer.document, wishes.records)):
        return None
    if wishes.kind is None and not ids_in(answer.document, answer.text):
        return None
    raise UsageError(
        f"cannot find out how a job of {tool.name} is followed: it has answered\n\n"
        f"{pretty(bounded(answer.document))}\n\nand no tool or resource tells more with that. "
        f"{await _told_in_words(tryout, tool, answer)}"
        f"Give --status-tool NAME, or, where the answer itself is the output, --contract {ContractKind.RESUMABLE_TOOL}"
    )


def _is_over(answer: Answer, wishes: Wishes) -> bool:
    """Whether the answer is that of a job that has been done meanwhile."""
    found = records_in(answer.document, wishes.records)
    if len(answer.progress) > 1 or (found is not None and found.number == wishes.records):
        return True
    if tells_all(answer.document, wishes.records):
        return True
    status = status_in([answer.document])
    return status is not None and has_ended(find(answer.document, status.value))


async def _by_resource(tryout: Tryout, _tool: Tool, answer: Answer, wishes: Wishes) -> _Way | None:
    if not wishes.allows(ContractKind.RESOURCE_TASK) or wishes.status_tool:
        return None
    named = uris_in(answer.text, answer.links)
    for uri in named:
        document = await tryout.read(uri)
        if isinstance(document, Mapping) and (wishes.status or status_in([document])):
            return _Way(ContractKind.RESOURCE_TASK, uri, None if uri == named[0] else _path_of(answer.document, uri))
    return None


def _path_of(document: Any, value: str) -> str | None:
    return next((path for path, found in scalars(document) if found == value), None)


async def _by_tool(tryout: Tryout, tool: Tool, answer: Answer, wishes: Wishes) -> _Way | None:
    if not wishes.allows(ContractKind.TOOL_TASK):
        return None
    ids = ids_in(answer.document, answer.text, tryout.offer.asked_by)
    if wishes.status_tool is not None:
        return await _by_this_tool(tryout, ids, wishes.status_tool)
    for number, (one, call) in enumerate(status_calls(tryout.offer, tool, ids)):
        if number == _MOST_STATUS_CALLS:
            break
        told = await tryout.call(call.tool.name, tryout.filled(call.arguments, {"handle": one.value}))
        if told.error is None and isinstance(told.document, Mapping):
            way = _Way(ContractKind.TOOL_TASK, str(one.value), one.path, call)
            if wishes.status or status_in([told.document]) or await _moves(tryout, way, told.document):
                return way
    return None


async def _moves(tryout: Tryout, way: _Way, first: Any) -> bool:
    """Whether a document with numbers and flags of which no name says anything becomes another within a short while."""
    if not any(isinstance(value, bool | int) for _, value in scalars(first)):
        return False
    for _ in range(_LOOKS_AGAIN):
        await asyncio.sleep(_BETWEEN_LOOKS_S)
        if await _look(tryout, way) != first:
            return True
    return False


async def _told_in_words(tryout: Tryout, tool: Tool, answer: Answer) -> str:
    """What to say where a tool tells how the job stands, and not in JSON; empty otherwise."""
    for one, call in list(status_calls(tryout.offer, tool, ids_in(answer.document, answer.text)))[:1]:
        told = await tryout.call(call.tool.name, tryout.filled(call.arguments, {"handle": one.value}))
        if told.error is None and isinstance(told.document, str):
            said = excerpt(told.document)
            return f"{call.tool.name} answers {said!r}, which is no JSON: have it answer with an object. "
    return ""


async def _by_template(tryout: Tryout, _tool: Tool, answer: Answer, wishes: Wishes) -> _Way | None:
    """A resource whose URI is made of an id in the answer."""
    if not wishes.allows(ContractKind.RESOURCE_TASK) or wishes.status_tool:
        return None
    calls = list(status_resources(tryout.offer, ids_in(answer.document, answer.text)))
    for one, template in calls[:_MOST_STATUS_CALLS]:
        uri = said_handle(answer.document if one.path else answer.text.strip(), template)
        document = await tryout.read(uri) if uri else None
        if uri and isinstance(document, Mapping) and (wishes.status or status_in([document])):
            return _Way(ContractKind.RESOURCE_TASK, uri, template)
    return None


async def _by_this_tool(tryout: Tryout, ids: Sequence[Id], name: str) -> _Way:
    tool = tryout.offer.tool(name)
    if tool is None:
        names = ", ".join(one.name for one in tryout.offer.tools)
        raise UsageError(f"--status-tool {name}: there is no such tool; the server has {names}")
    for one in ids:
        if (call := call_with(tool, one)) is not None:
            return _Way(ContractKind.TOOL_TASK, str(one.value), one.path, call)
    raise UsageError(f"--status-tool {name}: nothing in the answer is what it takes: {', '.join(tool.properties)}")


# --- to its end


async def _followed(tryout: Tryout, way: _Way, wishes: Wishes) -> list[Any]:
    """The documents of a job from its start to its end, each that is another than the one before."""
    documents: list[Any] = []
    began = moved_at = time.monotonic()
    longest_s = 0.0
    while True:
        asked_at = time.monotonic()
        document = await _look(tryout, way)
        now = time.monotonic()
        if not documents or document != documents[-1]:
            longest_s = max(longest_s, now - moved_at) if documents else 0.0
            documents, moved_at = [*documents[-_MOST_DOCUMENTS:], document], now
        word = _word(documents, way, wishes)
        if has_ended(word):
            _refuse_failure(word, document)
            return documents
        if now - moved_at > max(_STILL_S, _STILL_FACTOR * longest_s) and len(documents) > 1:
            return documents
        if now - began > wishes.trial_s:
            raise UsageError(
                f"the job is not over after {wishes.trial_s:g} s: {pretty(bounded(document))}\ngive fewer "
                f"--records, or a longer --trial-s"
            )
        await asyncio.sleep(min(max(_SHORTEST_PAUSE_S, _SHARE * (now - asked_at)), _LONGEST_PAUSE_S))


async def _look(tryout: Tryout, way: _Way) -> Any:
    if way.kind.is_of_protocol:
        return dict(await tryout.task(way.value))
    if way.asking is None:
        return await tryout.read(way.value)
    told = await tryout.call(way.asking.tool.name, tryout.filled(way.asking.arguments, {"handle": way.value}))
    if told.error is not None:
        raise SubjectError(f"{way.asking.tool.name} does not know the job any more: {told.error}")
    return told.document


def _word(documents: Sequence[Any], way: _Way, wishes: Wishes) -> Any:
    if way.kind.is_of_protocol:
        return find(documents[-1], "$.status")
    status = wishes.status or (found.value if (found := status_in(documents)) else None)
    return find(documents[-1], status) if status else None


def _refuse_failure(word: Any, document: Any) -> None:
    if went_wrong(word):
        raise SubjectError(
            f"the undisturbed job has ended with {word!r}:\n\n{pretty(bounded(document))}\n\nif that is because of "
            f"what it was called with, give --argument NAME=VALUE"
        )
