"""The golden run is judged first: the profile's mistakes, the server's plain faults, and what is neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.laboratory.advice import on_arguments
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.plain_faults import refusal, refuse_plain_faults, unknown_word
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec, StatusSpec
from mcp_crashtest.model.errors import NotTaken, SubjectError, UsageError
from mcp_crashtest.model.observe_spec import ObserveSpec, RecordsSpec
from mcp_crashtest.model.offers import ListSpec
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.profile import Claims, Profile
from mcp_crashtest.model.subject_spec import SubjectSpec
from tests.harness.checkers.histories import (
    KILL,
    Event,
    Events,
    boot,
    connect,
    end,
    exits,
    failed,
    history,
    landed,
    output,
    progress,
    stalled,
    status,
    submit,
    unknown,
)

SCHEMA = {"type": "object", "required": ["total"], "properties": {"total": {"type": "integer"}, "size": {}}}
TOOLS = {"start": SCHEMA, "job_status": {}}
RECORDS = RecordsSpec(key="$.n", resource="job://{id}/rows")
DONE = [*boot(), *connect(), *submit(), *status("running"), *progress(3), *progress(6), *status("completed")]


def bench(tools: Mapping[str, Any] = TOOLS, tool: str = "start", resumes: bool = True, **observe: Any) -> Bench:
    total = {"total": "{total_records}"}
    contract = ContractSpec(ContractKind.TOOL_TASK, tool, total, StatusSpec("job_status", {"id": "{handle}"}))
    spec = ObserveSpec(**{"records": RECORDS, **observe})
    claims = Claims(resumes=resumes)
    return Bench(Profile("mine", SubjectSpec("serve", "u"), contract, spec, claims), ("p",), tools=tools)


def unseen(document: Any, what: str = "the status document", **ways: Mapping[str, Any]) -> list[Event]:
    paths = {key.replace("__", "."): way for key, way in ways.items()}
    return [Event("client-0", Type.INFO, Op.UNSEEN, {"what": what, "paths": paths, "document": document})]


def way(path: str, matched: str = "$", missing: str | None = "x", **more: Any) -> dict[str, Any]:
    return {"path": path, "matched": matched, "missing": missing, **more}


def strange(word: str) -> list[Event]:
    return [Event("client-0", Type.INFO, Op.STATUS, {"status": word, "ends": ["completed", "failed"]}, "t")]


def refused(error: str, **arguments: Any) -> list[Event]:
    return [
        Event("client-0", Type.INVOKE, Op.SUBMIT, {"tool": "start"}),
        Event("client-0", Type.FAIL, Op.SUBMIT, {"error": error, "arguments": arguments}),
        *failed(),
    ]


def said(kind: type[Exception], at: Bench, *events: list[Event]) -> str:
    run = history(events, golden=None)
    with pytest.raises(kind) as caught:
        refuse_plain_faults(at, run, judge(run), "its last words")
    assert type(caught.value) is kind
    assert "its last words" in str(caught.value)
    return str(caught.value)


def passes(at: Bench, *events: list[Event]) -> None:
    run = history(events, golden=None)
    refuse_plain_faults(at, run, judge(run), "")


# --- paths


def test_a_run_that_shows_the_whole_workload_is_no_ones_fault() -> None:
    passes(bench(), DONE, output("abcdef"), end())


def test_a_path_that_finds_nothing_is_shown_in_the_document_with_the_nearest_and_a_line_to_paste() -> None:
    document = {"job": {"state": "running", "percent": 4}}
    seen = unseen(document, progress=way("$.job.procent", "$.job", "procent"))
    text = said(UsageError, bench(progress="$.job.procent"), DONE, seen, output("abcdef"), end())
    first, *_ = text.splitlines()
    assert first == (
        'the profile mine does not fit its server: [observe] progress = "$.job.procent" finds nothing in the status '
        "document:"
    )
    assert "\"job\": {   <-- $.job.procent ends: no 'procent' here; the nearest: $.job.percent" in text
    assert '\n  progress = "$.job.percent"\n' in text


def test_a_path_that_has_found_something_later_is_no_mistake() -> None:
    early = unseen({"done": None}, progress=way("$.done", missing=None))
    late = [Event("client-0", Type.INFO, Op.UNSEEN, {"what": "the status document", "paths": {}, "document": None})]
    passes(bench(progress="$.done"), DONE, early, late, output("abcdef"), end())


def test_a_path_that_finds_null_to_the_end_is_a_mistake() -> None:
    seen = unseen({"count": None, "n": 6}, "the output", count=way("$.count", "$.count", None))
    text = said(UsageError, bench(count="$.count"), DONE, seen, output("abcdef", count=None), end())
    assert '"count": null   <-- $.count ends: is null, or of no use, here; the nearest: $.n' in text


def test_progress_without_a_total_is_asked_what_it_is_counted_in() -> None:
    seen = unseen({"done": 4}, total=way("$.total", missing="total"))
    text = said(UsageError, bench(progress="$.done"), DONE, seen, output("abcdef"), end())
    assert '\n  unit = "percent"\n' in text
    assert "\n  total = 100\n" in text


def test_progress_that_says_in_its_name_what_it_is_counted_in_is_no_total() -> None:
    seen = unseen({"import": {"fraction": 0.4}}, total=way("$.total", missing="total"))
    text = said(UsageError, bench(progress="$.import.fraction"), DONE, seen, output("abcdef"), end())
    assert 'one of:\n\n  unit = "fraction"\n' in text
    assert 'total = "$.import.fraction"' not in text


def test_a_sentence_has_no_paths_and_the_count_is_to_be_left_out() -> None:
    seen = unseen("Imported 6 rows.", "the output", count=way("$.imported", missing="imported"))
    text = said(UsageError, bench(count="$.imported"), DONE, seen, output("abcdef", count=None), end())
    assert "which is text and has no paths (leave count out" in text
    assert '"Imported 6 rows."' in text


def test_a_placeholder_that_nothing_fills_names_those_that_the_answer_has() -> None:
    seen = unseen({"job": {"id": 7}}, "the output", records__resource=way("x://{job.idd}", placeholder="job.idd"))
    text = said(UsageError, bench(), DONE, seen, failed(), end())
    assert "nothing fills {job.idd}" in text
    assert "Did you mean {job.id}" in text


def test_a_key_of_records_is_mended_with_the_whole_line() -> None:
    seen = unseen({"number": 1}, "a record", records__key=way("$.n", missing="n"))
    text = said(UsageError, bench(), DONE, seen, output("abcdef"), end())
    assert 'records = { key = "$.number", resource = "job://{id}/rows" }' in text


def test_a_next_page_that_was_not_needed_is_not_missed() -> None:
    at = bench(records=RecordsSpec(key="$.n", resource="r", next="$.next"))
    seen = unseen({"rows": []}, "a page of records", records__next=way("$.next", missing="next"))
    passes(at, DONE, seen, output("abcdef"), end())
    assert '[observe] records.next = "$.next"' in said(UsageError, at, DONE, seen, output("abc"), end())


# --- calls


def test_a_tool_that_is_not_there_is_told_from_those_that_are() -> None:
    text = said(UsageError, bench(tool="startt"), boot(), connect(), refused("Unknown tool: startt"), end())
    assert '[contract] tool = "startt": there is no such tool; the server has start, job_status' in text
    assert 'tool = "start"' in text


def test_a_server_need_not_list_its_tools() -> None:
    passes(bench({}), DONE, output("abcdef"), end())
    passes(bench({"other": {}}), DONE, output("abcdef"), end())


def test_a_tool_that_the_job_does_not_call_is_missed_before_it_is_called() -> None:
    """The list of tasks is asked for long after: a whole session would have been played by then."""
    at = bench()
    wrong, right = (
        replace(at, profile=replace(at.profile, contract=replace(at.profile.contract, list=ListSpec(tool))))
        for tool in ("job_statuss", "job_status")
    )
    text = said(UsageError, wrong, DONE, output("abcdef"), end())
    assert '[contract] list.tool = "job_statuss": there is no such tool; the server has start, job_status' in text
    passes(right, DONE, output("abcdef"), end())
    passes(replace(wrong, tools={"other": {}}), DONE, output("abcdef"), end())  # it does not list all that it has


def test_a_status_tool_that_is_not_there_is_named_too() -> None:
    at = bench({"start": {}, "status_of": {}})
    text = said(UsageError, at, boot(), connect(), submit(), unknown(), failed("vanished"), end())
    assert '[contract] status.tool = "job_status": there is no such tool' in text


def test_arguments_that_the_schema_refuses_are_shown_beside_it() -> None:
    text = said(UsageError, bench(), boot(), connect(), refused("bad", totl="6", size=1), end())
    assert "'total' is required and missing; there is no argument 'totl'; did you mean 'total'?" in text
    assert '"totl": "6"' in text
    assert '"type": "integer"' in text


def test_an_argument_of_the_wrong_type_is_named() -> None:
    assert "'total' is to be of the type integer, and is '6'" in said(
        UsageError, bench(), boot(), connect(), refused("bad", total="6"), end()
    )


@pytest.mark.parametrize(("more", "said"), [({}, []), ({"additionalProperties": False}, ["there is no argument 'to'"])])
def test_a_schema_that_names_no_arguments_has_nothing_against_any_but_where_it_says_so(
    more: dict[str, object], said: list[str]
) -> None:
    assert list(on_arguments({"type": "object", **more}, {"to": 7})) == said


def test_a_tool_that_was_called_rightly_and_fails_is_the_servers_fault() -> None:
    text = said(NotTaken, bench(), boot(), connect(), refused("disk full", total=6), end())
    assert "the server of mine cannot do its job undisturbed" in text


# --- numbers


def test_a_job_of_another_size_is_the_servers_fault_where_it_was_told_how_many() -> None:
    text = said(SubjectError, bench(), DONE, output("abc", count=None), end())
    assert "task.false-success" in text or "records.count" in text


def test_records_that_are_there_twice_are_the_servers_fault_even_undisturbed() -> None:
    assert "records.duplicated" in said(SubjectError, bench(), DONE, output("abcdeff", count=None), end())


def test_a_page_that_leads_on_wants_a_next() -> None:
    shown = output("abc", count=None, document={"rows": [], "next_uri": "job://7/rows/2"})
    assert 'next = "$.next_uri"' in said(UsageError, bench(), DONE, shown, end())


def test_a_key_that_many_records_share_is_no_key() -> None:
    text = said(UsageError, bench(), DONE, output("aabbcc", count=None), end())
    assert "does not tell records apart: 6 of them have 3 keys" in text


def test_a_count_that_is_another_number_is_a_mistake_where_the_right_one_stands_beside_it() -> None:
    shown = output("abcdef", count=100, document={"percent": 100, "done": 6})
    assert 'count = "$.done"' in said(UsageError, bench(count="$.percent"), DONE, shown, end())


def test_an_output_of_which_nobody_shows_anything_wants_records() -> None:
    nothing = output(None, count=None)
    only = [*boot(), *connect(), *submit(), *status("completed")]
    text = said(UsageError, bench(records=None), only, nothing, end())
    assert "the output shows neither records nor a count" in text
    passes(bench(records=None), DONE, nothing, end())


# --- words


def test_a_golden_run_that_stands_still_at_a_strange_word_shows_the_line_to_add() -> None:
    events = (boot(), connect(), submit(), status("running"), progress(6), strange("FERTIG"), status("FERTIG"))
    text = said(UsageError, bench(), *events, stalled())
    assert "the last status is 'FERTIG' at 6 of 6 records, and nothing moves any more" in text
    assert "known as ends are completed, failed" in text
    assert '\n  words = { completed = ["FERTIG"] }' in text


def test_a_golden_run_that_stands_still_at_a_known_word_is_the_servers_fault() -> None:
    text = said(SubjectError, bench(), boot(), connect(), submit(), status("running"), progress(4), stalled())
    assert "(stalled): the last status is 'running' at 4 of 6 records" in text


def killed(*events: list[Event]) -> tuple[list[Event], ...]:
    before = (boot(), connect(), submit(), status("running"), progress(2))
    return (*before, landed(KILL), boot(), connect(), *events, stalled())


def test_an_unknown_word_at_the_end_stops_a_session_without_the_claim_to_resume() -> None:
    events = killed(strange("interrupted"), status("interrupted"), progress(2))
    mistake = unknown_word(bench(resumes=False).profile, history(events, faults=[KILL], resumes=False))
    assert mistake is not None
    assert 'words = { failed = ["interrupted"] }' in str(mistake)


@pytest.mark.parametrize(
    "events",
    [
        killed(status("running"), progress(2)),  # a known word: the server stands still
        killed(strange("crunching"), status("crunching"), progress(2), progress(4)),  # it goes on with that word
        (*killed(strange("x"), status("x"))[:-1], status("completed"), output("abcdef"), end()),  # something follows it
        (boot(), connect(), submit(), exits(), end("the server ended by itself")),
    ],
)
def test_no_other_end_is_taken_for_a_word_that_nobody_knows(events: Events) -> None:
    run = history(events, faults=[KILL], resumes=False)
    assert unknown_word(bench(resumes=False).profile, run) is None


def test_who_claims_to_resume_is_judged_and_not_asked_for_words() -> None:
    run = history(killed(strange("interrupted"), status("interrupted")), faults=[KILL])
    assert unknown_word(bench().profile, run) is None


def test_a_status_call_that_the_tool_does_not_take_is_the_profiles_mistake() -> None:
    tools = {"start": SCHEMA, "job_status": {"required": ["job_id"], "properties": {"job_id": {"type": "string"}}}}
    gone = [Event("client-0", Type.FAIL, Op.STATUS, {"error": "field required"}, "t")]
    text = said(UsageError, bench(tools), boot(), connect(), submit(), gone, failed("vanished"))
    assert "job_status refuses its [contract] status arguments: 'job_id' is required and missing" in text
    assert 'status = { tool = "job_status", arguments = { job_id = "{handle}" } }' in text


def test_a_status_tool_that_forgets_is_the_servers_fault() -> None:
    gone = [Event("client-0", Type.FAIL, Op.STATUS, {"error": "unknown job t"}, "t")]
    said(SubjectError, bench(), boot(), connect(), submit(), gone, failed("vanished"), end())


def test_a_job_that_is_refused_before_it_has_begun_is_no_fault_and_any_other_is() -> None:
    refused = [boot(), connect(), failed(), end()]
    assert refusal(history(refused)) is not None
    assert refusal(history([boot(), connect(), submit(), failed(), end()])) is None
    assert refusal(history([boot(), connect(), progress(2), failed(), end()])) is None
    assert refusal(history([boot(), connect(), failed("vanished"), end()])) is None
    assert refusal(history(refused, faults=[KILL])) is None
    assert refusal(history([DONE, output("abcdef"), end()])) is None
