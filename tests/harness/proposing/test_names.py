"""Strangers' tools: which one starts the job, and what it is called with."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.proposing.arguments import arguments_for
from mcp_crashtest.proposing.choosing import FIXTURE, chosen
from mcp_crashtest.proposing.offer import Offer, Tool, words

INTEGER: dict[str, Any] = {"type": "integer"}
STRING: dict[str, Any] = {"type": "string"}


def tool(
    name: str, required: dict[str, Any] | None = None, optional: dict[str, Any] | None = None, said: str = ""
) -> Tool:
    """A tool with these arguments."""
    needed = required or {}
    schema = {"type": "object", "properties": {**needed, **(optional or {})}, "required": list(needed)}
    return Tool(name, schema, said)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("start_exportJob", ["start", "export", "job"]),
        ("jobId", ["job", "id"]),
        ("getHTTPStatus", ["get", "http", "status"]),
        ("records-2", ["records", "2"]),
    ],
)
def test_a_name_has_words(name: str, said: list[str]) -> None:
    assert words(name) == said


ONE_JOB = [
    [tool("crunch", {"n": INTEGER}), tool("get_weather", {"city": STRING}), tool("add", {"a": INTEGER, "b": INTEGER})],
    [
        tool("import_status", {"id": STRING}),
        tool("import_rows", {"rows": INTEGER}),
        tool("import_cancel", {"id": STRING}),
    ],
    [tool("list_jobs"), tool("submitJob", {"recordCount": INTEGER}), tool("getJob", {"jobId": STRING})],
    [tool("starte_auftrag", {"anzahl": INTEGER}), tool("zeige_stand", {"auftrag": STRING})],
    [
        tool("echo", {"text": STRING}),
        tool(FIXTURE, {"total_records": INTEGER}),
        tool("run_batch_job", {"count": INTEGER}),
    ],
    [tool("get_job", {"id": STRING}), tool("create_job", {"items": INTEGER}, said="Long-running, in the background.")],
]


THE_ONE = ["crunch", "import_rows", "submitJob", "starte_auftrag", FIXTURE, "create_job"]


@pytest.mark.parametrize(("tools", "name"), list(zip(ONE_JOB, THE_ONE, strict=True)), ids=THE_ONE)
def test_the_tool_that_starts_the_job_is_found(tools: list[Tool], name: str) -> None:
    assert chosen(Offer(tuple(tools))).value.name == name


def test_of_two_that_may_be_it_one_is_taken_and_the_other_is_named() -> None:
    offer = Offer((tool("start_import", {"count": INTEGER}), tool("start_export", {"count": INTEGER})))
    guess = chosen(offer)
    assert guess.value.name == "start_import"
    assert not guess.sure
    assert "start_export" in guess.why


@pytest.mark.parametrize(
    ("tools", "why"),
    [
        (
            [
                tool("reconcile", {"account": STRING, "entries": INTEGER}),
                tool("ticket_state", {"ticket": STRING}),
                tool("matched", {"ticket": STRING}),
                tool("abort_ticket", {"ticket": STRING}),
                tool("everything"),
            ],
            "the others take a job's id alone, or nothing",
        ),
        (
            [
                tool("thumbnails", {"album": STRING, "photos": INTEGER}, {"edge": INTEGER}),
                tool("album", {"album": STRING}),
            ],
            "takes a number of records",
        ),
        ([tool("reconcile", {"account": STRING}), tool("ticket_state", {"ticket": STRING})], "the only one that can"),
        (
            [
                tool("geocode_book", {"book": STRING}, {"chunk": INTEGER}, "Locate every address. Takes a while."),
                tool("places", {"book": STRING}, said="All places that are located so far."),
            ],
            "tells of long work",
        ),
        (
            [
                tool("jam", {"jars": INTEGER, "tray": INTEGER}),
                tool("look_into", {"pot": STRING}),
                tool("jars_from", {"pot": STRING}),
                tool("pots"),
            ],
            "it is the only one that takes more than pot",
        ),
        ([tool("letters", {"list": STRING}), tool("mailing_progress", {"mailing": STRING})], "the only one that can"),
    ],
)
def test_the_only_tool_that_can_start_a_job_is_taken_whatever_it_is_called(tools: list[Tool], why: str) -> None:
    guess = chosen(Offer(tuple(tools)))
    assert guess.value == tools[0]
    assert not guess.sure
    assert why in guess.why


@pytest.mark.parametrize(
    "tools",
    [
        [tool("reconcile", {"entries": INTEGER}), tool("audit", {"entries": INTEGER}), tool("state", {"id": STRING})],
        [tool("mail", {"to": STRING, "text": STRING}), tool("get_weather", {"city": STRING})],
        [tool("add", {"a": INTEGER, "b": INTEGER}), tool("get_weather", {"city": STRING})],
        [tool("state", {"id": STRING}), tool("everything")],
    ],
    ids=["two", "nothing of jobs", "no size", "none"],
)
def test_no_tool_is_called_of_which_nothing_says_that_it_starts_a_job(tools: list[Tool]) -> None:
    with pytest.raises(UsageError, match="give --tool NAME"):
        chosen(Offer(tuple(tools)))


def test_where_no_tool_starts_a_job_it_is_asked_for_and_the_fixture_tool_is_named() -> None:
    with pytest.raises(UsageError, match=r"give --tool NAME; the server has get_weather.*docs/fixture-tool\.md"):
        chosen(Offer((tool("get_weather", {"city": STRING}), tool("search", {"query": STRING}))))


def test_a_tool_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"--tool begin_it: there is no such tool; the server has start"):
        chosen(Offer((tool("start"),)), "begin_it")


T, B, K = "{total_records}", "{batch_size}", "{client_id}"


@pytest.mark.parametrize(
    ("given", "template"),
    [
        (tool("f", {"total": INTEGER, "batch": INTEGER}), {"total": T, "batch": B}),
        (tool("f", {"n": INTEGER}), {"n": T}),
        (tool("f", {"recordCount": INTEGER, "chunkSize": INTEGER}), {"recordCount": T, "chunkSize": B}),
        (
            tool("f", {"batch_size": INTEGER, "total_items": INTEGER}, {"processing_delay": INTEGER}),
            {"batch_size": B, "total_items": T},
        ),
        (tool("f", {"anzahl": INTEGER}, {"stapel": INTEGER}), {"anzahl": T, "stapel": B}),
        (tool("f", {"limit": {"type": "number"}}, {"seed": INTEGER, "priority": INTEGER}), {"limit": T}),
        (tool("f", {"count": {"anyOf": [{"type": "null"}, INTEGER]}}), {"count": T}),
        (tool("f", {"how_far": INTEGER}), {"how_far": T}),
        (tool("f", {"photos": INTEGER}, {"edge": INTEGER}), {"photos": T}),
        (tool("f", {"photos": INTEGER, "edge": INTEGER}), {"photos": 1, "edge": 1}),
        (tool("f", {"page_count": INTEGER, "start_page": INTEGER}), {"page_count": T, "start_page": 1}),
        (tool("f", {"retry_count": INTEGER, "count": INTEGER}), {"retry_count": 1, "count": T}),
        (tool("f", {"items": INTEGER, "run_name": STRING}), {"items": T, "run_name": K}),
        (
            tool("f", {"items": INTEGER, "export_file_name": STRING}),
            {"items": T, "export_file_name": "{state_dir}/out.jsonl"},
        ),
        (tool("f", {"total": INTEGER}, {"client_id": STRING}), {"total": T, "client_id": K}),
        (tool("f", {"items": INTEGER, "idempotencyKey": STRING}), {"items": T, "idempotencyKey": K}),
        (tool("f", {"size": INTEGER, "job_id": STRING}), {"size": T, "job_id": K}),
        (tool("f", {"count": INTEGER, "mode": {"enum": ["fast", "slow"]}}), {"count": T, "mode": "fast"}),
        (tool("f", {"count": INTEGER, "dry_run": {"type": "boolean"}}), {"count": T, "dry_run": False}),
        (tool("f", {"count": INTEGER, "label": {"type": "string", "examples": ["x"]}}), {"count": T, "label": "x"}),
        (tool("f", {"count": INTEGER, "threads": {"type": "integer", "minimum": 2}}), {"count": T, "threads": 2}),
        (tool("f", {"count": INTEGER, "output_path": STRING}), {"count": T, "output_path": "{state_dir}/out.jsonl"}),
        (tool("f", {"ids": {"type": "array", "items": INTEGER}}), {"ids": [0, 1, 2]}),
        (
            tool("f", {"names": {"type": "array", "items": STRING}}),
            {"names": ["record-000", "record-001", "record-002"]},
        ),
        (
            Tool(
                "f",
                {
                    "properties": {"o": {"$ref": "#/$defs/O"}, "total": INTEGER},
                    "required": ["o", "total"],
                    "$defs": {"O": {"type": "object", "properties": {"kind": {"enum": ["a"]}}, "required": ["kind"]}},
                },
            ),
            {"o": {"kind": "a"}, "total": T},
        ),
        (tool("f"), {}),
    ],
)
def test_arguments_play_the_part_that_their_names_say(given: Tool, template: dict[str, Any]) -> None:
    assert arguments_for(given, {}, 3).template == template


def test_a_batch_is_no_total_and_a_pause_is_neither() -> None:
    found = arguments_for(tool("f", {"batch_size": INTEGER, "delay_ms": INTEGER}), {}, 3)
    assert "total" not in found.parts.values()
    assert found.template == {"batch_size": B, "delay_ms": 1}


def test_what_is_given_comes_first_and_may_be_a_placeholder() -> None:
    found = arguments_for(tool("f", {"depth": INTEGER, "total": INTEGER}), {"depth": T, "total": 7}, 3)
    assert found.template == {"depth": T, "total": 7}
    assert found.parts == {"depth": "total"}


def test_an_argument_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--argument totl: f has no such argument; it has total"):
        arguments_for(tool("f", {"total": INTEGER}), {"totl": 3}, 3)


def test_a_file_that_is_read_is_written_by_the_lab() -> None:
    found = arguments_for(tool("f", {"source_path": STRING, "destination_path": STRING}), {}, 3)
    assert found.input_file == "{state_dir}/in.jsonl"
    assert found.template["destination_path"] == "{state_dir}/out.jsonl"


def test_a_list_of_what_nobody_knows_is_asked_for() -> None:
    items = {"type": "array", "items": {"type": "object", "properties": {"x": STRING}}}
    with pytest.raises(UsageError, match=r"give --argument things=JSON"):
        arguments_for(tool("f", {"things": items}), {}, 3)


@pytest.mark.parametrize(
    "schema", [{}, {"properties": []}, {"properties": {"a": 3}, "required": "a"}, {"required": [1]}]
)
def test_a_schema_that_is_none_has_no_arguments_that_matter(schema: Any) -> None:
    assert arguments_for(Tool.listed({"name": "f", "inputSchema": schema}), {}, 3).template == {}
