"""A document as it is shown: bounded, harmless, and with the place marked at which a path ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from mcp_crashtest.model.paths import Trace, fill, placeholders, trace
from mcp_crashtest.model.showing import bounded, nearest, paths_in, pretty
from tests.harness.model.strategies import documents

JOB = {"job": {"id": "a", "state": "running", "percent": 40}, "rows": [{"n": 1}, {"n": 2}]}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.job.percent", Trace(40, "$.job.percent")),
        ("$.job.procent", Trace(None, "$.job", ".procent"[1:])),
        ("$.jbo.percent", Trace(None, "$", "jbo")),
        ("$.rows[7].n", Trace(None, "$.rows", "[7]")),
        ("$", Trace(JOB, "$")),
    ],
)
def test_a_path_is_followed_as_far_as_it_goes(path: str, found: Trace) -> None:
    assert trace(JOB, path) == found


def test_a_value_that_is_null_is_found_and_is_none() -> None:
    assert trace({"count": None}, "$.count") == Trace(None, "$.count")


def test_a_mark_stands_where_the_path_ends() -> None:
    lines = pretty(JOB, "$.job", "here").splitlines()
    assert [line for line in lines if "<-- here" in line] == ['  "job": {   <-- here']


def test_the_mark_is_shown_however_much_there_is() -> None:
    much = {f"key{n}": {"a": n} for n in range(400)}
    shown = pretty(much, "$.key300.a", "here")
    assert "<-- here" in shown
    assert len(shown.splitlines()) < 50


@given(documents)
def test_whatever_a_document_is_it_can_be_shown_and_no_terminal_is_steered(document: Any) -> None:
    shown = pretty(bounded(document), "$", "here")
    assert all(c.isprintable() or c == "\n" for c in shown)
    json.dumps(bounded(document))


def test_what_is_bounded_stands_where_it_stood() -> None:
    document = {"rows": [{"text": "x" * 10_000}] * 100, "n": 10**400}
    small = bounded(document)
    assert len(json.dumps(small)) < 1500
    assert small["rows"][0]["text"].endswith(" ...")
    assert small["rows"][-1] == "... 97 more"


def test_the_nearest_paths_come_by_their_last_step() -> None:
    paths = [path for path, _ in paths_in(JOB)]
    assert nearest("$.job.procent", paths)[0] == "$.job.percent"
    assert nearest("$.percent", paths)[0] == "$.job.percent"
    assert nearest("$.zzz", paths) == []


# --- placeholders that are paths


def test_a_placeholder_may_be_a_path() -> None:
    assert fill("job://{job.id}/{$.rows[1].n}", JOB) == "job://a/2"
    assert fill("{job.percent}", JOB) == 40


def test_a_placeholder_that_leads_nowhere_or_to_a_table_is_left_alone() -> None:
    assert fill("job://{job.name}/{job}", JOB) == "job://{job.name}/{job}"


def test_doubled_braces_are_braces() -> None:
    assert fill("Dear {{name}}, {job.id}", JOB) == "Dear {name}, a"
    assert list(placeholders({"a": ["{{name}}", "{job.id} {n}"]})) == ["job.id", "n"]
