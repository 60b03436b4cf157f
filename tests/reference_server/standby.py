"""Two PostgreSQLs, a primary and its standby: to be killed, promoted, set apart, and brought back together.

Each is a service as the lab starts one. The standby begins as a copy of the same folder, and a dead primary comes back
as it was, or as a copy of the one that has taken its place.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.service_spec import ServiceKind, ServiceSpec
from mcp_crashtest.subjects.products import _of_postgres
from mcp_crashtest.subjects.services import Service
from mcp_crashtest.subjects.sockets import find_free_port
from tests import warm

DEADLINE_S = 30.0
_OPTIONS = ("-c", "wal_keep_size=64", "-c", "wal_retrieve_retry_interval=100ms")
_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def until(holds: Callable[[], object], story: str, deadline_s: float = DEADLINE_S) -> None:
    deadline = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < deadline, story
        time.sleep(0.01)


def ask(service: Service, statement: str) -> Any:
    """The first column of the first row, if there is one."""
    with closing(psycopg.connect(service.url, autocommit=True)) as session:
        cursor = session.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


def _set(service: Service, name: str, value: str) -> None:
    ask(service, f"ALTER SYSTEM SET {name} = '{value}'")
    ask(service, "SELECT pg_reload_conf()")


class Pair:
    """``primary`` takes writes, ``standby`` has what it was sent; ``synchronous``: before a COMMIT is answered."""

    def __init__(self, folder: Path, *, synchronous: bool = True) -> None:
        try:
            _of_postgres("postgres")
        except SubjectError as error:
            pytest.skip(str(error))
        self.synchronous = synchronous
        self.primary, self.standby = (_service(folder, name) for name in ("first", "second"))
        self._all = (self.primary, self.standby)
        for service in self._all:
            warm.nest().do(service.open())
        warm.nest().do(self.primary.start({}))
        self._owned(self.standby, "standby.signal", "")
        self._owned(self.standby, "postgresql.auto.conf", f"primary_conninfo = '{self._conninfo}'\n")
        warm.nest().do(self.standby.start({}))
        self._follow()

    @property
    def url(self) -> str:
        """Of both, the first one first, whichever it is now."""
        where = ",".join(f"127.0.0.1:{service.port}" for service in self._all)
        return f"postgresql://postgres@{where}/postgres"

    def close(self) -> None:
        for service in self._all:
            warm.nest().do(service.end())

    # --- what befalls them

    def kill(self) -> None:
        """SIGKILL the primary, with all its processes."""
        assert warm.nest().do(self.primary.kill()).confirmed

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Within, the primary stands still, with all its processes."""
        processes = _processes(self.primary)
        try:
            _signal(processes, signal.SIGSTOP)
            yield
        finally:
            _signal(processes, signal.SIGCONT)

    def promote(self) -> None:
        """The standby becomes the primary, and waits for nobody; the old one is ``standby`` now, dead or alive."""
        _set(self.standby, "synchronous_standby_names", "")
        ask(self.standby, "SELECT pg_promote()")
        self.primary, self.standby = self.standby, self.primary

    def part(self) -> None:
        """The standby is sent nothing any more: what the primary commits from now on it will never have."""
        _set(self.standby, "primary_conninfo", "")
        until(lambda: not ask(self.primary, "SELECT count(*) FROM pg_stat_replication"), "they are apart")

    def join(self) -> None:
        """The standby is sent all that it has missed."""
        _set(self.standby, "primary_conninfo", self._conninfo)
        self._follow()

    def wait_for_a_commit_that_waits(self) -> None:
        """Somebody is in the middle of a COMMIT: it is written here, and no standby has it."""
        until(lambda: ask(self.primary, _WAITS), "somebody commits")

    def restart(self, service: Service) -> None:
        """Bring a dead one back, as it was."""
        warm.nest().do(service.restart())

    def rejoin(self) -> None:
        """The dead one becomes a copy of the primary, and its standby."""
        folder = self.standby.folder
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        owner = folder.stat()
        words = (_of_postgres("pg_basebackup"), "-D", str(folder), "-d", self._conninfo, "-R", "--no-sync")
        who: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
        subprocess.run(
            (*words, "--checkpoint=fast"), check=True, cwd=folder, stdin=subprocess.DEVNULL, timeout=DEADLINE_S, **who
        )
        self.restart(self.standby)
        self._follow()

    @property
    def _conninfo(self) -> str:
        return f"host=127.0.0.1 port={self.primary.port} user=postgres"

    def _follow(self) -> None:
        if self.synchronous:
            _set(self.primary, "synchronous_standby_names", "*")
        state = "sync" if self.synchronous else "async"
        where = f"state = 'streaming' AND sync_state = '{state}'"
        until(lambda: ask(self.primary, f"SELECT count(*) FROM pg_stat_replication WHERE {where}"), "it follows")

    def _owned(self, service: Service, name: str, text: str) -> None:
        owner, path = service.folder.stat(), service.folder / name
        path.write_text(text, encoding="utf-8")
        os.chown(path, owner.st_uid, owner.st_gid)


def _service(folder: Path, name: str) -> Service:
    spec = ServiceSpec(name, ServiceKind.POSTGRES, options=_OPTIONS)
    return Service(spec, warm.nest().spawner, folder / f"{name}.log", str(folder), find_free_port())


def _processes(service: Service) -> list[psutil.Process]:
    """The postmaster and its children."""
    leader = psutil.Process(int((service.folder / "postmaster.pid").read_text().split()[0]))
    return [leader, *leader.children(recursive=True)]


def _signal(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
