"""The writer: what has gathered is one transaction, and nobody in it pays for another's mistake."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reference_server.errors import Refusal
from reference_server.schema import prepare
from reference_server.store import Store
from reference_server.task import Submission
from reference_server.writer import Done, Writer

DEADLINE_S = 10.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    prepare(tmp_path / "tasks.db")
    return tmp_path / "tasks.db"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    writer = Writer(path)
    yield writer
    writer.close(DEADLINE_S)


def submit(task_id: str) -> Callable[[Store], Any]:
    wanted = Submission("kind", task_id, {}, total=4, batch_size=2)
    return lambda store: store.submit(task_id, wanted, most_unfinished=10)


def test_what_was_left_is_written_at_once_and_each_is_told(writer: Writer, path: Path) -> None:
    told: list[Any] = []
    for task_id in ("a", "b", "c"):
        writer.leave(submit(task_id), lambda task, error: told.append((task.task_id, error)))
    assert writer.waiting == 3
    writer.write_all()
    assert told == [("a", None), ("b", None), ("c", None)]
    assert Store(path).counts()["pending"] == 3


@pytest.mark.parametrize(
    "mistake",
    [Refusal("no"), ValueError("a bug"), KeyError("a bug"), OSError("no space"), sqlite3.DataError("too big")],
)
def test_one_that_fails_takes_no_other_with_it_and_everybody_is_told(
    writer: Writer, path: Path, mistake: Exception
) -> None:
    told: dict[str, BaseException | None] = {}

    def fail(store: Store) -> None:
        if not isinstance(mistake, Refusal):  # which must have changed nothing
            submit("half done")(store)
        raise mistake

    asked = {"a": submit("a"), "wrong": fail, "b": submit("b")}

    def tells(name: str) -> Done:
        return lambda _, error: told.update({name: error})

    for name, ask in asked.items():
        writer.leave(ask, tells(name))
    writer.write_all()
    assert told == {"a": None, "wrong": mistake, "b": None}
    assert {task.task_id for task in Store(path).listed(None, None, 10)} == {"a", "b"}
