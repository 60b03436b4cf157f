"""The table of statuses: what it says is what Python, SQL and each statement of the store do, and no other table is."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference_server
from reference_server.errors import Superseded
from reference_server.lifecycle import (
    INITIAL,
    MOVES,
    RUNNABLE,
    STATUSES,
    TERMINAL,
    UNFINISHED,
    Event,
    Status,
    after,
    among,
    assignment,
    condition,
)
from reference_server.schema import connect, prepare
from reference_server.store import Store
from reference_server.task import Checkpoint, Submission

SOURCES = Path(reference_server.__file__).parent


def courses() -> st.SearchStrategy[list[Event]]:
    """What may happen to one task, one after the other, whether it is for it or not."""
    return st.lists(st.sampled_from(Event), max_size=30)


def followed(course: list[Event]) -> Iterator[Status]:
    """Each status that a new task has on its course."""
    status = INITIAL
    yield status
    for event in course:
        status = after(status, event) or status
        yield status


# --- the table itself


def test_every_event_has_its_row() -> None:
    assert set(MOVES) == set(Event)
    assert all(sources and len(set(sources)) == len(sources) for sources, _ in MOVES.values())


@given(st.sampled_from(TERMINAL), st.lists(st.sampled_from(Event), min_size=1))
def test_a_terminal_status_has_no_exit(status: Status, course: list[Event]) -> None:
    assert [after(status, event) for event in course] == [None] * len(course)


@given(courses())
def test_whatever_happens_what_has_ended_has_ended_once_and_stays_so(course: list[Event]) -> None:
    statuses = list(followed(course))
    ended = [status for status in statuses if status in TERMINAL]
    assert len(set(ended)) <= 1
    assert statuses[len(statuses) - len(ended) :] == ended


def test_every_status_is_reached_and_none_that_is_unfinished_is_a_dead_end() -> None:
    reached = {INITIAL}
    while found := {to for status in reached for event in Event if (to := after(status, event))} - reached:
        reached |= found
    assert reached == set(Status)
    for status in UNFINISHED:
        assert after(status, Event.CANCEL) in TERMINAL


@given(st.sampled_from(Status), st.sampled_from(Event))
def test_an_event_leads_to_its_one_status_or_nowhere(status: Status, event: Event) -> None:
    sources, to = MOVES[event]
    assert after(status, event) == ((to or status) if status in sources else None)


def test_the_groups_of_statuses_are_what_the_documents_say() -> None:
    assert STATUSES == ("pending", "running", "paused", "input_required", "completed", "failed", "cancelled")
    assert TERMINAL == ("completed", "failed", "cancelled")
    assert UNFINISHED == ("pending", "running", "paused", "input_required")
    assert RUNNABLE == ("pending", "running")


# --- the table in SQLite

PAIRS = [(status, event) for status in Status for event in Event]


@pytest.fixture(scope="module")
def rows() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("CREATE TABLE tasks (status TEXT NOT NULL)")
        yield db


@pytest.mark.parametrize(("status", "event"), PAIRS)
def test_sql_and_python_read_the_same_from_the_table(rows: sqlite3.Connection, status: Status, event: Event) -> None:
    rows.execute("DELETE FROM tasks")
    rows.execute("INSERT INTO tasks VALUES (?)", (status.value,))
    changed = rows.execute(f"UPDATE tasks SET {assignment(event)} WHERE {condition(event)}").rowcount
    expected = after(status, event)
    assert changed == (expected is not None)
    assert rows.execute("SELECT status FROM tasks").fetchone() == (expected or status,)


@given(st.sets(st.sampled_from(Status), min_size=1))
def test_a_group_of_statuses_is_the_same_in_sql(group: set[Status]) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE tasks (status TEXT NOT NULL)")
        db.executemany("INSERT INTO tasks VALUES (?)", [(status,) for status in STATUSES])
        found = {status for (status,) in db.execute(f"SELECT status FROM tasks WHERE {among(group)}")}
    assert found == group


# --- the table in the store's statements


def happens(store: Store, event: Event) -> bool:
    """Let an event happen to the task, as its worker or its owner would; whether it was for it."""
    task = store.get("t")
    writes: dict[Event, Callable[[], object]] = {
        Event.CLAIM: lambda: store.claim("t", "me", []),
        Event.COMMIT: lambda: store.commit_batch(task, ["{}"], Checkpoint(1, "d", "m")),
        Event.ASK: lambda: store.ask(task, {"key": {}}),
        Event.SETTLE: lambda: store.settle(task),
        Event.COMPLETE: lambda: store.complete(task, {}, keep=True, place=lambda: None),
        Event.FAIL: lambda: store.fail(task, "no"),
        Event.PAUSE: lambda: store.pause("t"),
        Event.RESUME: lambda: store.resume("t"),
        Event.ANSWER: lambda: store.answer("t", {"one": {}}),
        Event.ANSWER_THE_LAST: lambda: store.answer("t", {"one": {}, "two": {}}),
        Event.CANCEL: lambda: store.cancel("t"),
    }
    try:
        with store.transaction():
            return writes[event]() is not False
    except Superseded:
        return False


@pytest.mark.parametrize(("status", "event"), PAIRS)
def test_each_statement_of_the_store_does_what_the_table_says(tmp_path: Path, status: Status, event: Event) -> None:
    prepare(tmp_path / "tasks.db")
    with closing(Store(tmp_path / "tasks.db")) as store, closing(connect(tmp_path / "tasks.db")) as beside:
        with store.transaction():
            store.submit("t", Submission("kind", "key", {}, total=4, batch_size=2), most_unfinished=1)
        beside.execute('UPDATE tasks SET status = ?, prompts = \'{"one": 1, "two": 2}\'', (status.value,))
        before, expected = store.get("t"), after(status, event)
        assert happens(store, event) == (expected is not None)
        found = store.get("t")
        assert found.status == (expected or status)
        if expected is None:
            assert found == before
        assert (found.completed_at is not None) == (expected in TERMINAL)


# --- no other table

SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|WHERE|SET|CASE|WHEN|IN)\b|\bstatus\s*(=|<>|!=)")
LITERAL = re.compile(rf"'({'|'.join(STATUSES)})'")


def literals(source: str) -> list[str]:
    """The texts of a module that are SQL and name a status."""
    texts = [str(node.value) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return [text for text in texts if SQL.search(text) and LITERAL.search(text)]


@pytest.mark.parametrize("path", sorted(SOURCES.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCES)))
def test_no_sql_names_a_status_outside_of_the_table(path: Path) -> None:
    assert path.name == "lifecycle.py" or literals(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "planted",
    [
        "db.execute(\"UPDATE tasks SET status = 'paused' WHERE task_id = ?\")",
        "db.execute(f\"SELECT task_id FROM tasks WHERE {x} AND status IN ('pending', 'running')\")",
        "WHERE = \"status <> 'failed'\"",
        "CASE = \"CASE status WHEN 'pending' THEN 1 END\"",
    ],
)
def test_a_planted_literal_is_found(planted: str) -> None:
    assert literals(planted)
