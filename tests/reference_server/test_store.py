"""The store's rules, each as a statement that matches no row: fencing, terminal statuses, submissions."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference_server.errors import Refusal, Superseded
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
        store.complete(stale, {}, "")
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
