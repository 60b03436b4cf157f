"""Filling placeholders, finding values, and the digest of what is said about a subject."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.observe_spec import ObserveSpec, RecordsSpec
from mcp_crashtest.model.paths import fill, find
from mcp_crashtest.model.profile import Claims, Profile, Workload
from mcp_crashtest.model.subject_spec import SubjectSpec
from tests.harness.model.strategies import documents, tables, texts

PROFILE = Profile(
    name="mine",
    subject=SubjectSpec(command="serve --port {port}", url="http://127.0.0.1:{port}/mcp"),
    contract=ContractSpec(ContractKind.RESOURCE_TASK, "start"),
)


# --- fill


def test_a_placeholder_alone_becomes_the_value_itself() -> None:
    assert fill({"total": "{total_records}"}, {"total_records": 60}) == {"total": 60}


def test_a_placeholder_among_text_becomes_text() -> None:
    assert fill("--port {port} --db {state_dir}/x", {"port": 80, "state_dir": "/s"}) == "--port 80 --db /s/x"


def test_lists_and_tables_are_filled_within() -> None:
    assert fill([{"a": ["{n}", 3, None]}, ("{n}",)], {"n": 1}) == [{"a": [1, 3, None]}, [1]]


@pytest.mark.parametrize(
    "text", ['{"a": {"b": 1}}', "{unknown}", "{}", "{ n }", "{n", "n}", "{N}", "${HOME}", "%7Bn%7D"]
)
def test_braces_around_anything_but_a_known_name_are_left_alone(text: str) -> None:
    assert fill(text, {"n": 1}) == text


def test_what_was_filled_in_is_not_filled_again() -> None:
    assert fill("{a} {b}", {"a": "{b}", "b": "{a}"}) == "{b} {a}"


@given(documents, tables)
def test_filling_anything_with_anything_never_fails_and_keeps_its_shape(template: Any, values: dict[str, Any]) -> None:
    filled = fill(template, values)
    if not isinstance(template, str):
        assert type(filled) is type(template)
    if isinstance(template, dict):
        assert list(filled) == list(template)


@given(documents)
def test_a_template_without_known_names_is_left_as_it_is(template: Any) -> None:
    assert fill(template, {}) == template


# --- find


DOCUMENT = {"result": {"records": [{"id": "a"}, {"id": "b"}], "count": 0}, "ok": False}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DOCUMENT),
        ("$.ok", False),
        ("$.result.count", 0),
        ("$.result.records[1].id", "b"),
        ("$.result.records[2].id", None),
        ("$.result.nothing.at.all", None),
        ("$.result[0]", None),
        ("$[0]", None),
        ("$.result.records.id", None),
    ],
)
def test_the_value_at_a_path_or_none(path: str, value: object) -> None:
    assert find(DOCUMENT, path) == value


def test_indexes_may_follow_each_other() -> None:
    assert find([[1, 2], [3, 4]], "$[1][0]") == 3


@pytest.mark.parametrize("path", ["", "result", ".result", "[0]"])
def test_a_path_that_does_not_begin_at_the_root_is_a_usage_error(path: str) -> None:
    with pytest.raises(UsageError, match="must begin with"):
        find(DOCUMENT, path)


@pytest.mark.parametrize(
    "path", ["$[]", "$[x]", "$[-1]", "$[0", "$[0]x", "$[²]", "$[*]", "$['a']", "$[" + "9" * 5000 + "]"]
)
def test_a_path_with_anything_but_an_index_in_brackets_is_a_usage_error(path: str) -> None:
    with pytest.raises(UsageError, match="where an index such as"):
        find([1], path)


@given(documents, st.one_of(texts, st.text(alphabet="$.[]0189a²", max_size=10)))
def test_whatever_the_path_it_finds_something_or_nothing_or_is_a_usage_error(document: Any, path: str) -> None:
    for tried in (path, f"${path}", f"$.{path}"):
        with suppress(UsageError):
            find(document, tried)


@given(st.dictionaries(st.text("abc", min_size=1), documents, min_size=1), st.data())
def test_what_stands_under_a_name_is_found_there(document: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(document)))
    assert find(document, f"$.{name}") == document[name]


# --- what is said


def test_the_digest_changes_with_anything_but_the_folder() -> None:
    others = [
        replace(PROFILE, name="other"),
        replace(PROFILE, claims=Claims(resumes=False)),
        replace(PROFILE, workload=Workload(records=99)),
        replace(PROFILE, observe=ObserveSpec(records=RecordsSpec(key="$.id", file="f"))),
        replace(PROFILE, subject=replace(PROFILE.subject, environment={"A": "b"})),
    ]
    assert replace(PROFILE, folder="/elsewhere").digest == PROFILE.digest
    assert len({PROFILE.digest, *(other.digest for other in others)}) == 6


@pytest.mark.parametrize(("claimed_s", "liveness_s"), [(None, 10), (1, 3), (2, 6), (4, 10), (10, 10), (30, 30)])
def test_late_is_waited_for_longer_than_what_is_claimed(claimed_s: float | None, liveness_s: float) -> None:
    assert Claims(recovery_deadline_s=claimed_s).liveness_s == liveness_s


def test_the_digest_is_the_same_for_ever() -> None:
    assert PROFILE.digest == "4e29c3878e2d808a"


def test_a_profile_is_json_and_what_is_not_said_is_left_out() -> None:
    data = json.loads(json.dumps(PROFILE.to_json()))
    assert data["contract"] == {"kind": "resource-task", "tool": "start", "arguments": {}}
    assert "count" not in data["observe"]
    assert "records" not in data["observe"]


@pytest.mark.parametrize(("records", "batch", "batches"), [(1, 1, 1), (10, 3, 4), (9, 3, 3), (10, 10, 1), (11, 10, 2)])
def test_the_last_batch_may_be_short(records: int, batch: int, batches: int) -> None:
    assert Workload(records, batch).batches == batches
