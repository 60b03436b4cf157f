"""What the document of a finished job shows beside its records."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.contracts.shape import errors_in, shape_of, told_of


@pytest.mark.parametrize(
    ("document", "shape"),
    [
        ({"status": "completed", "result": {"n": 3}}, ["result", "status"]),
        ({"status": "completed", "result": {}, "error": None, "rows": [], "skipped": 0}, ["skipped", "status"]),
        ({"result": {"count": 3, "file": "out"}}, ["count", "file"]),
        ({"result": "text"}, ["result"]),
        ({"migrated_records": 3, "durationMs": 5, "started_at": "now", "worker_pid": 7}, ["migrated_records"]),
        ({}, []),
        ("done", None),
        ([1], None),
        (None, None),
    ],
)
def test_the_shape_is_what_says_something_and_would_say_it_after_a_restart_too(
    document: Any, shape: list[str] | None
) -> None:
    assert shape_of(document) == shape


def test_what_a_call_lists_beside_its_records_is_no_part_of_the_shape() -> None:
    """A call that is made again behind a crash lists what it has done now: nothing, where all was done before."""
    first, again = {"created": [{"name": "a"}], "total": 1}, {"created": [], "total": 1}
    assert shape_of(first, lists=False) == shape_of(again, lists=False) == ["total"]
    assert shape_of(first) != shape_of(again)


def test_a_hostile_document_has_a_bounded_shape() -> None:
    shape = shape_of({f"{n:03}" + "x" * 10_000: 1 for n in range(1000)})
    assert shape is not None
    assert len(shape) == 100
    assert max(map(len, shape)) == 100


@pytest.mark.parametrize(
    ("document", "errors"),
    [
        ({"error": "disk full"}, {"error": "disk full"}),
        ({"errors": ["a"]}, {"errors": "['a']"}),
        ({"success": False, "ok": False, "isError": True}, {"isError": "True", "success": "False", "ok": "False"}),
        ({"error": None, "errors": [], "success": True, "ok": None, "isError": False}, {}),
        ({"errors": 0}, {}),
        ("error", {}),
    ],
)
def test_a_place_that_speaks_of_an_error_is_found_and_an_empty_one_is_none(
    document: Any, errors: dict[str, str]
) -> None:
    assert errors_in(document) == errors


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (
            {"taskId": "7", "createdAt": "2026-01-01", "ttlMs": 60},
            {"id": "7", "created_at": "2026-01-01", "ttl_ms": 60},
        ),
        ({"id": 7, "created_at": 1.5, "ttl": 60}, {"id": "7", "created_at": "1.5", "ttl_ms": 60}),
        ({"ttl_s": 2}, {"ttl_ms": 2000}),
        ({"ttlMs": None, "createdAt": None}, {}),
        ({"ttlMs": "soon", "ttl": True, "createdAt": ["x"]}, {}),
        ({"ttl": -1}, {}),
        ({"ttl": float("nan")}, {}),
        ("running", {}),
    ],
)
def test_a_task_tells_who_it_is_where_it_does(task: Any, told: dict[str, Any]) -> None:
    assert told_of(task) == told
