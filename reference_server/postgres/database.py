"""A connection to PostgreSQL as ``database`` has it: one session while it lasts, then another."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import psycopg

from reference_server.database import Answer, Values
from reference_server.errors import Away, Unknown
from reference_server.postgres.sessions import Session, Sessions, drop, meaning, said

CHANNEL = "reference_server"
_WRITABLE = (
    "SELECT current_setting('transaction_read_only') = 'on',"
    " current_setting('synchronous_standby_names') <> '' AND NOT EXISTS (SELECT FROM pg_stat_replication)"
)
_PLACEHOLDER = re.compile(r"\?|(?<![:\w]):(\w+)")


class PostgresDatabase:
    """See Database."""

    seals = False
    octets = "octet_length(bodies)"

    def __init__(self, sessions: Sessions, me: str, patience_s: float) -> None:
        self._sessions = sessions
        self._me = me
        self._patience_s = patience_s
        self._session: Session | None = None
        self._begun = False

    @property
    def in_transaction(self) -> bool:
        """See Database."""
        return self._begun

    def execute(self, statement: str, values: Values = (), /) -> Answer:
        """See Database. Outside of a transaction, where nothing is written, it is asked again in another session."""
        session = self._at_hand()
        try:
            with meaning():
                return session.execute(_translated(statement), values)
        except Away:
            if self._begun or not session.closed:
                raise
        with meaning():
            return self._another().execute(_translated(statement), values)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> None:
        """See Database."""
        with meaning():
            self._at_hand().cursor().executemany(_translated(statement), rows)

    def begin(self) -> None:
        """See Database."""
        session = self._at_hand()
        try:
            with meaning():
                session.execute(b"BEGIN")
        except Away:
            if not session.closed:
                raise
            with meaning():
                self._another().execute(b"BEGIN")
        self._begun = True

    def commit(self) -> None:
        """See Database. PostgreSQL says ROLLBACK, and calls it no error, where a statement has failed before.

        Nor is it one that somebody has ended the wait for the standby: then it only warns.
        """
        assert self._session
        self._begun = self._session.warned = False
        try:
            ended = self._session.execute(b"COMMIT").statusmessage
        except psycopg.Error as error:
            if self._session.closed:
                raise Unknown(f"the connection was lost as it was written ({said(error)})") from error
            raise Away(said(error)) from error
        if ended != "COMMIT":
            raise Away(f"the transaction ended with {ended}")
        if self._session.warned:
            drop(self._session)
            raise Unknown("it was written, and it is not known whether a standby has it")

    def rollback(self) -> None:
        """See Database."""
        assert self._session
        self._begun = False
        try:
            self._session.execute(b"ROLLBACK")
        except psycopg.Error:
            drop(self._session)

    def close(self) -> None:
        """See Database."""
        if self._session:
            if self._begun:
                self.rollback()
            self._sessions.give(self._session)
        self._session = None

    def check_writable(self) -> None:
        """See Database: a standby, and one that was told to be read-only, would say so to each batch.

        A primary whose standby is away would say nothing at all.
        """
        read_only, alone = self.execute(_WRITABLE).fetchone()
        if read_only:
            raise OSError(errno.EROFS, "the database is read-only")
        if alone:
            raise Away("no standby follows the database, which answers to no COMMIT before one has it")

    def reserve(self, owner: str) -> None:
        """See Database."""
        self.execute("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", (owner,))

    def hold(self, task_id: str) -> bool:
        """See Database."""
        held = self.execute("SELECT 1 FROM tasks WHERE task_id = ? FOR UPDATE SKIP LOCKED", (task_id,))
        return held.fetchone() is not None

    def elsewhere(self, workers: Sequence[str]) -> tuple[str, Sequence[str]]:
        """See Database: who lives is asked of the database, by its own clock, in the statement that depends on it."""
        marks = ", ".join("?" for _ in workers) or "''"
        living = "worker IN (SELECT worker FROM living WHERE worker <> ?)"
        return f"worker IN ({marks}) OR {living}", [*workers, self._me]

    def announce(self, task_id: str) -> None:
        """See Database."""
        self.execute("SELECT pg_notify(?, ?)", (CHANNEL, f"{self._me} {task_id}"))

    def _at_hand(self) -> Session:
        """The session; another one where it was lost, but not within a transaction, which was lost with it."""
        if self._session is None or not (self._begun or self._sessions.is_good(self._session)):
            if self._session:
                drop(self._session)
            self._session = self._sessions.take(self._patience_s)
        return self._session

    def _another(self) -> Session:
        """A new session: those that were kept are as old as the one that was lost, and have what it had."""
        self._sessions.close()
        self._session = self._sessions.take(self._patience_s)
        return self._session


@lru_cache(maxsize=512)
def _translated(statement: str) -> bytes:
    """A statement with the placeholders of this driver."""
    text = statement.replace("%", "%%")
    return _PLACEHOLDER.sub(lambda found: f"%({found[1]})s" if found[1] else "%s", text).encode()
