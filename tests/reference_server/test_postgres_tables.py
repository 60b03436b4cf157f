"""The tables of the store in PostgreSQL, and the option that names it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest

from reference_server.__main__ import _place
from reference_server.errors import StartError
from reference_server.postgres import migrations
from reference_server.postgres.place import Postgres
from reference_server.postgres.sessions import Session
from reference_server.postgres.sessions import one as asked
from tests.reference_server import places
from tests.reference_server.postgres_tasks import DEADLINE_S, ask

# --- the tables


def test_many_who_start_at_once_make_the_tables_once_and_a_newer_format_is_refused() -> None:
    url = places.new_url()
    errors: list[BaseException] = []

    def start() -> None:
        try:
            with closing(Postgres(url)) as place:
                place.prepare()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert errors == []
    ask(url, f"INSERT INTO reference_server.format VALUES ({migrations.FORMAT + 1})")
    with closing(Postgres(url)) as place, pytest.raises(StartError, match="use the newer server"):
        place.prepare()


def test_who_looks_while_another_makes_the_tables_takes_them_for_no_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    url = places.new_url()
    made: list[str] = []

    def one(session: Session, query: str, values: Sequence[object] = ()) -> tuple[Any, ...]:
        found = asked(session, query, values)
        if "to_regclass" in query and not made:  # between this look and whatever comes next
            made.append(url)
            with closing(Postgres(url)) as other:
                other.prepare()
        return found

    monkeypatch.setattr("reference_server.postgres.migrations.one", one)
    with closing(Postgres(url)) as place:
        place.prepare()
    assert made


def test_a_schema_of_another_program_is_refused_and_left_as_it_is() -> None:
    url = places.new_url()
    ask(url, "CREATE SCHEMA reference_server CREATE TABLE tasks (name TEXT)")
    with closing(Postgres(url)) as place, pytest.raises(StartError, match="another program's"):
        place.prepare()
    ask(url, "SELECT name FROM reference_server.tasks")


# --- the option


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reference_server.postgres.place", None)
    with pytest.raises(StartError, match=r"pip install 'mcp-crashtest\[postgres\]'"):
        _place("postgresql://localhost/tasks")


def test_what_is_no_url_is_refused_and_a_password_is_never_shown() -> None:
    with pytest.raises(StartError, match="--store postgresql"):
        Postgres("postgresql://host/db?nonsense=1")
    assert "secret" not in str(Postgres("postgresql://me:secret@db.example.org/tasks"))
