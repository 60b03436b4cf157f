"""The store's file: make it, recognise it, bring an older one up to date, and leave a stranger's alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from reference_server.errors import StartError

FORMAT = 3
APPLICATION_ID = 0x4D435052
BUSY_S = 5.0
_HEADER_BYTES = 100
_APPLICATION_ID_AT = slice(68, 72)
_FIRST_PAGE_BYTES = 4096
_LEFT_BY_A_CRASH = (
    sqlite3.SQLITE_READONLY_ROLLBACK,
    sqlite3.SQLITE_READONLY_RECOVERY,
    sqlite3.SQLITE_READONLY_CANTINIT,
    sqlite3.SQLITE_READONLY_DIRECTORY,
    sqlite3.SQLITE_CANTOPEN,
)

# A task's submission is NULL once equal ones are to be new tasks; its worker is the process that executes it.
_FORMAT_1 = """
CREATE TABLE tasks (
    task_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    submission TEXT UNIQUE,
    target TEXT,
    parameters TEXT NOT NULL,
    status TEXT NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    step INTEGER NOT NULL DEFAULT 0,
    cursor INTEGER NOT NULL DEFAULT 0,
    digest TEXT NOT NULL DEFAULT '',
    progress INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL,
    batch_size INTEGER NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    result TEXT,
    error TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    completed_at TEXT
) WITHOUT ROWID;
CREATE INDEX tasks_by_age ON tasks (created_at);
CREATE INDEX tasks_by_status ON tasks (status, created_at);
CREATE TABLE records (
    task_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (task_id, position)
) WITHOUT ROWID
"""
_FORMAT_2 = """
ALTER TABLE tasks ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN client_id TEXT;
ALTER TABLE tasks ADD COLUMN worker TEXT;
ALTER TABLE tasks ADD COLUMN lasting INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN prompts TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN answers TEXT NOT NULL DEFAULT '';
CREATE INDEX tasks_of_owner ON tasks (owner, status, created_at);
CREATE INDEX tasks_of_client ON tasks (owner, client_id, created_at) WHERE client_id IS NOT NULL;
CREATE INDEX tasks_by_target ON tasks (target) WHERE target IS NOT NULL;
CREATE TABLE states (task_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID
"""
# A batch is one row, its records one JSON text a line: what is committed together lies together, behind what is there.
_FORMAT_3 = """
CREATE TABLE batches (task_id TEXT NOT NULL, position INTEGER NOT NULL, bodies TEXT NOT NULL);
INSERT INTO batches SELECT task_id, position, body FROM records ORDER BY task_id, position;
CREATE UNIQUE INDEX batches_of_task ON batches (task_id, position);
DROP TABLE records
"""
_STEPS = (_FORMAT_1, _FORMAT_2, _FORMAT_3)  # from no tables to the newest format


def connect(path: Path) -> sqlite3.Connection:
    """A connection as all of ours are: write-ahead log, flushed to the disk at each commit."""
    db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA wal_autocheckpoint = 8000")
    return db


def prepare(path: Path) -> None:
    """Make the store file if there is none, check it if there is; a file that is not ours is left as it is.

    A start that was killed may have left an empty database behind: that is taken for none. Raises StartError with
    advice.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        application, version, tables = _identity(path) if path.exists() and path.stat().st_size else (0, 0, 0)
        if application != APPLICATION_ID and (application or tables):
            raise StartError(f"{path} is a SQLite file of another program: give another --store")
        if version > FORMAT:
            raise StartError(f"the store {path} has format {version}, this server knows {FORMAT}: use the newer server")
        if version < FORMAT:
            _bring_up_to_date(path)
    except sqlite3.Error as error:
        raise StartError(
            f"the store {path} is not a SQLite file, or is damaged ({error}): move it away, or give another --store"
        ) from error


def _identity(path: Path) -> tuple[int, int, int]:
    """Whose file it is, of which format, and how many tables and indexes it has; read without changing it.

    What a crash has left for the next writer to roll back is rolled back only where the file can be nobody else's.
    """
    with path.open("rb") as file:
        application = int.from_bytes(file.read(_HEADER_BYTES)[_APPLICATION_ID_AT], "big")
    ours = application == APPLICATION_ID or (application == 0 and path.stat().st_size <= _FIRST_PAGE_BYTES)
    try:
        return _ask_identity(f"{path.resolve().as_uri()}?mode=ro")
    except sqlite3.OperationalError as error:
        if not ours or error.sqlite_errorcode not in _LEFT_BY_A_CRASH:
            raise
        return _ask_identity(path.resolve().as_uri())


def _ask_identity(uri: str) -> tuple[int, int, int]:
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S)) as db:
        application, version, tables = (
            int(db.execute(query).fetchone()[0])
            for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
    return application, version, tables


def _bring_up_to_date(path: Path) -> None:
    """From whatever format to the newest in one transaction; another process may have done it meanwhile."""
    with closing(connect(path)) as db:
        db.execute("BEGIN EXCLUSIVE")
        for step in _STEPS[db.execute("PRAGMA user_version").fetchone()[0] :]:
            for statement in step.split(";"):
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {FORMAT}")
        db.execute("COMMIT")
