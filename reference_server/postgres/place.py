"""Where a store is in PostgreSQL: a URL."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from reference_server.database import Database
from reference_server.errors import StartError
from reference_server.postgres import migrations
from reference_server.postgres.database import PostgresDatabase
from reference_server.postgres.hosts import named
from reference_server.postgres.presence import Presence
from reference_server.postgres.sessions import Sessions, said

_STARTING_S = 10.0
# What it was that cannot be read may have been the password; the name of a parameter is not.
_SECRET = re.compile(r'(?<!query parameter: )".*"', re.DOTALL)


class Postgres:
    """See Place. One for each process that works on it. Raises StartError for what is no URL."""

    def __init__(self, url: str) -> None:
        try:
            conninfo_to_dict(url)
        except psycopg.Error as error:
            raise StartError(f"--store {url.partition(':')[0]}://...: {_SECRET.sub('...', said(error))}") from None
        self._named = named(url)
        self._sessions = Sessions(url)
        self._me = secrets.token_hex(8)

    def __str__(self) -> str:
        return self._named

    @property
    def files(self) -> Sequence[Path]:
        """See Place: none here."""
        return ()

    @property
    def reserves(self) -> bool:
        """See Place."""
        return True

    def prepare(self) -> None:
        """See Place."""
        session = self._sessions.take(_STARTING_S)
        try:
            migrations.prepare(session)
        finally:
            self._sessions.give(session)

    def name_damaged(self) -> None:
        """See Place: it has checksums of its own."""

    def connect(self, patience_s: float) -> Database:
        """See Place."""
        return PostgresDatabase(self._sessions, self._me, patience_s)

    def work(self) -> Presence:
        """See Place."""
        return Presence(self._sessions, self._me, _STARTING_S)

    def close(self) -> None:
        """See Place."""
        self._sessions.close()
