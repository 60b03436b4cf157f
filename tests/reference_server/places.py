"""Where a test's store is: a SQLite file in its folder, or with ``--reference-store=postgres`` a database of its own.

PostgreSQL is started as the lab starts it for a profile: once in each test process, when somebody asks for it.
"""

from __future__ import annotations

import itertools
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mcp_crashtest.model.service_spec import ServiceKind, ServiceSpec
from mcp_crashtest.subjects.services import Service
from mcp_crashtest.subjects.sockets import find_free_port
from reference_server.database import Place
from reference_server.schema import prepare
from tests import warm

_names = itertools.count(1)
_started: list[Service] = []
_urls: dict[Path, str] = {}
_places: dict[str, Place] = {}
_logs = tempfile.TemporaryDirectory(prefix="postgres-log-", ignore_cleanup_errors=True)
chosen = "sqlite"


def postgres() -> Service:
    """This process's PostgreSQL; skips where there is none on this machine."""
    pytest.importorskip("psycopg")
    if not _started:
        spec = ServiceSpec("db", ServiceKind.POSTGRES)
        service = Service(spec, warm.nest().spawner, Path(_logs.name, "postgres.log"), _logs.name, find_free_port())
        warm.nest().do(service.open())
        warm.nest().do(service.start({}))
        _started.append(service)
    return _started[0]


def close() -> None:
    """End it."""
    for place in _places.values():
        place.close()
    while _started:
        warm.nest().do(_started.pop().end())


def new_url() -> str:
    """A database of its own."""
    import psycopg

    url, name = postgres().url, f"test_{next(_names)}"
    with closing(psycopg.connect(url, autocommit=True)) as session:
        session.execute(f"CREATE DATABASE {name}".encode())
    return f"{url.rpartition('/')[0]}/{name}"


def address(folder: Path, kind: str = "") -> str:
    """What ``--store`` is given for the store of this folder, which is always the same one."""
    if (kind or chosen) == "sqlite":
        return str(folder / "tasks.db")
    if folder not in _urls:
        _urls[folder] = new_url()
    return _urls[folder]


def place(folder: Path, kind: str = "") -> Path | Place:
    """The same, for whoever works on it in this process."""
    where = address(folder, kind)
    if not urlsplit(where).scheme:
        return Path(where)
    if where not in _places:
        from reference_server.postgres.place import Postgres

        _places[where] = Postgres(where)
    return _places[where]


def prepared(folder: Path, kind: str = "") -> Path | Place:
    """An empty store, or what is there."""
    where = place(folder, kind)
    if isinstance(where, Path):
        prepare(where)
    else:
        where.prepare()
    return where


def clear(folder: Path, kind: str = "") -> None:
    """Forget the store of this folder: the next look finds an empty one."""
    if _urls.pop(folder, None) is None:
        Path(address(folder, kind)).unlink()


def ask(folder: Path, statement: str, kind: str = "") -> list[tuple[Any, ...]]:
    """What the store's tables say, past our own code."""
    where = address(folder, kind)
    if not urlsplit(where).scheme:
        import sqlite3

        with closing(sqlite3.connect(f"{Path(where).as_uri()}?mode=ro", uri=True)) as db:
            return list(db.execute(statement))
    import psycopg

    with closing(psycopg.connect(where, options="-c search_path=reference_server")) as session:
        return session.execute(statement.encode()).fetchall()
