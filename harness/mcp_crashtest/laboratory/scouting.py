"""One job of a server of which no profile is known: started, followed to its end, and its output looked for.

What is called, and what is made of the answers, says the room ``proposing``; this file asks, waits and hands on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.contracts.contract import document_in
from mcp_crashtest.laboratory.tryout import Answer, Tryout
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.operation import name_of
from mcp_crashtest.model.paths import find, placeholders
from mcp_crashtest.model.showing import bounded, pretty
from mcp_crashtest.proposing.arguments import Arguments
from mcp_crashtest.proposing.following import Asking, Id, call_with, ids_in, status_calls, uris_in
from mcp_crashtest.proposing.moving import has_ended, scalars, status_in, went_wrong
from mcp_crashtest.proposing.offer import Tool
from mcp_crashtest.proposing.operations import list_of, listings, orders
from mcp_crashtest.proposing.outputs import Records, Source, records_in, sources
from mcp_crashtest.proposing.sighting import Sighting
from mcp_crashtest.wire.session import tool_reply

_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S, _SHARE = 0.01, 0.5, 2
_STILL_S, _STILL_FACTOR = 3.0, 10
_MOST_DOCUMENTS, _MOST_STATUS_CALLS, _MOST_PAGES = 4000, 4, 200


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
    began = time.monotonic()
    answer = await tryout.call(tool.name, tryout.filled(dict(call.template)), wishes.trial_s)
    if answer.error is not None:
        raise UsageError(
            f"{tool.name} refuses what it was called with: {answer.error}\n\n{pretty(bounded(call.template))}\n\nand "
            f"its input schema is\n\n{pretty(bounded(tool.schema))}\n\ngive --argument NAME=VALUE, or another --tool"
        )
    way = await _way(tryout, tool, answer, wishes)
    if way is None:
        return await _with_records(tryout, tool, _blocking(answer), [], answer.document, call, wishes)
    documents = await _followed(tryout, way, wishes)
    took_s, last = time.monotonic() - began, documents[-1]
    result = _task_result(last) if way.kind is ContractKind.TASKS_EXTENSION else last
    seen = Sighting(way.kind, documents, result, took_s, handle=way.handle, asking=way.asking)
    named = [Id(None, name_of(way.value))]
    return await _with_records(tryout, tool, seen, named, result, call, wishes)


def _blocking(answer: Answer) -> Sighting:
    return Sighting(
        ContractKind.RESUMABLE_TOOL, [answer.document], answer.document, answer.took_s, notified=answer.progress
    )


def _task_result(task: Mapping[str, Any]) -> Any:
    result = task.get("result")
    return document_in(tool_reply(result if isinstance(result, dict) else {}))


# --- how it is followed


async def _way(tryout: Tryout, tool: Tool, answer: Answer, wishes: Wishes) -> _Way | None:
    """How the job of an answer is followed; None where the answer is all that there is."""
    if answer.is_task and wishes.allows(ContractKind.TASKS_EXTENSION):
        return _Way(ContractKind.TASKS_EXTENSION, str(answer.result.get("taskId")))
    if wishes.kind is ContractKind.RESUMABLE_TOOL or (wishes.kind is None and _is_over(answer, wishes)):
        return None
    for find_way in (_by_resource, _by_tool):
        if (way := await find_way(tryout, tool, answer, wishes)) is not None:
            return way
    if wishes.kind is None and (answer.progress or records_in(answer.document, wishes.records)):
        return None
    if wishes.kind is None and not ids_in(answer.document, answer.text):
        return None
    raise UsageError(
        f"cannot find out how a job of {tool.name} is followed: it has answered\n\n"
        f"{pretty(bounded(answer.document))}\n\nand no tool or resource tells more with that. "
        f"Give --status-tool NAME, or, where the answer itself is the output, --contract {ContractKind.RESUMABLE_TOOL}"
    )


def _is_over(answer: Answer, wishes: Wishes) -> bool:
    """Whether the answer is that of a job that has been done meanwhile."""
    found = records_in(answer.document, wishes.records)
    if len(answer.progress) > 1 or (found is not None and found.number == wishes.records):
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
    ids = ids_in(answer.document, answer.text)
    if wishes.status_tool is not None:
        return await _by_this_tool(tryout, ids, wishes.status_tool)
    for number, (one, call) in enumerate(status_calls(tryout.offer, tool, ids)):
        if number == _MOST_STATUS_CALLS:
            break
        told = await tryout.call(call.tool.name, tryout.filled(call.arguments, {"handle": one.value}))
        if told.error is None and isinstance(told.document, Mapping) and (wishes.status or status_in([told.document])):
            return _Way(ContractKind.TOOL_TASK, str(one.value), one.path, call)
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
    if way.kind is ContractKind.TASKS_EXTENSION:
        return dict(await tryout.task(way.value))
    if way.asking is None:
        return await tryout.read(way.value)
    told = await tryout.call(way.asking.tool.name, tryout.filled(way.asking.arguments, {"handle": way.value}))
    if told.error is not None:
        raise SubjectError(f"{way.asking.tool.name} does not know the job any more: {told.error}")
    return told.document


def _word(documents: Sequence[Any], way: _Way, wishes: Wishes) -> Any:
    if way.kind is ContractKind.TASKS_EXTENSION:
        return find(documents[-1], "$.status")
    status = wishes.status or (found.value if (found := status_in(documents)) else None)
    return find(documents[-1], status) if status else None


def _refuse_failure(word: Any, document: Any) -> None:
    if went_wrong(word):
        raise SubjectError(
            f"the undisturbed job has ended with {word!r}:\n\n{pretty(bounded(document))}\n\nif that is because of "
            f"what it was called with, give --argument NAME=VALUE"
        )


# --- its output


async def _with_records(
    tryout: Tryout, tool: Tool, seen: Sighting, named: Sequence[Id], result: Any, call: Arguments, wishes: Wishes
) -> Sighting:
    size = wishes.records if "total" in call.parts.values() or call.size else None
    best: tuple[Source | None, Records] | None = None
    own = records_in(result, size)
    if own is not None and own.items != "$" and own.number == (size or own.number):
        best = (None, own)
    for source in sources(tryout.offer, tool, named, result, blocking=seen.kind.blocking) if best is None else ():
        if (found := await _found(tryout, source, named, result, size)) is not None:
            best = (source, found)
            break
    operations = await _operations(tryout, seen, named)
    return Sighting(
        seen.kind,
        seen.documents,
        seen.result,
        seen.took_s,
        seen.handle,
        seen.asking,
        seen.notified,
        best[0] if best else None,
        best[1] if best else None,
        operations,
        wishes.records,
    )


async def _found(tryout: Tryout, source: Source, named: Sequence[Id], result: Any, size: int | None) -> Records | None:
    """The records in a source, if all of them are there; pages are read to the last one."""
    own = result if isinstance(result, Mapping) else {}
    named_so = dict.fromkeys(("handle", "id", "task_id"), named[0].value) if named else {}
    values = {**named_so, **own}
    template = [source.arguments, source.resource]
    if any(find({**values, **tryout.subject.values}, f"$.{name}") is None for name in placeholders(template)):
        return None
    document: Any = None
    if source.tool is not None:
        told = await tryout.call(source.tool, tryout.filled(dict(source.arguments), values))
        document = told.document if told.error is None else None
    elif source.resource is not None:
        document = await tryout.read(str(tryout.filled(source.resource, values)))
    first = records_in(document, size)
    if first is None or first.next is None or source.resource is None:
        return first if first is not None and first.number == (size or first.number) else None
    number, following = first.number, find(document, first.next)
    for _ in range(_MOST_PAGES):
        if not isinstance(following, str) or not following:
            break
        document = await tryout.read(following)
        number += len(items) if isinstance(items := find(document, first.items), list) else 0
        following = find(document, first.next)
    return first if number == size else None


async def _operations(tryout: Tryout, seen: Sighting, named: Sequence[Id]) -> Mapping[str, Any]:
    """What else can be asked of the server about a job, as far as its names say, and an answer shows."""
    if seen.kind.blocking or not named:
        return {}
    found = dict(orders(tryout.offer, named[0]))
    for source in listings(tryout.offer):
        if "list" in found:
            break
        document = None
        with suppress(SubjectError):
            if source.tool is not None:
                document = (await tryout.call(source.tool, {})).document
            elif source.resource is not None:
                document = await tryout.read(source.resource)
        if (said := list_of(document, named[0])) is not None:
            found["list"] = {**({"tool": source.tool} if source.tool else {"resource": source.resource}), **said}
    return found
