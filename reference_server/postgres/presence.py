"""Being one of the servers of a store: a session with a lock, a lease that is renewed, and an ear for what is told.

A session ends with its process, and PostgreSQL sees that at once; then its lock is gone, and the others take over. Of a
host that is gone, or a process that stands still, the lease runs out, by the database's clock. After a restart of
PostgreSQL, and where a standby was promoted, all sessions are gone, which says nothing of those who had them: then the
lease alone counts, until they have come back. Who was taken for dead and lives does no harm: whatever it had is claimed
with a newer epoch.
"""

from __future__ import annotations

import logging
import os
import secrets
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg

from reference_server.errors import Away
from reference_server.postgres.database import CHANNEL
from reference_server.postgres.migrations import LOCK
from reference_server.postgres.sessions import LEASE_S, TIMELINE, Session, Sessions, drop, meaning, said
from reference_server.workers import PULSE_S

_FORGOTTEN = "1 hour"
_LOOK_S = 0.1  # between two attempts to reach it
_CLOSING_S = 2.0
_BEAT = (
    "INSERT INTO workers (worker, number, backend, timeline, beat_at, expires_at)"
    f" VALUES (%(me)s, %(number)s, pg_backend_pid(), {TIMELINE}, clock_timestamp(),"
    " clock_timestamp() + make_interval(secs => %(lease_s)s))"
    " ON CONFLICT (worker) DO UPDATE SET number = excluded.number, backend = excluded.backend,"
    " timeline = excluded.timeline, beat_at = excluded.beat_at, expires_at = excluded.expires_at"
).encode()
log = logging.getLogger("reference_server")


class Presence:
    """See Workers. Begins at once; raises Away where that cannot be."""

    def __init__(self, sessions: Sessions, me: str, patience_s: float) -> None:
        self.me = me
        self._sessions = sessions
        self._number = secrets.randbelow(1 << 31)
        self._heard: Callable[[str], None] | None = None
        self._stood_still, self._beat_at = 0, time.monotonic()
        self._ends, self._end = os.pipe()
        self._closing = False
        self._session = self._present(patience_s)
        self._looking = threading.Thread()  # for which a host that does not answer is no matter
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
        self._thread.start()

    def beat(self) -> None:
        """See Workers: a thread of its own does it."""

    def term(self) -> int:
        """See Workers."""
        return self._stood_still + (time.monotonic() - self._beat_at >= LEASE_S)

    def others(self) -> list[str]:
        """See Workers: the database knows them."""
        return []

    def listen(self, heard: Callable[[str], None]) -> None:
        """See Workers."""
        self._heard = heard

    def close(self) -> None:
        """See Workers."""
        self._closing = True
        os.write(self._end, b".")
        self._thread.join(_CLOSING_S)
        if not self._thread.is_alive():
            os.close(self._end)
            os.close(self._ends)

    def _present(self, patience_s: float) -> Session:
        """A session with our lock in it, and a lease that has begun."""
        session = self._sessions.take(patience_s)
        try:
            with meaning():
                session.execute("SET synchronous_commit = off")  # a lease that is lost with the power runs out earlier
                session.execute("SELECT pg_advisory_lock(%s, %s)", (LOCK, self._number))
                session.execute(f"LISTEN {CHANNEL}".encode())
                session.execute(f"DELETE FROM workers WHERE expires_at < now() - INTERVAL '{_FORGOTTEN}'".encode())
                self._renew(session)
        except BaseException:
            drop(session)
            raise
        return session

    def _renew(self, session: Session) -> None:
        asked_at = time.monotonic()
        session.execute(_BEAT, {"me": self.me, "number": self._number, "lease_s": LEASE_S})
        self._stood_still, self._beat_at = self.term(), asked_at

    def _run(self) -> None:
        while not self._closing:
            try:
                with meaning():
                    self._stay(self._session)
            except Away as error:
                log.warning("the session with the database was lost: %s", error.strerror)
                drop(self._session)
                self._come_back()
            except Exception:
                log.exception("the presence at the database failed; it goes on")
                drop(self._session)
                self._come_back()
        with suppress(psycopg.Error):
            self._session.execute("DELETE FROM workers WHERE worker = %s", (self.me,))
        drop(self._session)

    def _stay(self, session: Session) -> None:
        """Listen, and renew the lease, for as long as the session lasts."""
        renew_at = time.monotonic() + PULSE_S
        look_at = time.monotonic() + LEASE_S
        while not self._closing:
            for told in session.notifies(timeout=0):
                sender, _, task_id = told.payload.partition(" ")
                if sender != self.me and self._heard:
                    self._heard(task_id)
            if self._sessions.several and time.monotonic() >= look_at and not self._looking.is_alive():
                self._looking = threading.Thread(target=self._sessions.look, name="hosts", daemon=True)
                self._looking.start()
                look_at = time.monotonic() + LEASE_S
            if not self._sessions.is_good(session):
                raise Away("another host was promoted")
            if time.monotonic() >= renew_at:
                self._renew(session)
                renew_at = time.monotonic() + PULSE_S
            select.select([session.fileno(), self._ends], [], [], max(0.0, renew_at - time.monotonic()))

    def _come_back(self) -> None:
        """Another session. Meanwhile we may have been replaced: what was claimed must be claimed again."""
        while not self._closing:
            try:
                self._session = self._present(_LOOK_S)
            except Away as error:
                log.debug("the database is away: %s", said(error))
                time.sleep(_LOOK_S)  # somebody else's process is to come back
            else:
                self._stood_still += 1
                return
