"""What a power cut leaves, by hand and at random: both disks keep what was synced, and lose what they may."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.model.disks import behind, changed, digest, everything, last_sync, left_by, losses, pending
from mcp_crashtest.model.losses import Data, Disk, Loss, Names, Sabotage
from mcp_crashtest.model.written import Event, Record, before_call, records_in, since, to_bytes

BOTH = pytest.mark.parametrize("disk", Disk)
A, B = 1, 2
BEGUN = Record(Event.ALL_SYNCED)
OLD = [Record(Event.CREATED, inode=A, name="log"), Record(Event.STORED, inode=A, data=b"old"), BEGUN]


def made(inode: int, name: str) -> Record:
    return Record(Event.CREATED, inode=inode, name=name)


def put(inode: int, data: bytes, at: int = 0, number: int = 0) -> Record:
    return Record(Event.STORED, number, inode, at, data=data)


def synced(inode: int) -> Record:
    return Record(Event.SYNCED, inode=inode)


def moved(inode: int, name: str, other: str) -> Record:
    return Record(Event.RENAMED, inode=inode, name=name, other=other)


FOLDER, INSIDE = (Record(Event.FOLDER_SYNCED, name=name) for name in (".", "d"))
REPLACED = [*OLD, made(B, "new"), put(B, b"new"), synced(B), moved(B, "new", "log")]


@BOTH
def test_what_was_not_synced_is_gone_and_what_lay_there_before_is_not(disk: Disk) -> None:
    records = [*OLD, put(A, b"!", 3)]
    assert behind(records, Loss(disk)) == {"log": b"old"}
    assert behind([*records, synced(A)], Loss(disk)) == {"log": b"old!"}
    assert everything(records) == {"log": b"old!"}


def test_a_rename_without_a_sync_of_its_folder_is_no_rename_on_either_disk() -> None:
    for disk in Disk:
        assert behind(REPLACED, Loss(disk))["log"] == b"old"
        assert behind([*REPLACED, FOLDER], Loss(disk)) == {"log": b"new"}
    assert behind(REPLACED, Loss(Disk.STRICT)) == {"log": b"old"}
    assert behind(REPLACED, Loss(Disk.ORDERED)) == {"log": b"old", "new": b"new"}, "its sync has carried its name"


def test_any_sync_carries_names_on_one_disk_and_none_on_the_other() -> None:
    later = [*REPLACED, put(3, b"x"), synced(3)]
    assert behind(later, Loss(Disk.ORDERED)) == {"log": b"new"}
    assert behind(later, Loss(Disk.STRICT)) == {"log": b"old"}


def test_a_file_that_was_moved_before_its_data_came_is_found_empty() -> None:
    hasty = [*OLD, made(B, "new"), put(B, b"new"), moved(B, "new", "log")]
    assert behind(hasty, Loss(names=Names.ALL)) == {"log": b""}


def test_writes_survive_by_turns() -> None:
    records = [*OLD, put(A, b"1", 3), put(A, b"2", 4), put(A, b"3", 5)]

    def left(how: Data, nth: int = 0) -> bytes | None:
        return behind(records, Loss(data=how, nth=nth, names=Names.ALL))["log"]

    assert (left(Data.FIRST, 2), left(Data.WITHOUT, 2), left(Data.ALONE, 2)) == (b"old12", b"old1\x003", b"old\x002")
    assert left(Data.FIRST, 5) == left(Data.FIRST, 2), "numbers begin anew"
    assert left(Data.TORN) == b"old12", "what lies in one sector is there or it is not"


def test_a_write_is_torn_between_sectors() -> None:
    torn = behind([*OLD, put(A, b"x" * 2000, 100)], Loss(data=Data.TORN, names=Names.ALL))["log"]
    assert torn is not None
    assert len(torn) == 1024


def test_names_survive_in_order_or_not() -> None:
    records = [BEGUN, made(A, "a"), made(B, "b")]
    assert behind(records, Loss(data=Data.ALL, names=Names.FIRST, name=1)) == {"a": b""}
    assert behind(records, Loss(Disk.STRICT, Data.ALL, 0, Names.WITHOUT, 1)) == {"b": b""}


def test_what_lies_in_a_folder_that_is_gone_is_gone_and_folders_move_with_all_that_is_in_them() -> None:
    records = [BEGUN, Record(Event.FOLDER_MADE, name="d"), made(A, "d/a"), put(A, b"1")]
    assert behind(records, Loss(Disk.STRICT, Data.ALL, 0, Names.WITHOUT, 1)) == {}
    assert behind([*records, synced(A)], Loss(Disk.STRICT)) == {"d": None}, "no disk forgets the folder"
    assert behind([*records, synced(A), INSIDE], Loss(Disk.STRICT)) == {"d": None, "d/a": b"1"}
    assert everything([*records, moved(0, "d", "e")]) == {"e": None, "e/a": b"1"}


def test_a_removal_is_undone_too_and_an_inode_may_be_used_again() -> None:
    gone = [*OLD, Record(Event.REMOVED, name="log")]
    assert behind(gone, Loss()) == {"log": b"old"}
    assert everything(gone) == {}
    assert everything([*gone, made(A, "again")]) == {"again": b""}


def test_a_file_is_cut_and_lengthened() -> None:
    assert everything([*OLD, Record(Event.CUT, inode=A, at=1)]) == {"log": b"o"}
    assert everything([*OLD, Record(Event.CUT, inode=A, at=5)]) == {"log": b"old\0\0"}


def test_a_link_is_another_name_and_a_name_from_elsewhere_is_known_by_nothing() -> None:
    linked = Record(Event.LINKED, inode=A, name="other")
    assert everything([*OLD, linked]) == {"log": b"old", "other": b"old"}
    assert everything([*OLD, moved(7, "", "came")]) == {"log": b"old", "came": b""}
    assert everything([*OLD, moved(A, "log", "")]) == {}


def test_a_file_whose_removal_is_lost_is_what_it_was_though_its_inode_is_another_ones_by_then() -> None:
    used_again = [*OLD, Record(Event.REMOVED, name="log"), made(A, "new"), put(A, b"new")]
    for disk in Disk:
        assert behind(used_again, Loss(disk)) == {"log": b"old"}
        assert behind([*used_again, synced(A)], Loss(Disk.STRICT)) == {"log": b"old"}


# --- sabotage


TWO_BATCHES = [*OLD, put(A, b"1" * 600, 3), synced(A), put(A, b"2" * 600, 603), synced(A), put(A, b"3", 1203)]


def test_sabotage_takes_what_was_promised() -> None:
    def left(how: Sabotage) -> bytes:
        return behind(TWO_BATCHES, Loss(sabotage=how))["log"] or b""

    assert left(Sabotage.DROPPED_SYNC) == b"old"
    assert left(Sabotage.EARLY_ANSWER) == b"old" + b"1" * 600
    torn = left(Sabotage.TORN_WRITE)
    assert len(torn) == 1203
    assert torn.startswith(b"old" + b"1" * 600 + b"2")
    assert torn.endswith(b"\0")


def test_the_last_sync_is_one_that_has_made_something_durable() -> None:
    assert last_sync([*TWO_BATCHES[:-1], synced(A)]) == 6
    assert last_sync(OLD) is None
    assert behind(OLD, Loss(sabotage=Sabotage.EARLY_ANSWER)) == {"log": b"old"}


# --- at random


INODES, NAMES = st.integers(1, 4), st.sampled_from(["a", "b", "d/a", "d/b"])
RECORDS = st.lists(
    st.one_of(
        st.builds(made, INODES, NAMES),
        st.builds(put, INODES, st.binary(min_size=1, max_size=1200), st.integers(0, 1500)),
        st.builds(lambda inode, at: Record(Event.CUT, inode=inode, at=at), INODES, st.integers(0, 900)),
        st.builds(synced, INODES),
        st.sampled_from([FOLDER, Record(Event.FOLDER_SYNCED, name="d"), Record(Event.FOLDER_MADE, name="d"), BEGUN]),
        st.builds(lambda name, other: moved(9, name, other), NAMES, NAMES),
        st.builds(lambda name: Record(Event.REMOVED, name=name), NAMES),
    ),
    max_size=14,
)


@given(RECORDS, st.sampled_from(Disk))
def test_behind_a_sync_of_everything_no_cut_takes_anything(records: list[Record], disk: Disk) -> None:
    kept = [*records, BEGUN]
    state = pending(kept, disk)
    assert {digest(left_by(state, loss)) for loss in losses(state, 5)} == {digest(everything(records))}


@given(RECORDS, st.sampled_from(Disk))
def test_to_lose_nothing_is_what_a_kill_leaves(records: list[Record], disk: Disk) -> None:
    assert behind(records, Loss(disk, Data.ALL, names=Names.ALL)) == everything(records)


@given(RECORDS)
def test_a_disk_that_promises_more_keeps_what_the_other_one_keeps(records: list[Record]) -> None:
    ordered, strict = (pending(records, disk) for disk in (Disk.ORDERED, Disk.STRICT))
    assert len(ordered.changes) <= len(strict.changes)


@given(RECORDS, st.sampled_from(Disk))
def test_every_loss_can_be_said_in_numbers_and_in_words(records: list[Record], disk: Disk) -> None:
    found = list(losses(pending(records, disk), 4))
    assert all(Loss.from_settings(loss.to_settings()) == loss for loss in found)
    assert len({str(loss) for loss in found}) == len(found) == len(set(found))


@given(RECORDS)
def test_records_are_what_was_written_down_and_a_torn_one_ends_them(records: list[Record]) -> None:
    said = b"".join(map(to_bytes, records))
    assert list(records_in(said)) == records
    assert list(records_in(said + b"W\0\0")) == records
    assert list(records_in(said[:-1])) == records[:-1]


# --- what is said


@pytest.mark.parametrize(
    "settings", [{"disk": 7.0}, {"data": -1.0}, {"sabotage": 9.0}, {"flavour": 1.0}, {"nth": float("inf")}]
)
def test_numbers_that_mean_nothing_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="says no loss"):
        Loss.from_settings(settings)


def test_all_kinds_of_loss_differ_in_words() -> None:
    kinds = [Loss(*kind) for kind in product(Disk, Data, [1], Names, [1])]
    assert len({str(loss) for loss in kinds}) == len(kinds)
    assert str(Loss(sabotage=Sabotage.EARLY_ANSWER)) == "sabotage: as if its last fsync had not come yet"


def test_records_are_found_by_the_call_that_comes_behind_them() -> None:
    records = [*OLD, put(A, b"1", number=2), synced(A), put(A, b"2", number=5)]
    assert [before_call(records, number) for number in (1, 2, 3, 5, 6)] == [3, 3, 5, 5, 6]
    assert since(records) == 3
    assert since([]) == 0
    assert changed({"a": b""}, {}) == ["a"]
