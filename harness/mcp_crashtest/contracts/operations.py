"""Operations: what is asked of a subject about tasks beside starting and following one.

An order (cancel, pause, resume, answer) is acknowledged or refused. Many tools refuse in words, as text that is no
error: what says no is no acknowledgement. The Tasks extension's own ``tasks/cancel`` is acknowledged in any case, and
promises nothing ("Task Cancellation"): it is advisory until the task says that it is cancelled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_crashtest.contracts import tasks_2025, tasks_extension
from mcp_crashtest.contracts.contract import Refused, around_list, document_in, listed_in, named, unwrapped
from mcp_crashtest.contracts.observing import as_count
from mcp_crashtest.contracts.shape import errors_in
from mcp_crashtest.contracts.words import FAILED, Words, normalise
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec
from mcp_crashtest.model.offers import ANSWER, ListSpec, StatsSpec
from mcp_crashtest.model.paths import fill, find, placeholders
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.wire.errors import RpcError
from mcp_crashtest.wire.session import Session, ToolReply

_NEXT = "next"
_MOST_PAGES, _MOST_TASKS = 1000, 100_000
_NO = re.compile(
    r"not[ _]found|no such|\bunknown\b|cannot|can't|can not|could not|couldn't|unable to|failed to|refus|denied"
    r"|forbidden|not (allowed|permitted|running|paused|active|supported|cancel\w*able|implemented)"
    r"|do(es)? ?n[o']t exist|^\W*(error|invalid)|already (completed?|done|ended|finished|failed|terminal)",
    re.IGNORECASE,
)
_BAD_CALL = re.compile(
    r"validation error|(missing|unexpected|required) .{0,40}(argument|parameter|property|field)", re.IGNORECASE
)
_DONE = ("cancelled", "canceled", "accepted", "acknowledged", "paused", "resumed")
_OWN = {
    (ContractKind.TASKS_EXTENSION, "cancel"): tasks_extension.cancel,
    (ContractKind.TASKS_EXTENSION, ANSWER): tasks_extension.answer,
    (ContractKind.TASKS_2025, "cancel"): tasks_2025.cancel,
}


class Misfit(Exception):
    """The answer is none that the profile describes, or the call none that the server takes."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The tasks of a list: handle and status, in our words where it is an end, each; ``complete``: to the last page."""

    tasks: list[list[str | None]]
    complete: bool


def is_advisory(contract: ContractSpec, operation: str) -> bool:
    """Whether an acknowledgement promises nothing."""
    own = getattr(contract, operation) is None and contract.kind is ContractKind.TASKS_EXTENSION
    return own and (contract.kind, operation) in _OWN and operation != ANSWER


async def order(
    session: Session, contract: ContractSpec, operation: str, handle: str, values: Mapping[str, Any], deadline_s: float
) -> None:
    """Give a task an order: returns when it is acknowledged. Raises Refused and WireError."""
    spec = getattr(contract, operation)
    try:
        if spec is None:
            await _OWN[contract.kind, operation](session, handle, deadline_s)
            return
        asked = fill(spec.arguments, {**values, **named(handle)})
        reply = await session.call_tool(spec.tool, asked, deadline_s=deadline_s)
    except RpcError as error:
        raise Refused(str(error)) from error
    if (no := refusal_in(reply)) is not None:
        raise Refused(no)


async def refuse_misfit(session: Session, contract: ContractSpec, operation: str, said: str, deadline_s: float) -> None:
    """Raise Misfit where a refusal shows that the call was wrong: no such tool, or not with such arguments."""
    spec = getattr(contract, operation)
    if spec is None or spec.tool is None:
        return
    names = [str(tool.get("name")) for tool in await session.list_tools(deadline_s=deadline_s)]
    if spec.tool not in names:
        raise Misfit(f"{operation}: the server has no tool {spec.tool!r}; it has {', '.join(sorted(names))}")
    if _BAD_CALL.search(said):
        raise Misfit(f"{operation}: the tool {spec.tool!r} does not take these arguments: {said}")


def refusal_in(reply: ToolReply) -> str | None:
    """Why an answer is no acknowledgement; None where it is one."""
    if reply.is_error:
        return reply.text
    document = document_in(reply)
    if isinstance(document, dict):
        said = {**errors_in(document), **{name: False for name in _DONE if document.get(name) is False}}
        status = document.get("status")
        if isinstance(status, str) and (_NO.search(status) or normalise(status, {}) == FAILED):
            said["status"] = status
        if said:
            return excerpt(said)
    return excerpt(reply.text) if _NO.search(reply.text) else None


async def listed(
    session: Session, contract: ContractSpec, words: Words, handle: str, values: Mapping[str, Any], deadline_s: float
) -> Listed:
    """All tasks that are listed, page by page, their ends in our words. Raises Refused, Misfit and WireError."""
    if contract.list is None:
        return Listed(*await tasks_2025.listed(session, deadline_s))
    spec = contract.list
    known, tasks = {**values, **named(handle)}, []
    where: Any = spec.resource
    for _ in range(_MOST_PAGES):
        document = await _read(session, spec, where, known, deadline_s)
        tasks += list(_tasks_in(document, spec, words))
        following = find(document, spec.next) if spec.next else None
        if not following or len(tasks) > _MOST_TASKS:
            return Listed(tasks[:_MOST_TASKS], not following)
        known[_NEXT], where = following, following
    return Listed(tasks, False)


async def counted(
    session: Session, spec: StatsSpec, handle: str, values: Mapping[str, Any], deadline_s: float
) -> dict[str, int]:
    """How many tasks there are of each status, and in all, as far as it is said. Raises Refused and WireError."""
    document = await _read(session, spec, spec.resource, {**values, **named(handle)}, deadline_s)
    paths = {**spec.counts, **({"total": spec.total} if spec.total else {})}
    found = {name: as_count(find(document, path)) for name, path in paths.items()}
    for name, number in found.items():
        if not isinstance(number, int):
            raise Misfit(f"stats: there is no number for {name} at {paths[name]!r} in {excerpt(document)}")
    return found


async def _read(
    session: Session, spec: ListSpec | StatsSpec, where: Any, values: Mapping[str, Any], deadline_s: float
) -> Any:
    try:
        if spec.tool is None:
            return unwrapped(await session.read_resource(str(fill(where, values)), deadline_s=deadline_s))
        first = _NEXT not in values
        asked = {name: said for name, said in spec.arguments.items() if not (first and _NEXT in placeholders(said))}
        reply = await session.call_tool(spec.tool, fill(asked, values), deadline_s=deadline_s)
    except RpcError as error:
        raise Refused(str(error)) from error
    if reply.is_error:
        raise Refused(reply.text)
    return listed_in(reply, spec.items, spec.handle) if isinstance(spec, ListSpec) else document_in(reply)


def _tasks_in(document: Any, spec: ListSpec, words: Words) -> Iterator[list[str | None]]:
    document = around_list(document, spec.items)
    items = find(document, spec.items)
    if isinstance(items, Mapping) and (not items or any(isinstance(item, Mapping) for item in items.values())):
        items = [{"id": handle, **item} for handle, item in items.items() if isinstance(item, Mapping)]  # by handle
    if not isinstance(items, list):
        raise Misfit(f"list: there is no list of tasks at items = {spec.items!r} in {excerpt(document)}")
    for item in items:
        handle = item if isinstance(item, str) else find(item, spec.handle)
        if not isinstance(handle, str | int):
            raise Misfit(f"list: there is no id at handle = {spec.handle!r} in {excerpt(item)}")
        yield [str(handle), normalise(find(item, spec.status), words) if spec.status else None]
