"""Progress in whatever unit, and the journal of paths that have not found anything yet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_crashtest.contracts.job import Job, Journal
from mcp_crashtest.contracts.observing import Sight, as_count, in_records, progress_in
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.observe_spec import ObserveSpec, RecordsSpec, Unit, constant_total, of_size

PERCENT = ObserveSpec(progress="$.job.percent")


@pytest.mark.parametrize(
    ("document", "observe", "found"),
    [
        ({"progress": 3, "total": 9}, ObserveSpec(), (3, 9)),
        ({"progress": "3", "total": "9"}, ObserveSpec(), (3, 9)),
        ({"progress": "20/50"}, ObserveSpec(), (20, 50)),
        ({"progress": "40 %"}, ObserveSpec(), (40, 100)),
        ({"progress": 3}, ObserveSpec(), None),
        ({"progress": True, "total": 9}, ObserveSpec(), None),
        ({"progress": None, "total": 9}, ObserveSpec(), None),
        ({"progress": float("nan"), "total": 9}, ObserveSpec(), None),
        ({"progress": 10**30, "total": 9}, ObserveSpec(), None),
        ({"job": {"percent": 40.5}}, PERCENT, (40.5, 100)),
        ({"job": {"percent": 40.5}, "total": 50}, PERCENT, (40.5, 100)),  # a total of records beside it is not its own
        ({"job": {"percent": 4}, "all": 8}, ObserveSpec(progress="$.job.percent", total="$.all"), (4, 8)),
        ({"done": 7}, ObserveSpec(progress="$.done", total=70), (7, 70)),
        ({"done": 7}, ObserveSpec(progress="$.done", unit=Unit.RECORDS), (7, 50)),
        ({"done": 0.5}, ObserveSpec(progress="$.done", unit=Unit.FRACTION), (0.5, 1)),
        ({"done": 7}, ObserveSpec(progress="$.done", unit=Unit.PERCENT), (7, 100)),
        ("half of it is done", ObserveSpec(), None),
    ],
)
def test_progress_is_done_of_total_whatever_it_is_counted_in(document: Any, observe: ObserveSpec, found: Any) -> None:
    assert progress_in(document, observe, 50) == found


def test_a_total_that_the_profile_says_need_not_be_seen() -> None:
    assert constant_total(ObserveSpec(total=100), 50) == 100
    assert constant_total(ObserveSpec(total="$.total", unit=Unit.PERCENT), 50) is None
    assert constant_total(ObserveSpec(progress="$.done"), 50) is None


# --- what is not seen


class Seeing:
    """A client's sight, and what it has journalled."""

    def __init__(self, observe: ObserveSpec, reading: int, writing: int) -> None:
        job = Job("u", "p", ContractKind.RESOURCE_TASK, "start", {}, observe, 50, 1.0)
        self.sight = Sight(job, Journal(writing))
        self._reading = reading

    @property
    def journal(self) -> list[dict[str, Any]]:
        try:
            lines = os.read(self._reading, 1 << 16).decode().splitlines()
        except BlockingIOError:
            return []
        return [json.loads(line) for line in lines]

    @property
    def unseen(self) -> list[list[str]]:
        return [sorted(event["value"]["paths"]) for event in self.journal if event["op"] == "unseen"]


@pytest.fixture
def seeing() -> Iterator[Any]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield lambda **observe: Seeing(ObserveSpec(**observe), reading, writing)
    os.close(reading)
    os.close(writing)


def test_a_path_that_finds_nothing_is_journalled_once_with_the_document_and_how_far_it_goes(seeing: Any) -> None:
    here = seeing(progress="$.job.procent", status="$.job.state")
    for done in range(5):
        here.sight.status({"job": {"state": "running", "percent": done}}, "running")
    [event] = here.journal
    assert event["value"]["document"] == {"job": {"state": "running", "percent": 0}}
    assert event["value"]["paths"]["progress"] == {"path": "$.job.procent", "matched": "$.job", "missing": "procent"}


def test_what_is_found_late_is_found(seeing: Any) -> None:
    here = seeing(progress="$.done", total="$.total")
    here.sight.status({"status": "queued", "done": None}, "queued")
    assert here.unseen == [["progress", "total"]]
    here.sight.status({"status": "running", "done": 1, "total": 50}, "running")
    here.sight.status({"status": "running", "done": None}, "running")
    assert here.unseen == [[]]


def test_what_nobody_has_written_may_be_absent(seeing: Any) -> None:
    here = seeing()
    here.sight.status({"status": "running"}, "running")
    assert here.journal == []


def test_progress_that_goes_with_the_end_is_not_missed_at_the_end(seeing: Any) -> None:
    here = seeing(progress="$.done", total="$.total")
    here.sight.status({"status": "completed"}, "completed")
    assert here.journal == []


def test_progress_without_a_total_wants_one(seeing: Any) -> None:
    here = seeing(progress="$.done")
    here.sight.status({"status": "running", "done": 1}, "running")
    assert here.unseen == [["total"]]


def test_progress_that_is_no_number_is_of_no_use(seeing: Any) -> None:
    here = seeing(progress="$.progress", total=10)
    here.sight.status({"status": "running", "progress": {"current": 1}}, "running")
    assert here.unseen == [["progress"]]


def test_a_word_that_nobody_knows_is_journalled_once_with_those_that_are_ends(seeing: Any) -> None:
    here = seeing(words={"failed": ("kaputt",)})
    for word in ("running", "interrupted", "interrupted", "kaputt", "completed"):
        here.sight.status({"status": word}, "failed" if word == "kaputt" else word)
    [event] = here.journal
    assert (event["type"], event["op"], event["value"]["status"]) == ("info", "status", "interrupted")
    assert event["value"]["ends"][0] == "kaputt"


def test_a_profile_crosses_the_pipe_to_the_client_and_back() -> None:
    records = RecordsSpec(key="$.n", tool="rows", arguments={"id": "{id}"})
    observe = ObserveSpec(total=100.0, unit=Unit.PERCENT, words={"failed": ("x",)}, records=records)
    job = Job("u", "p", ContractKind.TOOL_TASK, "t", {}, observe, 5, 1.0, values={"port": 1})
    assert Job.from_text(job.to_text()) == job


@pytest.mark.parametrize(
    ("said", "meant"),
    [("103", 103), (" 103 ", 103), (103, 103), (None, None), ("103 rows", "103 rows"), ("-3", "-3"), ("1.5", "1.5")],
)
def test_a_count_may_be_a_text_that_is_a_whole_number(said: Any, meant: Any) -> None:
    assert as_count(said) == meant
    assert as_count("1" * 400) == "1" * 400


def test_progress_in_batches_of_a_job_of_another_size_ends_at_as_many_as_that_has() -> None:
    first = of_size(ObserveSpec(progress="$.stacks", unit=Unit.BATCHES), 103, 10)
    second = of_size(first, 93, 10)
    assert [in_records(n, constant_total(second, 93) or 0, second, 93, 10) for n in (1, 9, 10)] == [10, 90, 93]
    said = ObserveSpec(progress="$.stacks", total="$.of", unit=Unit.BATCHES)
    assert of_size(said, 93, 10) == said
    percent = ObserveSpec(progress="$.percent")
    assert of_size(percent, 93, 10) == percent
