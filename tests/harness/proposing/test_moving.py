"""Strangers' documents, watched from a job's start to its end: status, progress, total and count are found."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.contracts.observing import progress_in as read_progress
from mcp_crashtest.model.observe_spec import ObserveSpec, Unit
from mcp_crashtest.proposing.moving import count_in, progress_in, status_in, tells_all, words_of

N = 103


def moving(make: Any, ends: Any, steps: int = 5) -> list[Any]:
    """The documents of a job: ``make`` of how many are done, and how it ends."""
    return [*(make(round(N * step / steps)) for step in range(steps)), ends]


SHAPES: dict[str, tuple[list[Any], str, str, Any, Any, str | None]] = {
    # documents, status, progress, total, unit, count
    "flag": (
        moving(
            lambda d: {"mailing": "m", "rendered": d, "of": N, "finished": False},
            {"mailing": "m", "rendered": N, "of": N, "finished": True},
        ),
        "$.finished",
        "$.rendered",
        "$.of",
        None,
        "$.rendered",
    ),
    "plain": (
        moving(lambda d: {"status": "running", "done": d, "total": N}, {"status": "completed", "done": N, "total": N}),
        "$.status",
        "$.done",
        "$.total",
        None,
        "$.done",
    ),
    "nested": (
        moving(
            lambda d: {"job": {"id": "x", "state": "RUNNING", "progress": {"current": d, "total": N}}},
            {"job": {"id": "x", "state": "FINISHED", "progress": {"current": N, "total": N}}},
        ),
        "$.job.state",
        "$.job.progress.current",
        "$.job.progress.total",
        None,
        "$.job.progress.current",
    ),
    "percent": (
        moving(
            lambda d: {"phase": "working", "percent": d / N * 100}, {"phase": "done", "percent": 100, "processed": N}
        ),
        "$.phase",
        "$.percent",
        None,
        None,
        "$.processed",
    ),
    "percent by another name": (
        moving(
            lambda d: {"status": "running", "progress": d * 100 // N}, {"status": "success", "progress": 100, "rows": N}
        ),
        "$.status",
        "$.progress",
        None,
        "percent",
        "$.rows",
    ),
    "fraction": (
        moving(lambda d: {"status": "active", "progress": d / N}, {"status": "done", "progress": 1.0, "processed": N}),
        "$.status",
        "$.progress",
        None,
        "fraction",
        "$.processed",
    ),
    "n of m in words": (
        moving(
            lambda d: {"status": "running", "progress": f"{d}/{N}"}, {"status": "completed", "progress": f"{N}/{N}"}
        ),
        "$.status",
        "$.progress",
        None,
        None,
        None,
    ),
    "a message": (
        moving(
            lambda d: {"state": "running", "message": f"Processed {d} of {N} records"},
            {"state": "completed", "message": f"Processed {N} of {N} records", "count": N},
        ),
        "$.state",
        "$.message",
        None,
        None,
        "$.count",
    ),
    "no total": (
        moving(lambda d: {"status": "running", "processed": d}, {"status": "completed", "processed": N}),
        "$.status",
        "$.processed",
        None,
        "records",
        "$.processed",
    ),
    "batches": (
        [{"status": "running", "batches_done": b, "batches_total": 11} for b in range(11)]
        + [{"status": "completed", "batches_done": 11, "batches_total": 11, "records": N}],
        "$.status",
        "$.batches_done",
        "$.batches_total",
        None,
        "$.records",
    ),
    "camel case": (
        moving(
            lambda d: {"jobState": "inProgress", "itemsProcessed": d, "itemsTotal": N},
            {"jobState": "Succeeded", "itemsProcessed": N, "itemsTotal": N},
        ),
        "$.jobState",
        "$.itemsProcessed",
        "$.itemsTotal",
        None,
        "$.itemsProcessed",
    ),
    "German": (
        moving(
            lambda d: {"zustand": "läuft", "verarbeitet": d, "gesamt": N},
            {"zustand": "fertig", "verarbeitet": N, "gesamt": N},
        ),
        "$.zustand",
        "$.verarbeitet",
        "$.gesamt",
        None,
        "$.verarbeitet",
    ),
    "beside times and pids": (
        moving(
            lambda d: {
                "id": 7,
                "pid": 4711,
                "updated_at": 1000 + d,
                "elapsed_ms": d * 3,
                "status": "running",
                "completed": d,
                "size": N,
            },
            {
                "id": 7,
                "pid": 4711,
                "updated_at": 1000 + N,
                "elapsed_ms": N * 3,
                "status": "completed",
                "completed": N,
                "size": N,
            },
        ),
        "$.status",
        "$.completed",
        "$.size",
        None,
        "$.completed",
    ),
    "a result at the end": (
        moving(
            lambda d: {"status": "pending", "progress": d, "total": N, "result": None},
            {"status": "completed", "progress": N, "total": N, "result": {"migrated": N}},
        ),
        "$.status",
        "$.progress",
        "$.total",
        None,
        "$.result.migrated",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_moves_is_found(shape: str) -> None:
    documents, status, path, total, unit, count = SHAPES[shape]
    found = status_in(documents)
    assert found is not None
    assert found.value == status
    progress = progress_in(documents, N)
    assert progress is not None
    assert (progress.path, progress.total, progress.unit) == (path, total, unit)
    counted = count_in(documents, N)
    if count is None or counted is None:
        assert (counted, count) == (None, None)
    else:
        assert counted.value in (count, path), "either is as many as there are records"


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_proposed_is_what_the_lab_reads(shape: str) -> None:
    documents = SHAPES[shape][0]
    progress = progress_in(documents, N)
    assert progress is not None
    unit = Unit(progress.unit) if progress.unit else None
    observe = ObserveSpec(progress=progress.path, total=progress.total, unit=unit)
    read = [read_progress(document, observe, N) for document in documents]
    assert read[-1] is not None, "the last document shows it"
    done, of = read[-1]
    assert done == of, "all is done at the end"
    assert [pair[0] for pair in read if pair] == sorted(pair[0] for pair in read if pair)


def test_a_flag_that_turns_with_the_last_document_alone_is_the_end_whatever_it_is_called() -> None:
    at = [{"empty": n == 3, "sweet": n > 0, "n": n} for n in range(4)]
    found = status_in(at)
    assert found is not None
    assert (found.value, found.sure) == ("$.empty", False)
    assert status_in(at[:3]) is None


NO_STATUS: list[list[Any]] = [
    [{"paid": False, "n": 1}, {"paid": True, "n": 3}],
    [{"done": True, "n": 1}, {"done": True, "n": 3}],
    [{"id": "a1b2", "n": 1}, {"id": "a1b2", "n": 3}],
    ["Processed 1/3", "Processed 3/3"],
    [None],
    [{}],
    [[1, 2], [1, 2, 3]],
]


@pytest.mark.parametrize("documents", NO_STATUS, ids=str)
def test_where_no_word_says_how_it_stands_none_is_made_up(documents: list[Any]) -> None:
    assert status_in(documents) is None


NO_PROGRESS: list[list[Any]] = [
    [{"left": 3}, {"left": 1}, {"left": 0}],  # it falls
    [{"n": 5}, {"n": 5}],  # it stands still
    [{"t_ms": 1}, {"t_ms": 20}, {"t_ms": 33}],  # a time
    [{"attempts": 1}, {"attempts": 2}],  # ends nowhere
    [{"flag": False}, {"flag": True}],
    [{"done": 1}],  # seen once
    ["text", "more text"],
    [{"n": "1e999"}, {"n": "nan"}],
]


@pytest.mark.parametrize("documents", NO_PROGRESS, ids=str)
def test_what_falls_or_ends_nowhere_is_no_progress(documents: list[Any]) -> None:
    assert progress_in(documents, N) is None


def test_a_total_alone_is_no_count() -> None:
    documents = [{"status": "running", "total": N}, {"status": "completed", "total": N}]
    assert count_in(documents, N) is None


def test_a_word_of_its_own_at_the_end_means_completed_and_a_known_one_needs_no_word() -> None:
    own = words_of(["läuft", "läuft"], "fertig", all_done=True)
    assert own is not None
    assert own.value == {"completed": ["fertig"]}
    assert words_of(["running"], "finished", all_done=True) is None
    assert words_of(["running", "sleeping"], "sleeping", all_done=False) is None, "it stands still in the middle"


@pytest.mark.parametrize(
    ("document", "all_done"),
    [
        ({"job_id": "a", "processed": 103, "total": 103}, True),
        ({"job_id": "a", "made": 103, "of": 103}, True),
        ({"job_id": "a", "message": "103 of 103 done"}, True),
        ({"job_id": "a", "progress": "103/103"}, True),
        ({"job_id": "a", "processed": 5, "total": 103}, False),
        ({"job_id": "a", "total": 103}, False),
        ({"job_id": "a", "requested": 103, "total": 103}, False),
        ({"job_id": "a", "records": 103}, False),
        ({"job_id": "a", "progress": "0/103"}, False),
        ("started", False),
    ],
)
def test_an_answer_that_tells_of_all_of_them_leaves_nothing_to_follow(document: Any, all_done: bool) -> None:
    assert tells_all(document, 103) is all_done


def test_a_number_called_as_the_argument_that_has_asked_for_it_is_no_count() -> None:
    documents = [{"items": N, "counted": 1}, {"items": N, "counted": N}]
    found = count_in(documents[1:], N, ["items"])
    assert found is not None
    assert found.value == "$.counted"
