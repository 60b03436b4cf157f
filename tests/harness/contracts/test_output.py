"""The records of an output: behind a tool or resource, in a file or database; pages, placeholders, a late store."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.contracts.contract import Refused, document_in, unwrapped
from mcp_crashtest.contracts.job import Job, Journal
from mcp_crashtest.contracts.observing import Sight
from mcp_crashtest.contracts.output import Output
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.observe_spec import ObserveSpec, RecordsSpec
from mcp_crashtest.wire.messages import STATELESS, Message
from mcp_crashtest.wire.session import Session, tool_reply
from tests.harness.wire.scripted import Says, Scripted, error, opened, result

KEY = "$.n"


@pytest.fixture
def writing() -> Iterator[int]:
    descriptor = os.open(os.devnull, os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


def rows(*numbers: int) -> list[dict[str, int]]:
    return [{"n": n} for n in numbers]


def text(document: Any) -> str:
    return json.dumps(document)


def resources(**pages: Any) -> Says:
    """Resources by the last part of their URI."""

    def says(asked: Message) -> Any:
        name = asked["params"]["uri"].rsplit("/", 1)[-1]
        if name not in pages:
            return error(-32602, f"no resource {name}")(asked)
        return result(contents=[{"uri": "x", "text": text(pages[name])}])(asked)

    return says


async def read(writing: int, document: Any, script: dict[str, Says] | None = None, **said: Any) -> list[str]:
    """The keys of the records."""
    values = said.pop("values", {})
    spec = RecordsSpec(**{"key": KEY, **said})
    job = Job("u", "p", ContractKind.RESOURCE_TASK, "t", {}, ObserveSpec(records=spec), 4, 5.0, values=values)
    session: Session = await opened(Scripted(script or {}), STATELESS)
    found = await Output(session, job, Sight(job, Journal(writing)), document, "job://j-7").read("completed")
    return [key for key, _ in found["records"]]


ALL = ["1", "2", "3", "4"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("template", "document"),
    [
        ("job://{id}", {"id": "rows"}),
        ("job://{job.id}", {"job": {"id": "rows"}}),
        ("job://{$.jobs[0].id}", {"jobs": [{"id": "rows"}]}),
        ("{links.rows}", {"links": {"rows": "job://a/rows"}}),
        ("job://x/{client_id}", "Imported 4 rows."),
    ],
)
async def test_a_resource_is_filled_from_the_answer_and_from_the_site(
    writing: int, template: str, document: Any
) -> None:
    script = {"resources/read": resources(rows=rows(1, 2, 3, 4))}
    assert await read(writing, document, script, resource=template, values={"client_id": "rows"}) == ALL


@pytest.mark.asyncio
async def test_an_id_that_the_answer_does_not_have_is_that_of_the_task(writing: int) -> None:
    script = {"resources/read": resources(**{"j-7": rows(1, 2, 3, 4)})}
    assert await read(writing, {"job": {"state": "done"}}, script, resource="rows://{id}") == ALL


@pytest.mark.asyncio
async def test_pages_are_followed_and_a_first_one_may_be_empty(writing: int) -> None:
    pages = {"1": {"rows": [], "next": "x/2"}, "2": {"rows": rows(1, 2, 3), "next": "x/3"}, "3": {"rows": rows(4)}}
    script = {"resources/read": resources(**pages)}
    assert await read(writing, {}, script, resource="x/1", items="$.rows", next="$.next") == ALL


@pytest.mark.asyncio
async def test_a_tool_is_called_with_what_leads_on_and_the_first_time_without(writing: int) -> None:
    asked: list[Any] = []

    def pages(call: Message) -> Any:
        arguments = call["params"]["arguments"]
        asked.append(arguments)
        page = {"rows": rows(3, 4)} if "cursor" in arguments else {"rows": rows(1, 2), "next": 2}
        return result(content=[{"type": "text", "text": text(page)}], structuredContent={"result": text(page)})(call)

    wanted = {"id": "{job.id}", "cursor": "{next}"}
    found = await read(
        writing, {"job": {"id": 7}}, {"tools/call": pages}, tool="t", arguments=wanted, items="$.rows", next="$.next"
    )
    assert found == ALL
    assert asked == [{"id": 7}, {"id": 7, "cursor": 2}]


@pytest.mark.asyncio
@pytest.mark.parametrize("items", ["$", "$.result"])
async def test_a_list_that_a_framework_has_wrapped_is_a_list(writing: int, items: str) -> None:
    script = {"tools/call": result(structuredContent={"result": rows(1, 2, 3, 4)})}
    assert await read(writing, {}, script, tool="t", items=items) == ALL


@pytest.mark.asyncio
@pytest.mark.parametrize("number", [0, 1, 4])
async def test_records_that_come_block_by_block_are_a_list(writing: int, number: int) -> None:
    content = [{"type": "text", "text": text(row)} for row in rows(*range(1, number + 1))]
    assert await read(writing, {}, {"tools/call": result(content=content)}, tool="t", items="$") == ALL[:number]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "written", "items"),
    [
        ("j-7.csv", "n\n1\n2\n3\n4\n", "$"),
        ("j-7.jsonl", '{"n": 1}\n{"n": 2}\n{"n": 3}\n{"n": 4}\n', "$"),
        ("j-7.json", text({"all": {"rows": rows(1, 2, 3, 4)}}), "$.all.rows"),
    ],
)
async def test_a_file_is_named_by_the_answer_and_read_as_what_it_is(
    writing: int, tmp_path: Path, name: str, written: str, items: str
) -> None:
    (tmp_path / name).write_text(written)
    file = "{state_dir}/{id}" + Path(name).suffix
    assert await read(writing, {}, file=file, items=items, values={"state_dir": str(tmp_path)}) == ALL


@pytest.mark.asyncio
async def test_a_query_needs_no_quotes_and_is_asked_of_a_copy(writing: int, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "j.db")) as db, db:
        db.execute("CREATE TABLE rows (job TEXT, n INT)")
        db.executemany("INSERT INTO rows VALUES (?, ?)", [("it's", n) for n in (1, 2, 3, 4)])
    for query in ("SELECT n FROM rows WHERE job = {id}", "SELECT n FROM rows WHERE job = '{id}' ORDER BY n"):
        site = {"state_dir": str(tmp_path)}
        assert await read(writing, {"id": "it's"}, sqlite="{state_dir}/j.db", query=query, values=site) == ALL


@pytest.mark.asyncio
async def test_a_path_may_begin_at_the_task_around_the_result(writing: int) -> None:
    spec = RecordsSpec(key=KEY, items="$.result.structuredContent.rows")
    observe = ObserveSpec(count="$.result.structuredContent.done", records=spec)
    job = Job("u", "p", ContractKind.TASKS_EXTENSION, "t", {}, observe, 4, 5.0)
    document = {"done": 4, "rows": rows(1, 2, 3, 4)}
    task = {"taskId": "t-1", "result": {"structuredContent": document}}
    session = await opened(Scripted(), STATELESS)
    output = Output(session, job, Sight(job, Journal(writing)), document, "t-1", task)
    found = await output.read("completed")
    assert (found["count"], len(found["records"])) == (4, 4)


# --- what is not there


@pytest.mark.asyncio
async def test_a_store_that_is_a_little_late_is_waited_for(writing: int) -> None:
    shown = [rows(1, 2), rows(1, 2), rows(1, 2, 3, 4)]
    script: dict[str, Says] = {"resources/read": lambda asked: resources(r=shown.pop(0))(asked)}
    assert await read(writing, {}, script, resource="x/r") == ALL


@pytest.mark.asyncio
async def test_what_does_not_come_is_missing(writing: int) -> None:
    script = {"resources/read": resources(r=rows(1, 2))}
    assert await read(writing, {}, script, resource="x/r") == ["1", "2"]


@pytest.mark.asyncio
async def test_a_placeholder_that_nobody_fills_is_refused(writing: int) -> None:
    with pytest.raises(Refused, match=r"records.resource: nothing fills \{job.id\}"):
        await read(writing, {"id": 7}, resource="x/{job.id}")


@pytest.mark.asyncio
async def test_a_file_that_is_not_there_is_the_subjects_error(writing: int, tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match="cannot be read"):
        await read(writing, {}, file="{state_dir}/x.csv", values={"state_dir": str(tmp_path)})


@pytest.mark.asyncio
async def test_a_document_without_the_list_is_refused(writing: int) -> None:
    with pytest.raises(Refused, match=r"no list of records at \$.rows"):
        await read(writing, {}, {"resources/read": resources(r={"items": []})}, resource="x/r", items="$.rows")


# --- what a tool's answer holds


@pytest.mark.parametrize(
    ("answer", "document"),
    [
        ({"structuredContent": {"result": '{"n": 1}'}}, {"n": 1}),
        ({"structuredContent": {"result": "a sentence"}}, "a sentence"),
        ({"structuredContent": {"result": '{"torn": '}}, '{"torn": '),
        ({"structuredContent": {"result": "7"}}, 7),
        ({"structuredContent": {"result": [1]}}, {"result": [1]}),
        ({"structuredContent": {"result": '{"n": 1}', "more": 1}}, {"result": '{"n": 1}', "more": 1}),
        ({"content": [{"type": "text", "text": '{"n": 1}'}]}, {"n": 1}),
        ({"content": [{"type": "text", "text": '{"result": "{\\"n\\": 1}"}'}]}, {"n": 1}),
        ({"content": [{"type": "text", "text": "Done."}]}, "Done."),
        ({}, ""),
    ],
)
def test_the_document_in_an_answer_is_unwrapped(answer: dict[str, Any], document: Any) -> None:
    assert document_in(tool_reply(answer)) == document


def test_text_that_holds_text_that_holds_a_document_is_unwrapped() -> None:
    assert unwrapped(text(text({"n": 1}))) == {"n": 1}
    assert unwrapped(text("words")) == "words"
