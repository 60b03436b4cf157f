"""The writer: what has gathered is one transaction, and nobody in it pays for another's mistake."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reference_server.database import Place
from reference_server.errors import Refusal
from reference_server.store import Store
from reference_server.task import Submission
from reference_server.writer import Done, Writer
from tests.reference_server.places import prepared

DEADLINE_S = 10.0


@pytest.fixture
def path(tmp_path: Path) -> Path | Place:
    return prepared(tmp_path)


@pytest.fixture
def writer(path: Path | Place) -> Iterator[Writer]:
    writer = Writer(path)
    yield writer
    writer.close(DEADLINE_S)


def submit(task_id: str) -> Callable[[Store], Any]:
    wanted = Submission("kind", task_id, {}, total=4, batch_size=2)
    return lambda store: store.submit(task_id, wanted, most_unfinished=10)


def test_what_was_left_is_written_at_once_and_each_is_told(writer: Writer, path: Path | Place) -> None:
    told: list[Any] = []
    for task_id in ("a", "b", "c"):
        writer.leave(submit(task_id), lambda task, error: told.append((task.task_id, error)))
    assert writer.waiting == 3
    writer.write_all()
    assert told == [("a", None), ("b", None), ("c", None)]
    with closing(Store(path)) as store:
        assert store.counts()["pending"] == 3


@pytest.mark.parametrize(
    "mistake",
    [Refusal("no"), ValueError("a bug"), KeyError("a bug"), OSError("no space"), sqlite3.DataError("too big")],
)
def test_one_that_fails_takes_no_other_with_it_and_everybody_is_told(
    writer: Writer, path: Path | Place, mistake: Exception
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
    with closing(Store(path)) as store:
        assert {task.task_id for task in store.listed(None, None, 10)} == {"a", "b"}
