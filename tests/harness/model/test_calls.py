"""Calls as data: what two runs have in common, and in which words a call is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.model.calls import KINDS, Call, alike, missed, names, told
from mcp_crashtest.model.coordinates import Syscall, from_json, to_json
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from tests.harness.model.strategies import texts

WRITTEN = Call("pwrite", "store/tasks.db-wal", 4096, 1.0)
SYNCED = Call("fdatasync", "store/tasks.db-wal", 0, 2.0)
ANSWERED = Call("answer", "answer", 274, 3.0)

calls = st.builds(Call, st.sampled_from(KINDS), texts, st.integers(), st.floats(allow_nan=False))


def test_a_call_is_told_with_what_it_follows_and_its_batch() -> None:
    seen = [WRITTEN, SYNCED, ANSWERED]
    said = [told(seen, index, [0, 3, 3]) for index in range(3)]
    assert said == [
        "the write of 4,096 bytes to tasks.db-wal, its first",
        "the fdatasync of tasks.db-wal that follows the write of 4,096 bytes to tasks.db-wal, in batch 3",
        "the job's answer that follows the fdatasync of tasks.db-wal, in batch 3",
    ]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Call("rename", "data/out.json"), "the rename to out.json"),
        (Call("unlink", "jobs.db-journal"), "the unlink of jobs.db-journal"),
        (Call("copy", "out", 7), "the copy of 7 bytes to out"),
    ],
)
def test_other_calls_have_words_too(call: Call, words: str) -> None:
    assert str(call) == words


def test_runs_are_alike_whose_calls_differ_in_size_and_time_alone() -> None:
    longer = [Call(call.kind, call.file, call.size + 1, call.at_s + 9) for call in (WRITTEN, SYNCED)]
    assert alike([[WRITTEN, SYNCED], longer])


@pytest.mark.parametrize("other", [[SYNCED, WRITTEN], [WRITTEN], [WRITTEN, Call("fsync", SYNCED.file)]])
def test_runs_are_not_alike_whose_calls_are_others(other: list[Call]) -> None:
    assert not alike([[WRITTEN, SYNCED], other])


def test_what_one_engine_has_missed_is_counted_by_class() -> None:
    assert missed([WRITTEN], [WRITTEN, WRITTEN, SYNCED]) == {WRITTEN.name: 1, SYNCED.name: 1}
    assert missed([WRITTEN, SYNCED], [WRITTEN]) == {}
    assert names([ANSWERED]) == ["answer"]


@given(calls)
def test_a_call_survives_its_line(call: Call) -> None:
    assert Call.from_line(call.to_line()) == call


@pytest.mark.parametrize("line", ["", "[]", '{"call": "write"}', '{"call": "write", "file": "a", "size": "x"}'])
def test_a_line_that_is_no_call_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match="this is no call"):
        Call.from_line(line)


# --- as a coordinate


AT = Syscall("call", 17, "the fdatasync of tasks.db-wal")


@pytest.mark.parametrize("at", [AT, Syscall("fsync log", 2), Syscall("call", 1)])
def test_a_coordinate_survives_a_plan(at: Syscall) -> None:
    assert from_json(to_json(at)) == at


def test_a_coordinate_of_an_earlier_version_is_read() -> None:
    assert from_json({"kind": "syscall", "name": "fsync", "number": 2}) == Syscall("fsync", 2)


def test_a_fault_says_before_which_call_it_lands() -> None:
    said = [str(Fault("kill", Victim.SERVER, at)) for at in (AT, Syscall("fsync log", 2), Syscall("call", 1))]
    assert said == [
        "kill server at call 17, just before the fdatasync of tasks.db-wal",
        "kill server at call 2 of fsync log",
        "kill server at call 1",
    ]


def test_calls_are_counted_from_one() -> None:
    with pytest.raises(UsageError, match="counted from 1"):
        Syscall("call", 0)


def test_a_plan_whose_faults_land_before_calls_says_who_counts_them() -> None:
    with pytest.raises(UsageError, match="needs an engine that counts them: preload, watch"):
        Plan("every-call", "2026-07-28", (Fault("kill", Victim.SERVER, AT),))
