"""What one observed job has come to: where its records lie, and what else may be asked of the server about it.

Records are looked for in the answer, behind the server's tools and resources, and then on the disk, where what was
whole already while the job was at work is its input.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from mcp_crashtest.laboratory.tryout import OWN_FOLDER, Tryout
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.operation import name_of
from mcp_crashtest.model.paths import find, placeholders
from mcp_crashtest.model.stored import Stored
from mcp_crashtest.proposing.arguments import Arguments
from mcp_crashtest.proposing.following import Id, ids_in
from mcp_crashtest.proposing.offer import Tool
from mcp_crashtest.proposing.operations import list_of, listings, orders
from mcp_crashtest.proposing.outputs import Records, Source, key_in, paged, records_in, sources
from mcp_crashtest.proposing.sighting import Sighting, size_of
from mcp_crashtest.proposing.stored import Kept, grown, kept

_MOST_PAGES = 200
_FIRST_LOOK_S, _SLOWER, _MOST_LOOKS = 0.1, 2, 8
_JOB_NAMES = ("client_id", "run_id")

Looks = list[Sequence[Stored]]


@asynccontextmanager
async def looking(tryout: Tryout) -> AsyncIterator[Looks]:
    """Looks at the disk while a job is at work, rarer and rarer; where the lab does not start the server, none."""
    looks: Looks = []

    async def look_on() -> None:
        pause_s = _FIRST_LOOK_S
        while len(looks) < _MOST_LOOKS:
            await asyncio.sleep(pause_s)
            looks.append(await asyncio.to_thread(tryout.stored))
            pause_s *= _SLOWER

    watch = asyncio.create_task(look_on()) if tryout.subject.profile.subject.command else None
    try:
        yield looks
    finally:
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


async def with_records(
    tryout: Tryout,
    tool: Tool,
    seen: Sighting,
    named: Sequence[Id],
    call: Arguments,
    *,
    records: int,
    looks: Looks,
) -> Sighting:
    """The sighting with where the records lie and what else may be asked; ``records``: how many were asked for."""
    size = records if "total" in call.parts.values() or call.size else None
    result = seen.result
    best: tuple[Source | None, Records] | None = None
    own = records_in(result, size)
    if own is not None and own.items != "$" and own.number == (size or own.number):
        best = (None, own)
    asked = sources(tryout.offer, tool, named, result, blocking=seen.kind.blocking, given=call.template)
    for source in asked if best is None else ():
        if (best := await _found(tryout, source, named, result, size)) is not None:
            break
    if best is None:
        best = await _on_disk(tryout, seen, named, call, size, looks)
    operations = await _operations(tryout, seen, named)
    return replace(
        seen,
        source=best[0] if best else None,
        records=best[1] if best else None,
        operations=operations,
        asked=records,
    )


async def _on_disk(
    tryout: Tryout, seen: Sighting, named: Sequence[Id], call: Arguments, asked: int | None, looks: Looks
) -> tuple[Source, Records] | None:
    """Where the server keeps the records, if it is started here and its store can be read."""
    size = size_of(seen, asked)
    if size is None or not tryout.subject.profile.subject.command:
        return None
    values = tryout.subject.values
    names = {f"{{{name}}}": str(values[name]) for name in _JOB_NAMES}
    for one in named:
        names = {"{task_id}": name_of(str(one.value)), "{handle}": str(one.value), **names}
    if not named and isinstance(seen.result, Mapping):
        names |= {f"{{{one.path[2:]}}}": str(one.value) for one in ids_in(seen.result, "") if one.path is not None}
    candidates = kept(await asyncio.to_thread(tryout.stored), names, size, call.input_file)
    chosen = grown([one for one in candidates if _is_own(one)], looks)
    if chosen is None:
        return None
    found, shown = chosen
    return found.source, replace(found.records, sure=found.records.sure and shown)


def _is_own(one: Kept) -> bool:
    """Whether it lies in the run's own folder, or says whose it is: elsewhere are the records of all runs."""
    source = one.source
    place = str(source.file or source.sqlite)
    return place.startswith(OWN_FOLDER) or any(placeholders((place.partition("/")[2], source.query)))


async def _found(
    tryout: Tryout, source: Source, named: Sequence[Id], result: Any, size: int | None
) -> tuple[Source, Records] | None:
    """The records in a source, if all of them are there, and how they are asked for; pages are read to the last one."""
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
    if first is None or first.next is None:
        return (source, first) if first is not None and first.number == (size or first.number) else None
    tool = tryout.offer.tool(source.tool) if source.tool else None
    leads_on = paged(tool, source, first.next) if tool else source
    if leads_on is None:
        return None
    items = [item async for item in _pages(tryout, leads_on, values, first, document)]
    key = key_in(items)
    return (leads_on, replace(first, key=key)) if key is not None and len(items) == size else None


async def _pages(
    tryout: Tryout, source: Source, values: Mapping[str, Any], first: Records, document: Any
) -> AsyncIterator[Any]:
    """The items of this page and of those that it leads to."""
    for _ in range(_MOST_PAGES):
        for item in items if isinstance(items := find(document, first.items), list) else ():
            yield item
        if (following := find(document, str(first.next))) in (None, "", False):
            break
        document = await _page(tryout, source, values, following)


async def _page(tryout: Tryout, source: Source, values: Mapping[str, Any], following: Any) -> Any:
    if source.tool is None:
        return await tryout.read(str(following))
    return (
        await tryout.call(source.tool, tryout.filled(dict(source.arguments), {**values, "next": following}))
    ).document


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
