"""Strangers' answers: how a job is followed, where its records are, and what else can be asked about it."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.proposing.following import Id, ids_in, status_calls, status_resources, uris_in
from mcp_crashtest.proposing.offer import Offer, Tool
from mcp_crashtest.proposing.operations import list_of, listings, orders
from mcp_crashtest.proposing.outputs import Source, key_in, records_in, sources
from tests.harness.proposing.test_names import INTEGER, STRING, tool

ANSWERS: list[tuple[Any, str, str | None, str | int]] = [
    ({"job_id": "a1"}, "", "$.job_id", "a1"),
    ({"jobId": "a1", "status": "queued"}, "", "$.jobId", "a1"),
    ({"id": "a1", "total": 103}, "", "$.id", "a1"),
    ({"taskId": "t", "clientId": "c"}, "", "$.taskId", "t"),
    ({"job": {"id": 17, "state": "new"}}, "", "$.job.id", 17),
    ({"handle": "h-1"}, "", "$.handle", "h-1"),
    ({"ok": True, "data": {"exportId": "e"}}, "", "$.data.exportId", "e"),
    ({"auftrag": "A-7", "zustand": "neu"}, "", "$.auftrag", "A-7"),
    ("6f1c", "6f1c", None, "6f1c"),
    (
        {"report": "0c9e81f2-7d5a-4b7e-9d0a-52a3c7a1f0aa", "title": "t"},
        "",
        "$.report",
        "0c9e81f2-7d5a-4b7e-9d0a-52a3c7a1f0aa",
    ),
    ({"digest": "9f86d081884c7d65", "jobId": "a"}, "", "$.jobId", "a"),
]


@pytest.mark.parametrize(("document", "text", "path", "value"), ANSWERS, ids=str)
def test_the_id_of_a_job_is_found_in_an_answer(document: Any, text: str, path: str | None, value: str | int) -> None:
    assert ids_in(document, text)[0] == Id(path, value)


def test_what_tools_ask_by_may_be_the_name_of_a_job_whatever_it_is_called() -> None:
    answer = {"ok": True, "pot": "plum", "lid": "tin"}
    assert ids_in(answer, "") == []
    assert ids_in(answer, "", {"pot"}) == [Id("$.pot", "plum")]
    assert ids_in({"no": "L-47711a-f5456a"}, "") == [Id("$.no", "L-47711a-f5456a")]


@pytest.mark.parametrize(
    "document", [{"message": "started"}, {"total": 103}, {"client_id": "me"}, "Job was started.", None]
)
def test_what_names_no_job_is_no_id(document: Any) -> None:
    assert ids_in(document, document if isinstance(document, str) else "") == []


def test_a_resource_is_linked_or_named_in_words_and_a_web_page_is_none() -> None:
    assert uris_in("Follow task://status/7. See https://example.org/help") == ["task://status/7"]
    assert uris_in("", ("job://1",)) == ["job://1"]


STATUS: list[tuple[list[Tool], Id, str, str]] = [
    (
        [tool("start"), tool("cancel_job", {"job_id": STRING}), tool("job_status", {"job_id": STRING})],
        Id("$.job_id", "a"),
        "job_status",
        "job_id",
    ),
    ([tool("start"), tool("getJob", {"id": STRING})], Id("$.jobId", "a"), "getJob", "id"),
    ([tool("start"), tool("get_result", {"id": STRING}), tool("poll", {"id": STRING})], Id("$.id", "a"), "poll", "id"),
    (
        [tool("start"), tool("check", {"handle": STRING}, {"verbose": {"type": "boolean"}})],
        Id(None, "a"),
        "check",
        "handle",
    ),
    ([tool("start"), tool("stand", {"auftrag": STRING})], Id("$.auftrag", "a"), "stand", "auftrag"),
    ([tool("start"), tool("progress", {"run_id": INTEGER})], Id("$.run_id", 4), "progress", "run_id"),
    (
        [tool("start"), tool("run_report", {"run_id": STRING}), tool("invoice_run_status", {"run_id": STRING})],
        Id("$.run_id", "a"),
        "invoice_run_status",
        "run_id",
    ),
]


@pytest.mark.parametrize(("tools", "one", "name", "argument"), STATUS, ids=lambda v: v if isinstance(v, str) else "")
def test_the_tool_that_tells_how_it_stands_is_asked_first(tools: list[Tool], one: Id, name: str, argument: str) -> None:
    found, call = next(status_calls(Offer(tuple(tools)), tools[0], [one]))
    assert found == one
    assert call.tool.name == name
    assert call.arguments == {argument: "{handle}"}


def test_what_changes_a_job_is_never_called_to_look_at_it() -> None:
    changing = [tool(f"{verb}_job", {"job_id": STRING}) for verb in ("cancel", "delete", "pause", "retry", "stop")]
    other = [
        tool("weather", {"city": STRING}),
        tool("status", {"client_id": STRING}),
        tool("two", {"id": STRING, "x": STRING}),
    ]
    assert list(status_calls(Offer((tool("start"), *changing, *other)), tool("start"), [Id("$.job_id", "a")])) == []


ROWS = [{"n": n, "hash": f"{n:064x}"} for n in range(5)]


@pytest.mark.parametrize(
    ("document", "items", "key"),
    [
        ({"rows": ROWS}, "$.rows", "$.n"),
        (ROWS, "$", "$.n"),
        ({"result": ROWS}, "$", "$.n"),
        ({"data": {"list": ROWS, "errors": []}}, "$.data.list", "$.n"),
        ({"keys": ["a", "b", "c", "d", "e"]}, "$.keys", "$"),
        ({"records": [{"meta": {"id": f"r{n}"}, "same": 1} for n in range(5)]}, "$.records", "$.meta.id"),
        ({"first": ROWS[:2], "all": ROWS}, "$.all", "$.n"),
    ],
)
def test_the_list_that_is_as_long_as_the_job_holds_its_records(document: Any, items: str, key: str) -> None:
    found = records_in(document, 5)
    assert found is not None
    assert (found.items, found.key, found.number, found.next) == (items, key, 5, None)


def test_a_shorter_list_is_a_page_only_where_something_leads_on() -> None:
    page = records_in({"records": ROWS[:2], "next": "job://1/records/1"}, 5)
    assert page is not None
    assert (page.next, page.number) == ("$.next", 2)
    assert records_in({"records": ROWS[:2]}, 5) is None
    assert records_in({"records": [*ROWS, {"n": 9}]}, 5) is None, "more than the job has"


def test_a_key_tells_records_apart_and_a_random_one_comes_last() -> None:
    assert key_in([{"same": 1}, {"same": 1}]) is None
    assert key_in([{"uuid": f"{n:032x}", "position": n} for n in range(3)]) == "$.position"
    assert key_in([]) is None


STAMP = "2026-11-26T10:00:0"


@pytest.mark.parametrize(
    ("record", "key"),
    [
        (lambda n: {"made_at": 1764191000 + n, "photo": f"IMG_{n}"}, "$.photo"),
        (lambda n: {"stamp": f"{STAMP}{n}", "bytes": 7 * n}, "$.bytes"),
        (lambda n: {"ts": 1764191000.5 + n, "doc": n, "length": 3 * n}, "$.doc"),
        (lambda n: {"bytes": 1000 + 7 * n, "url": f"/page/{n}"}, "$.url"),
        (lambda n: {"row": f"{n:012x}a", "url": f"/page/{n}"}, "$.url"),
        (lambda n: {"created": n, "same": 1}, "$.created"),
        (lambda n: {"at": 1764191000.5 + n, "same": 1}, None),
    ],
    ids=["a time", "a stamp", "a counter", "a name", "made up", "nothing else", "a number with a fraction"],
)
def test_a_record_is_called_by_what_is_the_same_in_each_run(record: Any, key: str | None) -> None:
    assert key_in([record(n) for n in range(1, 5)]) == key


def test_records_are_asked_for_by_what_the_job_was_called_with_too() -> None:
    start = tool("make", {"album": STRING, "photos": INTEGER})
    offer = Offer((start, tool("shown", {"album": STRING}), tool("page", {"album": STRING, "at": INTEGER})))
    given = {"album": "crashtest", "photos": "{total_records}"}
    assert list(sources(offer, start, [], {"ok": True}, blocking=True, given=given)) == [
        Source(tool="shown", arguments={"album": "crashtest"})
    ]


def test_the_records_of_a_job_are_looked_for_where_its_id_leads() -> None:
    offer = Offer(
        (tool("start"), tool("cancel", {"id": STRING}), tool("get_rows", {"id": STRING})),
        templates=("job://{id}", "job://{id}/records", "job://{id}/pages/{page}"),
    )
    found = list(sources(offer, tool("start"), [Id(None, "a")], {"records_uri": "job://a/records"}, blocking=False))
    assert Source(tool="get_rows", arguments={"id": "{task_id}"}) in found
    assert Source(resource="job://{task_id}/records") in found
    assert Source(resource="job://{task_id}/pages/0") in found
    assert Source(resource="{records_uri}") in found
    assert all(source.tool != "cancel" for source in found)


def test_orders_are_those_of_the_tools_names_and_a_pause_needs_what_ends_it() -> None:
    cancel, pause, resume = (tool(f"{verb}_job", {"job_id": STRING}) for verb in ("cancel", "pause", "resume"))
    assert dict(orders(Offer((cancel, pause, resume)), Id("$.job_id", "a"))).keys() == {"cancel", "pause", "resume"}
    assert dict(orders(Offer((cancel, pause)), Id("$.job_id", "a"))).keys() == {"cancel"}
    assert dict(orders(Offer((tool("cancel_all", {"job_id": STRING}),)), Id("$.job_id", "a"))) == {}


def test_a_list_in_which_the_job_stands_is_one_of_jobs() -> None:
    offer = Offer(
        (tool("list_jobs"), tool("list_users", {"team": STRING}), tool("get_time")), resources=("task://list",)
    )
    assert list(listings(offer)) == [Source(tool="list_jobs"), Source(resource="task://list")]
    listed = {"tasks": [{"task_id": "b", "status": "done"}, {"task_id": "a", "status": "running"}]}
    assert list_of(listed, Id(None, "a")) == {"items": "$.tasks", "handle": "$.task_id", "status": "$.status"}
    assert list_of({"tasks": [{"task_id": "b"}]}, Id(None, "a")) is None


def test_a_resource_whose_uri_is_made_of_an_id_is_named_by_the_answer() -> None:
    offer = Offer((), ("job://rows/{jobId}", "job://stand/{jobId}", "doc://{name}", "page://{jobId}/{page}"))
    found = [handle for _, handle in status_resources(offer, [Id("$.job.id", "a1")])]
    assert found == ["job://stand/{job.id}", "job://rows/{job.id}"]
    assert next(handle for _, handle in status_resources(offer, [Id(None, "a1")])) == "job://stand/{id}"
