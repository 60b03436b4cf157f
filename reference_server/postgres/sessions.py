"""Sessions of PostgreSQL: how they are opened, kept for whoever needs one next, and what their errors mean here."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reference_server.errors import Away, Refusal
from reference_server.postgres.hosts import hosts_in

T = TypeVar("T")
SCHEMA = "reference_server"
LEASE_S = 5.0
_STATEMENT_S = 5.0  # the longest that there is here takes milliseconds
_ANSWER_S = _STATEMENT_S + 2.0
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

# A primary that was restarted shows what it had written when it died, also what no standby has: nobody is to be told
# of that, as it would be gone when the standby is promoted. So this waits until the standby has all that is visible.
_SETTLED = (
    b"SELECT CASE WHEN current_setting('synchronous_standby_names') <> ''"
    b" THEN pg_logical_emit_message(true, 'reference_server', '') END"
)
TIMELINE = "left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)"


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


class Session(psycopg.Connection[Row]):
    """A connection that waits for no answer for ever.

    PostgreSQL ends a statement, but not the wait of a COMMIT for a standby, nor itself where it stands still: then the
    connection is lost, as if somebody had cut it. ``timeline`` is the primary's, and 0 where one host alone is named;
    ``warned``: it was told that something is not as it should be.
    """

    timeline = 0
    warned = False

    def wait(self, gen: PQGen[T], *arguments: Any, **named: Any) -> T:
        """See psycopg."""
        return super().wait(self._bounded(gen), *arguments, **named)

    def _bounded(self, gen: PQGen[T]) -> Generator[Any, Any, T]:
        until = time.monotonic() + _ANSWER_S
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > until:
                    self.close()
                    raise psycopg.OperationalError(f"there was no answer within {_ANSWER_S:g} s")
                wanted = gen.send(ready)
        except StopIteration as end:
            answer: T = end.value
            return answer

    def heed(self, notice: psycopg.errors.Diagnostic) -> None:
        """Take note of what it is told beside its answers."""
        self.warned |= notice.severity_nonlocalized == "WARNING"


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
        ours["options"] = " ".join(options).strip()
        self._hosts = [make_conninfo(url, **ours, **host) for host in hosts_in(given)]
        self._timeline = 0
        self._kept: list[Session] = []
        self._lock = threading.Lock()

    def take(self, patience_s: float) -> Session:
        """A session, which is the caller's alone; raises Away where there is none to be had for so long."""
        with self._lock:
            while self._kept:
                session = self._kept.pop()
                if self.is_good(session):
                    return session
                drop(session)
        until = time.monotonic() + patience_s
        while True:
            try:
                return self._open()
            except (psycopg.Error, Away) as error:
                if time.monotonic() >= until:
                    raise error if isinstance(error, Away) else Away(said(error)) from error
            time.sleep(_LOOK_S)  # somebody else's process is to come back

    def is_good(self, session: Session) -> bool:
        """Whether it lasts, and nobody was promoted since it began."""
        return not session.closed and session.timeline >= self._timeline

    @property
    def several(self) -> bool:
        """Whether more than one host is named, of which another may be promoted."""
        return len(self._hosts) > 1

    def look(self) -> None:
        """Learn whether another host was promoted, of which the sessions that last tell nothing."""
        with suppress(Away, psycopg.Error):
            drop(self._newest())

    def _open(self) -> Session:
        """A session with the primary, which has nothing that a synchronous standby does not have.

        Of several hosts all are asked: see ``hosts``.
        """
        session = self._newest() if self.several else _opened(self._hosts[0])
        try:
            session.execute(_SETTLED)
        except BaseException:
            drop(session)
            raise
        return session

    def _newest(self) -> Session:
        """A session with the latest of the primaries; raises Away."""
        found: list[Session] = []
        missed: list[str] = []
        for host in self._hosts:
            try:
                found.append(_dated(_opened(host)))
            except psycopg.Error as error:
                missed.append(said(error))
        newest = max(found, key=lambda session: session.timeline, default=None)
        for session in found:
            if session is newest and self._goes_on_with(session):
                continue
            missed.append(_overtaken(session))
            drop(session)
        if newest is None or newest.closed:
            raise Away("; ".join(missed))
        return newest

    def _goes_on_with(self, session: Session) -> bool:
        """Whether it is of the latest timeline that was ever seen; if so, that is it from now on."""
        with self._lock:
            self._timeline = max(self._timeline, session.timeline)
            return session.timeline == self._timeline

    def give(self, session: Session) -> None:
        """It is not needed any more, and nothing was left unfinished in it."""
        with self._lock:
            if len(self._kept) < _KEPT and self.is_good(session):
                self._kept.append(session)
                return
        drop(session)

    def close(self) -> None:
        """Close those that are kept."""
        with self._lock:
            kept, self._kept = self._kept, []
        for session in kept:
            drop(session)


def _opened(conninfo: str) -> Session:
    session = Session.connect(conninfo, autocommit=True, row_factory=rows)
    session.add_notice_handler(session.heed)
    return session


def _dated(session: Session) -> Session:
    """The same, with its primary's timeline; raises psycopg.Error, also where it is with a standby."""
    try:
        session.timeline = int(one(session, f"SELECT {TIMELINE}")[0], 16)
    except BaseException:
        drop(session)
        raise
    return session


def _overtaken(session: Session) -> str:
    where = f"{session.info.host}:{session.info.port}"
    return f"{where} is an old primary, of timeline {session.timeline}: another was promoted, make this its standby"


def drop(session: Session) -> None:
    """Close a session, in whatever state it is."""
    with suppress(psycopg.Error):
        session.close()


def one(session: Session, statement: str, values: Sequence[Any] = ()) -> Row:
    """The only row of an answer."""
    row = session.execute(statement.encode(), values).fetchone()
    assert row is not None
    return row
