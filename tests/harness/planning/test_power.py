"""Power cuts are planned from what an undisturbed run has written: each store that one may leave, by its latest cut."""

from __future__ import annotations

from mcp_crashtest.model.calls import ANSWER, Call, Engine
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.disks import behind
from mcp_crashtest.model.losses import Disk, Loss, Sabotage
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.written import Event, Record, before_call
from mcp_crashtest.planning.calls import Life
from mcp_crashtest.planning.power import Cut, every_cut, in_order, sabotage

BASE = Plan("power-loss", "2026-07-28", (), engine=Engine.RECORD)
LOG = 1


def job(batches: int, *, synced: bool) -> tuple[list[Record], Life]:
    """A server that appends each batch to a log: its records, and its calls as they were counted."""
    records = [Record(Event.ALL_SYNCED), Record(Event.CREATED, inode=LOG, name="log")]
    calls = [Call("fsync", "."), Call(ANSWER, "answer")]
    records.append(Record(Event.FOLDER_SYNCED, 1, name="."))
    for batch in range(batches):
        calls += [Call("write", "ledger", 9), Call("write", "log", 9)]
        records.append(Record(Event.STORED, len(calls), LOG, 9 * batch, data=b"%09d" % batch))
        if synced:
            calls.append(Call("fsync", "log"))
            records.append(Record(Event.SYNCED, len(calls), LOG))
    return records, Life(calls, [0, 0, *[1] * (len(calls) - 2)], steady=True)


def at(cut: Cut) -> int | None:
    return None if cut.at is None else cut.at.number


def test_of_a_server_that_syncs_each_batch_a_cut_may_take_the_one_that_is_under_way() -> None:
    found = every_cut(*job(3, synced=True), afterlife=True)
    lost = [len(behind(records_before(cut), cut.loss)["log"] or b"") for cut in found.cuts if at(cut) != 1]
    assert lost == [0, 9, 18], "before each fsync the batch before it is safe"
    assert [at(cut) for cut in found.cuts] == [1, 4, 7, 10], "calls on files are counted, and the answer is none"
    assert found.states > len(found.cuts)


def records_before(cut: Cut) -> list[Record]:
    records, seen = job(3, synced=True)
    assert cut.at is not None
    files = [number for number, call in enumerate(seen.calls, start=1) if call.kind != ANSWER]
    return records[: before_call(records, files[cut.at.number - 1])]


def test_of_a_server_that_syncs_nothing_the_latest_cut_takes_everything_behind_the_end() -> None:
    records, seen = job(3, synced=False)
    found = every_cut(records, seen, afterlife=True)
    first = in_order(found.cuts, seed=0)[0]
    assert (first.at, first.loss) == (None, Loss())
    assert behind(records, first.loss) == {"log": b""}
    blocking = every_cut(records, seen, afterlife=False)
    assert all(cut.at is not None for cut in blocking.cuts)


def test_a_cut_may_come_just_before_the_answer_that_ends_a_job() -> None:
    records, seen = job(2, synced=False)
    calls = [*seen.calls, Call(ANSWER, "answer")]
    found = every_cut(records, Life(calls, [*seen.batches, 1], steady=True), afterlife=False)
    assert found.cuts[-1].at is not None
    assert (found.cuts[-1].at.name, found.cuts[-1].at.number) == (ANSWER, 2)


def test_the_same_seed_gives_the_same_order_and_another_one_another() -> None:
    cuts = every_cut(*job(5, synced=False), afterlife=True).cuts
    assert in_order(cuts, 1) == in_order(cuts, 1)
    assert in_order(cuts, 1) != in_order(cuts, 2)
    assert set(in_order(cuts, 1)) == set(cuts)


def test_where_runs_differ_a_place_is_the_nth_of_its_class_that_both_have() -> None:
    records, seen = job(3, synced=True)
    other = seen.calls[:-3]
    found = every_cut(records, Life(seen.calls, seen.batches, steady=False), other, afterlife=False)
    places = {(cut.at.name, cut.at.number) for cut in found.cuts if cut.at}
    assert ("fsync log", 2) in places
    assert ("fsync log", 3) not in places


def test_sabotage_comes_within_batches_that_were_begun_and_behind_the_end() -> None:
    _, seen = job(5, synced=True)
    planned = sabotage(seen, afterlife=True)
    assert set(planned) == set(Sabotage)
    for kind, cuts in planned.items():
        assert [cut.loss.sabotage for cut in cuts] == [kind] * 3
        assert cuts[-1].at is None
        assert all("write" in str(cut.at) and "that follows the write" in str(cut.at) for cut in cuts[:-1])
    assert len({cut.at for cut in sabotage(seen, afterlife=False)[Sabotage.TORN_WRITE]}) == 3


def test_a_server_without_a_ledger_is_betrayed_in_the_second_half_of_its_job() -> None:
    _, seen = job(5, synced=True)
    silent = [call for call in seen.calls if call.file != "ledger"]
    cuts = sabotage(Life(silent, [0] * len(silent), steady=True), afterlife=False)[Sabotage.EARLY_ANSWER]
    assert all(cut.at and cut.at.number > len(silent) // 2 for cut in cuts)


def test_a_plan_says_what_is_lost_and_is_read_back() -> None:
    inside = Cut(Syscall("call", 7, "the fsync of log"), Loss(Disk.STRICT)).plan(BASE)
    assert str(inside) == (
        "power-loss server at call 7, just before the fsync of log, nothing left that was not synced, no new name (a "
        "disk that promises what POSIX does)"
    )
    behind_it = Cut(None, Loss(sabotage=Sabotage.DROPPED_SYNC)).plan(BASE)
    assert str(behind_it) == "power-loss server after the end, sabotage: as if no fsync had done anything"
    for plan in (inside, behind_it):
        assert Plan.from_json(plan.to_json()) == plan
    assert inside.digest != behind_it.digest
