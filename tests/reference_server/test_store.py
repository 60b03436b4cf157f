"""The store's rules, each as a statement that matches no row: fencing, terminal statuses, submissions."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from reference_server.errors import Refusal, StartError, Superseded
from reference_server.store import Checkpoint, Store, Task, prepare

AFTER = Checkpoint(cursor=1, digest="d", message="m")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    prepare(tmp_path / "tasks.db")
    return Store(tmp_path / "tasks.db")


def submitted(store: Store, task_id: str = "t", submission: str = "s", target: str | None = None) -> Task:
    return store.submit(task_id, "kind", submission, {}, total=4, batch_size=2, target=target)


def commit(store: Store, task: Task, *, last: bool = False) -> Task:
    return store.commit_batch(task, ["{}", "{}"], AFTER, written=lambda: None, last=last)


def test_a_worker_that_was_replaced_writes_nothing(store: Store) -> None:
    submitted(store)
    stale, fresh = store.claim("t"), store.claim("t")
    commit(store, fresh)
    with pytest.raises(Superseded):
        commit(store, stale)
    with pytest.raises(Superseded):
        store.complete(stale, {}, "", place=lambda: pytest.fail("the output was put in place"))
    with pytest.raises(Superseded):
        store.fail(stale, "late")
    assert store.bodies("t", 0, 10) == ["{}", "{}"]
    assert store.get("t").step == 1


def test_a_batch_is_never_committed_twice(store: Store) -> None:
    submitted(store)
    task = store.claim("t")
    commit(store, task)
    with pytest.raises(Superseded):
        commit(store, task)
    assert store.get("t").progress == 2


def test_a_terminal_status_never_changes(store: Store) -> None:
    submitted(store)
    task = commit(store, store.claim("t"))
    done = commit(store, task, last=True)
    assert done.status == "completed"
    assert not store.cancel("t")
    with pytest.raises(Superseded):
        store.claim("t")
    with pytest.raises(Superseded):
        store.fail(done, "late")
    assert store.get("t").status == "completed"


def test_a_cancelled_task_takes_no_further_batch(store: Store) -> None:
    submitted(store)
    task = store.claim("t")
    assert store.cancel("t")
    with pytest.raises(Superseded):
        commit(store, task)
    assert store.bodies("t", 0, 10) == []


def test_a_transaction_that_is_broken_off_leaves_nothing(store: Store) -> None:
    submitted(store)
    task = store.claim("t")

    def killed() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.commit_batch(task, ["{}"], AFTER, written=killed, last=False)
    assert store.bodies("t", 0, 10) == []
    assert store.get("t").progress == 0


def test_equal_submissions_are_one_task_until_it_is_cancelled(store: Store) -> None:
    assert submitted(store, "a").task_id == submitted(store, "b").task_id == "a"
    store.cancel("a")
    assert submitted(store, "c").task_id == "c"


def test_a_target_has_one_unfinished_writer(store: Store) -> None:
    submitted(store, "a", "1", target="file")
    with pytest.raises(Refusal, match="another task is writing"):
        submitted(store, "b", "2", target="file")
    store.cancel("a")
    assert submitted(store, "b", "2", target="file").task_id == "b"


def test_counts_and_lists_agree(store: Store) -> None:
    for name in "abc":
        submitted(store, name, name)
    store.cancel("b")
    assert store.counts() == {"pending": 2, "running": 0, "completed": 0, "failed": 0, "cancelled": 1}
    assert {task.task_id for task in store.listed("pending", 10)} == {"a", "c"}
    assert len(store.listed(None, 2)) == 2


def test_a_task_is_cancelled_or_its_output_appears_but_never_both(store: Store) -> None:
    submitted(store)
    task = commit(store, store.claim("t"))
    placed: list[bool] = []
    store.complete(task, {"n": 2}, "done", place=lambda: placed.append(True))
    assert placed
    assert not store.cancel("t")
    submitted(store, "u", "u")
    task = store.claim("u")
    assert store.cancel("u")
    with pytest.raises(Superseded):
        store.complete(task, {"n": 2}, "done", place=lambda: placed.append(False))
    assert placed == [True]


def test_an_output_that_cannot_be_put_in_place_leaves_the_task_unfinished(store: Store) -> None:
    submitted(store)
    task = commit(store, store.claim("t"))

    def full() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.complete(task, {}, "", place=full)
    assert store.get("t").status == "running"
    assert store.bodies("t", 0, 10) == ["{}", "{}"]


MAKING = """
import sys
from pathlib import Path
from reference_server.store import prepare
print("now", flush=True)
prepare(Path(sys.argv[1]))
"""


def test_a_first_start_that_was_killed_at_any_moment_does_no_harm(tmp_path: Path) -> None:
    """Many kills at random moments: before the file, with an empty one, in its first transaction, and after."""
    moments = random.Random(7)
    sizes = set()
    for number in range(40):
        path = tmp_path / f"{number}.db"
        with subprocess.Popen([sys.executable, "-c", MAKING, str(path)], stdout=subprocess.PIPE, text=True) as making:
            assert making.stdout
            making.stdout.readline()
            time.sleep(moments.uniform(0, 0.012))
            making.kill()
        sizes.add(path.stat().st_size if path.exists() else None)
        prepare(path)
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert len(sizes) >= 2, "every kill hit the same moment"


def test_an_empty_database_is_taken_for_none_and_a_strangers_for_what_it_is(tmp_path: Path) -> None:
    empty, foreign = tmp_path / "empty.db", tmp_path / "foreign.db"
    with closing(sqlite3.connect(empty)) as db:
        db.execute("PRAGMA journal_mode = WAL")
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("PRAGMA application_id = 77")
    before = foreign.read_bytes()
    assert empty.stat().st_size > 0
    prepare(empty)
    with pytest.raises(StartError, match="another program"):
        prepare(foreign)
    assert foreign.read_bytes() == before
