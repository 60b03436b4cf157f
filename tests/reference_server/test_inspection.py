"""A store is looked at before it is used, in a bounded time, and what is not ours is left as it is."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reference_server import write_ahead_log
from reference_server.errors import Damaged, StartError
from reference_server.inspection import is_of_format
from reference_server.schema import connect, name_damaged_tasks, prepare
from reference_server.store import Store
from reference_server.task import Checkpoint, Task
from tests.reference_server.test_store import claimed, commit, submitted

pytestmark = pytest.mark.sqlite


@pytest.mark.parametrize("content", [b"\n", b"SQLite", b"# my notes\n" * 1000])
def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tasks.db"
    path.write_bytes(content)
    with pytest.raises(StartError, match="is not a SQLite file"):
        prepare(path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "tasks.db")
    with pytest.raises(StartError, match="is no file"):
        prepare(tmp_path / "tasks.db")


def test_a_strangers_empty_database_with_a_version_is_not_taken_for_ours(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "tasks.db")) as db:
        db.execute("PRAGMA user_version = 2")
    with pytest.raises(StartError, match="another program"):
        prepare(tmp_path / "tasks.db")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    prepare(tmp_path / "tasks.db")
    return tmp_path / "tasks.db"


def test_a_table_that_is_not_as_we_make_it_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE tasks RENAME COLUMN progress TO progresS")
    with pytest.raises(StartError, match="its tables are not those of format"):
        prepare(path)


def test_a_row_that_is_bent_is_named_and_stays_bent_whatever_is_written_to_it(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Store(path)) as store:
        for task_id in ("t", "well"):
            submitted(store, task_id, key=task_id)
        with closing(sqlite3.connect(path)) as beside, beside:
            beside.execute("UPDATE tasks SET total = 5 WHERE task_id = 't'")
        with pytest.raises(Damaged, match="the task 't' is damaged"):
            store.get("t")
        with store.transaction(), pytest.raises(Damaged):
            store.claim("t", "me", [])
        with closing(connect(path)) as ours:
            ours.execute("UPDATE tasks SET message = 'bent and sealed?' WHERE task_id = 't'")
        with pytest.raises(Damaged):
            store.get("t")
        assert [task.task_id for task in store.listed(None, None, 10)] == ["well"]
    name_damaged_tasks(path)
    assert "the task 't' is damaged" in caplog.text
    assert "'well'" not in caplog.text


def test_batches_seal_their_tasks_row_whatever_is_in_it_and_whoever_has_changed_it_between_them(path: Path) -> None:
    with closing(Store(path)) as store:
        submitted(store, key="it's", total=9, parameters={"a": "\N{SNOWMAN}\n'\""}, client_id="'", owner="\\")
        task = claimed(store)
        for message in ("one", 'it\'s\n"two"', "\N{SNOWMAN}"):
            task = batch(store, task, message)
            assert store.get("t") == task._replace(sealed=None)
        store.pause("t")
        task = batch(store, task, "paused")
        store.resume("t")
        task = batch(store, task, "by one who does not know the whole row")
        assert store.get("t") == task
        batch(store, claimed(store), "by one who does")
        assert store.get("t").step == 6


def batch(store: Store, task: Task, message: str) -> Task:
    with store.transaction():
        return store.commit_batch(task, ["{}"], Checkpoint(task.cursor + 7, "d" * task.step, message))


@pytest.mark.parametrize("bent", ["total = 5", "seal = seal + 1", "parameters = '{}', seal = 0", "owner = 'x'"])
def test_a_row_that_is_bent_under_its_worker_stays_bent_behind_its_batches(path: Path, bent: str) -> None:
    with closing(Store(path)) as store:
        submitted(store, total=9, parameters={"a": 1})
        task = batch(store, claimed(store), "whole")
        with closing(sqlite3.connect(path)) as beside, beside:
            beside.execute(f"UPDATE tasks SET {bent}")
        for message in ("bent", "and once more"):
            task = batch(store, task, message)
        with pytest.raises(Damaged, match="the task 't' is damaged"):
            store.get("t")


@pytest.mark.parametrize(
    "bent", ["UPDATE batches SET bodies = '{}'", "DELETE FROM batches", "UPDATE states SET body = 1"]
)
def test_records_and_states_that_are_bent_or_gone_are_not_read(path: Path, bent: str) -> None:
    with closing(Store(path)) as store:
        submitted(store)
        commit(store, claimed(store), b"state")
        with closing(sqlite3.connect(path)) as beside, beside:
            beside.execute(bent)
        with pytest.raises(Damaged, match="'t'"):
            store.state("t") if "states" in bent else store.bodies("t", 0, 10)


def test_a_state_that_is_gone_is_not_taken_for_none(path: Path) -> None:
    with closing(Store(path)) as store:
        submitted(store)
        commit(store, claimed(store), b"state")
        with closing(sqlite3.connect(path)) as beside, beside:
            beside.execute("DELETE FROM states")
        with store.transaction():
            task, state = store.claim("t", "me", [])
    assert task.task_id == "t"
    assert isinstance(state, Damaged)


FRAME = 24 + 4096


def files_of(path: Path) -> dict[str, bytes]:
    return {ending: Path(f"{path}{ending}").read_bytes() for ending in ("", "-wal")}


def laid(folder: Path, store: bytes, log: bytes) -> Path:
    """A store with this log, as somebody finds it whose memory of it is gone."""
    copy = folder / "copy.db"
    Path(f"{copy}-shm").unlink(missing_ok=True)
    copy.write_bytes(store)
    Path(f"{copy}-wal").write_bytes(log)
    return copy


def fault_in(store: Path) -> str | None:
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as db:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return write_ahead_log.fault(store)


def test_a_log_is_whole_wherever_its_last_transaction_is_cut_and_bent_before_that(path: Path, tmp_path: Path) -> None:
    """Bytes of the last transaction may be missing after a loss of power; those of an earlier one were flushed."""
    with closing(Store(path)) as store:
        for number in range(3):
            submitted(store, f"t{number}", key=str(number))
        files = files_of(path)
    for at, bent in ((32, True), (len(files["-wal"]) - FRAME, False)):
        for found, content in (
            (bent, files["-wal"][:at] + b"\xff" * 8 + files["-wal"][at + 8 :]),
            (False, files["-wal"][:at]),
        ):
            assert (fault_in(laid(tmp_path, files[""], content)) is not None) is found


def ends_in(log: bytes) -> list[int]:
    """Where each transaction of a log ends."""
    return [at + FRAME for at in range(32, len(log) - FRAME + 1, FRAME) if any(log[at + 4 : at + 8])]


@pytest.mark.parametrize("bit", [0, 4 * 8, 16 * 8, 24 * 8, FRAME * 8 - 1], ids=["page", "size", "sum", "first", "last"])
def test_a_bit_that_is_bent_anywhere_before_the_last_transaction_is_found(path: Path, tmp_path: Path, bit: int) -> None:
    with closing(Store(path)) as store:
        for number in range(3):
            submitted(store, f"t{number}", key=str(number))
        files = files_of(path)
    *_, last_but_one, _ = ends_in(files["-wal"])
    for at in range(32, last_but_one, FRAME):
        log = bytearray(files["-wal"])
        log[at + bit // 8] ^= 0x80
        assert fault_in(laid(tmp_path, files[""], bytes(log))), f"the frame at {at}"


def test_a_life_that_was_killed_while_it_wrote_over_what_a_killed_one_had_left_leaves_a_whole_log(
    path: Path, tmp_path: Path
) -> None:
    """What lies behind the second cut is of the first life, and has the second one's end of a transaction before it."""
    with closing(Store(path)) as store:
        submitted(store)
        before = files_of(path)
    good = len(before["-wal"])
    first, second = (after(tmp_path, before, letters) for letters in (60_000, 1))
    assert len(first) > len(second) + 2 * FRAME, "the first life's transaction is the longer one"
    for end in range(good, len(second) + 1, FRAME):
        for cut in (end, end + 24, end + 24 + 512):
            if cut <= len(second):
                log = second[:cut] + first[cut : -FRAME + 24]
                assert fault_in(laid(tmp_path, before[""], log)) is None, f"cut at {cut} of {len(second)}"
    assert fault_in(laid(tmp_path, before[""], second)) is None


def after(folder: Path, files: dict[str, bytes], letters: int) -> bytes:
    """The log behind one transaction more, which submits a task with so long a parameter."""
    copy = laid(folder, files[""], files["-wal"])
    with closing(Store(copy)) as store:
        submitted(store, "more", key="more", parameters={"text": "x" * letters})
        return files_of(copy)["-wal"]


def test_the_newest_format_is_known_by_its_digest(path: Path) -> None:
    """Else each start would make the tables anew, to compare them."""
    with closing(sqlite3.connect(path)) as db:
        assert is_of_format(db, [])
