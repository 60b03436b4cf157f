"""Sessions of PostgreSQL: how they are opened, kept for whoever needs one next, and what their errors mean here."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, ClassVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reference_server.errors import Away, Refusal

SCHEMA = "reference_server"
LEASE_S = 5.0
_STATEMENT_S = 5.0  # the longest that there is here takes milliseconds
_LOOK_S = 0.02  # between two attempts to reach it
_KEPT = 4
_UNREACHABLE_S = 3
_SETTINGS = {
    "search_path": SCHEMA,
    "timezone": "UTC",
    "synchronous_commit": "on",
    "statement_timeout": f"{_STATEMENT_S * 1000:.0f}",
    "idle_in_transaction_session_timeout": f"{LEASE_S * 1000:.0f}",
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
}
_OURS = {
    "connect_timeout": _UNREACHABLE_S,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": _UNREACHABLE_S * 1000,
    "application_name": SCHEMA,
}


class Row(tuple[Any, ...]):
    """A row, which is asked for its columns by name or by number."""

    names: ClassVar[dict[str, int]]

    def __getitem__(self, key: Any) -> Any:
        """A column."""
        return super().__getitem__(self.names[key] if isinstance(key, str) else key)


def rows(cursor: psycopg.Cursor[Any]) -> Any:
    """What makes the rows of a cursor's answer."""
    found = cursor.pgresult
    return _kind(tuple(found.fname(n) or b"" for n in range(found.nfields))) if found else Row


@lru_cache(maxsize=512)
def _kind(names: tuple[bytes, ...]) -> type[Row]:
    return type("Row", (Row,), {"__slots__": (), "names": {name.decode(): n for n, name in enumerate(names)}})


Session = psycopg.Connection[Row]


@contextmanager
def meaning() -> Iterator[None]:
    """Within, what may pass is said as Away; a text that PostgreSQL does not have is a refusal."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError) as error:
        raise Away(said(error)) from error
    except psycopg.DataError as error:
        raise Refusal(f"the store does not take this: {said(error)}") from error


def said(error: Exception) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


class Sessions:
    """The sessions of one process at one URL. What was given back is kept, and the next one to need any has it."""

    def __init__(self, url: str) -> None:
        given = conninfo_to_dict(url)
        options = [str(given.get("options") or ""), *(f"-c {name}={value}" for name, value in _SETTINGS.items())]
        ours: dict[str, Any] = {name: value for name, value in _OURS.items() if name not in given}
        self._conninfo = make_conninfo(url, options=" ".join(options).strip(), **ours)
        self._kept: list[Session] = []
        self._lock = threading.Lock()

    def take(self, patience_s: float) -> Session:
        """A session, which is the caller's alone; raises Away where there is none to be had for so long."""
        with self._lock:
            while self._kept:
                session = self._kept.pop()
                if not session.closed:
                    return session
        until = time.monotonic() + patience_s
        while True:
            try:
                return psycopg.connect(self._conninfo, autocommit=True, row_factory=rows)
            except psycopg.Error as error:
                if time.monotonic() >= until:
                    raise Away(said(error)) from error
            time.sleep(_LOOK_S)  # somebody else's process is to come back

    def give(self, session: Session) -> None:
        """It is not needed any more, and nothing was left unfinished in it."""
        with self._lock:
            if len(self._kept) < _KEPT and not session.closed:
                self._kept.append(session)
                return
        drop(session)

    def close(self) -> None:
        """Close those that are kept."""
        with self._lock:
            kept, self._kept = self._kept, []
        for session in kept:
            drop(session)


def drop(session: Session) -> None:
    """Close a session, in whatever state it is."""
    with suppress(psycopg.Error):
        session.close()


def one(session: Session, statement: str, values: Sequence[Any] = ()) -> Row:
    """The only row of an answer."""
    row = session.execute(statement.encode(), values).fetchone()
    assert row is not None
    return row
