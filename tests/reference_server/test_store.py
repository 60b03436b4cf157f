"""The store's rules, each as a statement that matches no row: fencing, terminal statuses, submissions."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.errors import Refusal, Superseded
from reference_server.store import Store
from reference_server.task import Checkpoint, Lasting, Submission, Task, now
from tests.reference_server.places import prepared

AFTER = Checkpoint(cursor=1, digest="d", message="m")
MOST = 10


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(prepared(tmp_path))
    yield opened
    opened.close()


def submitted(store: Store, task_id: str = "t", **given: Any) -> Task:
    wanted = Submission("kind", **{"key": task_id, "parameters": {}, "total": 4, "batch_size": 2, **given})
    with store.transaction():
        return store.submit(task_id, wanted, most_unfinished=MOST)


def claimed(store: Store, task_id: str = "t", worker: str = "me") -> Task:
    with store.transaction():
        return store.claim(task_id, worker, [])[0]


def commit(store: Store, task: Task, state: bytes | None = None) -> Task:
    with store.transaction():
        return store.commit_batch(task, ["{}", "{}"], Checkpoint(1, "d", "m", state))


def complete(store: Store, task: Task, place: Callable[[], None] = lambda: None) -> Task:
    with store.transaction():
        return store.complete(task, {"n": 4}, keep=True, place=place)


def test_a_worker_that_was_replaced_writes_nothing(store: Store) -> None:
    submitted(store)
    stale, fresh = claimed(store), claimed(store)
    commit(store, fresh)
    with pytest.raises(Superseded):
        commit(store, stale)
    with pytest.raises(Superseded):
        complete(store, stale, place=lambda: pytest.fail("the output was put in place"))
    with pytest.raises(Superseded):
        store.fail(stale, "late")
    with pytest.raises(Superseded):
        store.ask(stale, {"key": {}})
    assert store.bodies("t", 0, 10) == ["{}", "{}"]
    assert store.get("t").step == 1


def test_a_task_of_a_worker_that_lives_is_not_to_be_had(store: Store) -> None:
    submitted(store)
    assert store.claimable(["other"]) == [("t", "")]
    claimed(store, worker="other")
    assert store.claimable(["other"]) == []
    assert store.claimable([]) == [("t", "")]
    with pytest.raises(Superseded):
        store.claim("t", "me", ["other"])


def test_a_batch_is_never_committed_twice(store: Store) -> None:
    submitted(store)
    task = claimed(store)
    after = commit(store, task, b"state")
    with pytest.raises(Superseded):
        commit(store, task)
    assert store.get("t") == after
    assert store.state("t") == b"state"


def test_a_terminal_status_never_changes(store: Store) -> None:
    submitted(store)
    done = complete(store, commit(store, claimed(store)))
    assert done.status == "completed"
    for change in (store.cancel, store.pause, store.resume):
        assert not change("t")
    assert not store.answer("t", {"key": {}})
    with pytest.raises(Superseded):
        claimed(store)
    with pytest.raises(Superseded):
        store.fail(done, "late")
    assert store.get("t") == done


def test_a_cancelled_task_takes_no_further_batch(store: Store) -> None:
    submitted(store)
    task = claimed(store)
    assert store.cancel("t")
    with pytest.raises(Superseded):
        commit(store, task)
    assert store.bodies("t", 0, 10) == []


def test_a_paused_task_takes_the_batch_under_way_and_is_not_to_be_had_until_it_goes_on(store: Store) -> None:
    submitted(store)
    task = claimed(store)
    assert store.pause("t")
    after = commit(store, task)
    assert (after.status, after.progress) == ("paused", 2)
    with pytest.raises(Superseded):
        claimed(store)
    assert not store.pause("t")
    assert store.resume("t")
    assert claimed(store).progress == 2


def test_a_task_waits_for_all_of_its_answers_and_keeps_its_questions(store: Store) -> None:
    submitted(store)
    task = claimed(store)
    store.ask(task, {"one": {"q": 1}, "two": {"q": 2}})
    assert store.get("t").prompts == {"one": {"q": 1}, "two": {"q": 2}}
    assert not store.answer("t", {"three": {}})
    assert store.answer("t", {"one": {"action": "accept"}})
    assert (store.get("t").status, list(store.get("t").prompts)) == ("input_required", ["two"])
    assert not store.answer("t", {"one": {"action": "decline"}})
    assert store.answer("t", {"two": {"action": "accept"}})
    assert store.get("t").status == "pending"
    assert store.get("t").answers == {"one": {"action": "accept"}, "two": {"action": "accept"}}


def test_a_transaction_that_is_broken_off_leaves_nothing(store: Store) -> None:
    submitted(store)
    task = claimed(store)

    def killed() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError), store.transaction():
        store.commit_batch(task, ["{}"], AFTER, killed)
    assert store.bodies("t", 0, 10) == []
    assert store.get("t").progress == 0


@pytest.mark.parametrize(
    ("lasting", "of_completed", "of_cancelled"),
    [
        (Lasting.WHILE_UNFINISHED, "new", "new"),
        (Lasting.UNLESS_FAILED, "old", "new"),
        (Lasting.FOR_EVER, "old", "old"),
    ],
)
def test_equal_submissions_are_one_task(store: Store, lasting: Lasting, of_completed: str, of_cancelled: str) -> None:
    def again(task_id: str) -> str:
        return submitted(store, task_id, key="k", lasting=lasting).task_id

    assert again("a") == again("b") == "a"
    store.cancel("a")
    assert again("c") == {"new": "c", "old": "a"}[of_cancelled]
    if of_cancelled == "new":
        complete(store, commit(store, claimed(store, "c")))
        assert again("d") == {"new": "d", "old": "c"}[of_completed]


def test_a_key_stands_for_one_request(store: Store) -> None:
    submitted(store, "a", key="k", parameters={"n": 1})
    with pytest.raises(Refusal, match="used for another request"):
        submitted(store, "b", key="k", parameters={"n": 2})


def test_a_target_has_one_unfinished_writer(store: Store) -> None:
    submitted(store, "a", target="file")
    with pytest.raises(Refusal, match="another task is writing"):
        submitted(store, "b", target="file")
    store.cancel("a")
    assert submitted(store, "b", target="file").task_id == "b"


def test_an_owner_has_so_many_unfinished_tasks_and_no_more(store: Store) -> None:
    for number in range(MOST):
        submitted(store, f"t{number}", owner="ann")
    with pytest.raises(Refusal, match="10 unfinished tasks"):
        submitted(store, "one more", owner="ann")
    submitted(store, "another's", owner="ben")
    store.cancel("t0")
    submitted(store, "one more", owner="ann")


def test_an_owner_sees_no_other_owners_tasks(store: Store) -> None:
    submitted(store, "a", owner="ann", client_id="c")
    submitted(store, "b", owner="ben", client_id="c")
    assert store.find("b", "ann") is None
    with pytest.raises(Refusal, match="there is no task 'b'"):
        store.get("b", "ann")
    assert [task.task_id for task in store.listed("ann", None, 10)] == ["a"]
    assert [task.task_id for task in store.of_client("ann", "c", 10)] == ["a"]
    assert store.counts("ann")["pending"] == 1
    assert store.counts()["pending"] == 2


def test_counts_lists_and_pages_agree(store: Store) -> None:
    for name in "abcde":
        submitted(store, name)
    store.cancel("b")
    counts = store.counts()
    assert (counts["pending"], counts["cancelled"], sum(counts.values())) == (4, 1, 5)
    assert {task.task_id for task in store.listed(None, "pending", 10)} == set("acde")
    pages, after = [], None
    while page := store.listed(None, None, 2, after):
        pages += [task.task_id for task in page]
        after = (page[-1].created_at, page[-1].task_id)
    assert pages == list("edcba")


def test_what_is_too_old_is_forgotten_if_it_has_ended(store: Store) -> None:
    for name in "ab":
        submitted(store, name)
    commit(store, claimed(store, "a"), b"state")
    store.cancel("a")
    assert store.purge(store.get("a").created_at, 10) == 0
    assert store.purge(now(), 10) == 1
    assert (store.find("a"), store.bodies("a", 0, 10), store.state("a")) == (None, [], None)
    assert store.get("b").status == "pending"


def test_a_task_is_cancelled_or_its_output_appears_but_never_both(store: Store) -> None:
    placed: list[bool] = []
    submitted(store)
    complete(store, commit(store, claimed(store)), place=lambda: placed.append(True))
    assert placed
    assert not store.cancel("t")
    submitted(store, "u")
    task = claimed(store, "u")
    assert store.cancel("u")
    with pytest.raises(Superseded):
        complete(store, task, place=lambda: placed.append(False))
    assert placed == [True]


def test_an_output_that_cannot_be_put_in_place_leaves_the_task_unfinished(store: Store) -> None:
    submitted(store)
    task = commit(store, claimed(store))

    def full() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        complete(store, task, place=full)
    assert store.get("t").status == "running"
    assert store.bodies("t", 0, 10) == ["{}", "{}"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.integers(0, 45), st.integers(1, 45))
def test_records_are_read_from_any_position_whatever_batches_they_came_in(
    sizes: list[int], first: int, count: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(Store(prepared(Path(folder)))) as store:
        for task_id in ("s", "t", "u"):
            submitted(store, task_id)
        written: list[str] = []
        for size in sizes:
            bodies = [json.dumps(len(written) + n) for n in range(size)]
            written += bodies
            for task_id in ("s", "t", "u"):
                task = claimed(store, task_id)
                with store.transaction():
                    store.commit_batch(task, bodies, Checkpoint(1, "d", "m"))
        assert store.bodies("t", first, count) == written[first : first + count]


def test_a_record_of_two_lines_is_refused_and_nothing_is_written(store: Store) -> None:
    submitted(store)
    task = claimed(store)
    with pytest.raises(ValueError, match="line break"), store.transaction():
        store.commit_batch(task, ["1,\n2"], Checkpoint(1, "d", "m"))
    assert store.get("t") == task._replace(sealed=None)


def test_a_batch_of_too_many_characters_is_refused_and_nothing_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reference_server.limits.LONGEST_BATCH_CHARACTERS", 4)
    submitted(store)
    task = claimed(store)
    with store.transaction(), pytest.raises(Refusal, match="smaller batch_size"):
        store.commit_batch(task, ["{}", "{}"], AFTER)
    assert store.get("t") == task._replace(sealed=None)
    assert store.bodies("t", 0, 10) == []


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_a_task_does_not_end_before_it_was_made_whatever_the_clock_says(
    store: Store, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    submitted(store)
    task = claimed(store)
    monkeypatch.setattr("reference_server.store.now", lambda: "2001-01-01T00:00:00.000000+00:00")
    with store.transaction():
        match end:
            case "complete":
                store.complete(task, {}, keep=True, place=lambda: None)
            case "fail":
                store.fail(task, "why")
            case _:
                store.cancel("t")
    ended = store.get("t")
    assert ended.completed_at
    assert ended.created_at <= ended.updated_at <= ended.completed_at


def test_a_clock_that_is_set_back_does_not_take_an_update_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted(store)
    task = commit(store, claimed(store))
    monkeypatch.setattr("reference_server.store.now", lambda: "2001-01-01T00:00:00.000000+00:00")
    after = commit(store, task)
    assert after.updated_at == task.updated_at == store.get("t").updated_at
    assert store.pause("t")
    assert store.get("t").updated_at == task.updated_at
