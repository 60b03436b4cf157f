"""The final output: what the document says that ends the job, and the records behind it, wherever the profile says.

A job that says it is done and whose records are not all there is given a moment: a store may show them a little later
than the status. What is missing then is missing.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Iterable, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from mcp_crashtest.contracts.contract import COMPLETED, Refused, around_list, listed_in, named, unwrapped
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.contracts.observing import Sight, as_count
from mcp_crashtest.files.commands import document_of, rows_of, shown_by
from mcp_crashtest.files.outputs import each_record, each_row, holds_lines, neighbours, read_document
from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.observe_spec import RecordsSpec
from mcp_crashtest.model.operation import name_of
from mcp_crashtest.model.paths import fill, find, placeholders
from mcp_crashtest.model.showing import bounded
from mcp_crashtest.model.text import excerpt, summarise
from mcp_crashtest.wire.errors import RpcError
from mcp_crashtest.wire.session import Session

_PAGES = 10_000
_LONGEST_SETTLING_S = 20.0
_SETTLING_S = 1.0
_PAUSE_S = 0.02
_NEXT = "next"
_OUTPUT, _PAGE = "the output", "the records' document"
_OF_A_RUN, _SHORTEST_NAME = ("state_dir", "client_id", "run_id"), 8  # a short one may be anything
_HEAD = 4  # records that are shown where something is wrong with them


class Output:
    """What one job has come to; ``handle`` names the job where it has a name.

    ``around`` is the task in which the document stands, where it stands in one: a path may begin there too.
    """

    def __init__(
        self, session: Session, job: Job, sight: Sight, document: Any, handle: str | None, around: Any = None
    ) -> None:
        self._session = session
        self._job = job
        self._sight = sight
        self._document = document
        own = document if isinstance(document, Mapping) else {}
        ours = {**named(handle), "id": name_of(handle)} if handle else {}
        self._around = around
        outer = around if isinstance(around, Mapping) else {}
        self._values = {**ours, **outer, **own, **job.values}
        self._own = _names_of(job, handle)
        self._shown: Any = document
        self._ends_at = time.monotonic() + job.deadline_s

    async def read(self, status: str) -> dict[str, Any]:
        """Status, count and records, for the history. Raises Refused, SubjectError and WireError."""
        observe, settled_s, first = self._job.observe, 0.0, 0
        count = None
        if observe.count:
            shown = self._with(observe.count)
            count = as_count(find(shown, observe.count))
            self._sight.missing(_OUTPUT, shown, {"count": observe.count})
        records = None
        if observe.records:
            records, settled_s, first = await self._settled(observe.records, patient=status == COMPLETED)
        more: dict[str, Any] = {"settled_s": round(settled_s, 3), "at_first": first} if settled_s else {}
        if records is not None and len(records) != self._job.records:
            more["document"] = bounded(self._shown)
        elif count not in (None, self._job.records):
            more["document"] = bounded(self._document)
        if records is not None and any(
            said in key for key in records.columns[0][:_HEAD] for said in self._own.values()
        ):
            more["names"] = self._own  # by which a ledger may call a record too
        return {"status": status, "count": count, "records": records, **more}

    async def so_far(self, spec: RecordsSpec) -> int:
        """How many different records are shown now. Raises as ``read`` does."""
        return (await self._records(spec)).columns[0].distinct

    async def _settled(self, spec: RecordsSpec, *, patient: bool) -> tuple[Table, float, int]:
        """The records, once all are there or no more come; how long that took, and how many there were at first."""
        began = grew_at = time.monotonic()
        first: int | None = None
        held = 0
        while True:
            now = time.monotonic()
            last = not patient or now - grew_at >= _SETTLING_S or now - began >= _LONGEST_SETTLING_S
            try:
                records = await self._records(spec)
                seen = records.columns[0].distinct
                first = seen if first is None else first
                if last or seen >= self._job.records:
                    return records, now - began if now - began >= _PAUSE_S and not last else 0.0, first
                if seen > held:
                    held, grew_at = seen, now
            except (Refused, SubjectError):
                if last:
                    raise
            await asyncio.sleep(_PAUSE_S)

    async def _records(self, spec: RecordsSpec) -> Table:
        """Key and digest of each record: there may be a million, which are looked at one by one."""
        if spec.sqlite is not None:
            return self._named(self._rows(spec, spec.sqlite), spec)
        if spec.postgres is not None:
            return self._named(await self._asked(spec, spec.postgres), spec)
        if spec.command is not None:
            return self._named(self._items(await self._shown_by(spec.command), spec), spec)
        if spec.file is not None:
            return self._named(self._file(spec, spec.file), spec)
        return await self._paged(spec)

    # --- where they are

    def _file(self, spec: RecordsSpec, template: str) -> Iterable[Any]:
        path, what = Path(str(self._filled("records.file", template))), "the folder in which it is looked for"
        if path.exists():
            self._sight.has(what, "records.file")
        else:
            self._sight.lacks(what, "records.file", str(path), {"files": neighbours(path)})
        return each_record(path) if spec.items == "$" and holds_lines(path) else self._items(read_document(path), spec)

    def _rows(self, spec: RecordsSpec, template: str) -> Iterable[dict[str, Any]]:
        """Placeholders of a query are its parameters: nobody has to think of quotes."""
        query, names = spec.query or "", list(placeholders(spec.query))
        values = [self._filled("records.query", f"{{{name}}}") for name in names]
        for name in names:
            query = query.replace(f"'{{{name}}}'", "?").replace(f"{{{name}}}", "?")
        return each_row(Path(str(self._filled("records.sqlite", template))), query, values)

    async def _asked(self, spec: RecordsSpec, template: str) -> list[Any]:
        query = spec.query or ""
        named = {name: self._filled("records.query", f"{{{name}}}") for name in placeholders(query)}
        return await rows_of(str(self._filled("records.postgres", template)), query, named, self._folder)

    async def _shown_by(self, command: str) -> Any:
        """Split first and fill then: what fills a placeholder is one word, whatever it is."""
        words = [str(self._filled("records.command", word)) for word in shlex.split(command)]
        return document_of(await shown_by(words, self._folder))

    @property
    def _folder(self) -> str:
        return str(self._job.values.get("here", "."))

    async def _paged(self, spec: RecordsSpec) -> Table:
        """The records behind a tool or a resource, a page after the other; those in the document, if there is neither.

        ``{next}`` among a tool's arguments is what leads to the next page; the first call goes without that argument.
        """
        following: Any = None
        found: list[Table] = []
        for _ in range(_PAGES):
            page = await self._page(spec, following)
            found.append(self._named(self._items(page, spec), spec))
            following = find(page, spec.next) if spec.next else None
            last = following is None or following in ("", False)
            if last or not isinstance(following, str | int) or (spec.tool is None and not isinstance(following, str)):
                return Table.joined(found, width=2)
        raise Refused(f"the records did not end within {_PAGES} pages")

    async def _page(self, spec: RecordsSpec, following: Any) -> Any:
        if spec.tool is not None:
            kept = {k: v for k, v in spec.arguments.items() if following is not None or _NEXT not in placeholders(v)}
            asked = self._filled("records.arguments", kept, {_NEXT: following})
            reply = await self._session.call_tool(spec.tool, asked, deadline_s=self._left_s)
            if reply.is_error:
                raise Refused(f"the tool {spec.tool} says: {reply.text}")
            return listed_in(reply, spec.items, spec.key)
        if following is None and spec.resource is None:
            return self._with(spec.items)
        uri = following if following is not None else self._filled("records.resource", spec.resource)
        try:
            return unwrapped(await self._session.read_resource(str(uri), deadline_s=self._left_s))
        except RpcError as error:
            raise Refused(f"the records at {uri} cannot be read: {error}") from error

    # --- what they are

    def _filled(self, key: str, template: Any, more: Mapping[str, Any] | None = None) -> Any:
        values = {**self._values, **(more or {})}
        for name in placeholders(template):
            if find(values, f"$.{name}") is None:
                self._sight.lacks(_OUTPUT, key, str(template), self._document, placeholder=name)
                raise Refused(f"[observe] {key}: nothing fills {{{name}}}")
        return fill(template, values)

    def _items(self, page: Any, spec: RecordsSpec) -> list[Any]:
        page = around_list(page, spec.items)
        self._shown, wanted = page, {"records.items": spec.items}
        self._sight.missing(_PAGE, page, wanted, lambda found: isinstance(found, list))
        if spec.next is not None:
            self._sight.missing("a page of records", page, {"records.next": spec.next})
        items = find(page, spec.items)
        if not isinstance(items, list):
            raise Refused(f"there is no list of records at {spec.items} in {excerpt(page)}", page)
        return items

    def _named(self, items: Iterable[Any], spec: RecordsSpec) -> Table:
        """Lists are shown as they stand, where records are wrong; of a file or a table the first ones are."""
        following = iter(items)
        head = list(islice(following, _HEAD))
        if not isinstance(items, list):
            self._shown = head
        if head:
            self._sight.missing("a record", head[0], {"records.key": spec.key})
        return Table.of(summarise(chain(head, following), spec.key, self._own), width=2)

    def _with(self, path: str) -> Any:
        """The document, or the task around it where the path leads somewhere only from there."""
        outside = find(self._document, path) is None and find(self._around, path) is not None
        return self._around if outside else self._document

    @property
    def _left_s(self) -> float:
        return max(self._ends_at - time.monotonic(), 0.001)


def _names_of(job: Job, handle: str | None) -> dict[str, str]:
    """What is called otherwise in each run, and may stand in its records: longer names first, no short ones."""
    named = {str(job.values.get(name, "")): f"{{{name}}}" for name in _OF_A_RUN}
    named |= {handle: "{handle}", name_of(handle): "{task_id}"} if handle else {}
    return {name: named[name] for name in sorted(named, key=len, reverse=True) if len(name) >= _SHORTEST_NAME}
