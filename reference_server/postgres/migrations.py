"""The tables in PostgreSQL, in a schema of their own: made, and brought up to date, by one server at a time."""

from __future__ import annotations

import psycopg

from reference_server.errors import StartError
from reference_server.postgres.sessions import SCHEMA, TIMELINE, Session, meaning, one

_LOCK = 0x4D435052
# Texts are compared byte by byte, as SQLite does: so lists have one order, whatever the database's language is.
_FORMAT_1 = f"""
CREATE TABLE tasks (
    task_id TEXT COLLATE "C" PRIMARY KEY,
    kind TEXT NOT NULL,
    submission TEXT UNIQUE,
    target TEXT,
    parameters TEXT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0,
    step BIGINT NOT NULL DEFAULT 0,
    cursor BIGINT NOT NULL DEFAULT 0,
    digest TEXT NOT NULL DEFAULT '',
    progress BIGINT NOT NULL DEFAULT 0,
    total BIGINT NOT NULL,
    batch_size BIGINT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    result TEXT,
    error TEXT,
    created_at TEXT COLLATE "C" NOT NULL,
    updated_at TEXT COLLATE "C" NOT NULL,
    completed_at TEXT COLLATE "C",
    owner TEXT COLLATE "C" NOT NULL DEFAULT '',
    client_id TEXT,
    worker TEXT,
    lasting SMALLINT NOT NULL DEFAULT 0,
    prompts TEXT NOT NULL DEFAULT '',
    answers TEXT NOT NULL DEFAULT '',
    "placing" SMALLINT NOT NULL DEFAULT 0,
    stateful SMALLINT NOT NULL DEFAULT 0,
    kept SMALLINT NOT NULL DEFAULT 1,
    seal BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
CREATE INDEX tasks_by_age ON tasks (created_at, task_id);
CREATE INDEX tasks_by_status ON tasks (status, created_at);
CREATE INDEX tasks_of_owner ON tasks (owner, status, created_at);
CREATE INDEX tasks_of_client ON tasks (owner, client_id, created_at) WHERE client_id IS NOT NULL;
CREATE INDEX tasks_by_target ON tasks (target) WHERE target IS NOT NULL;
CREATE TABLE batches (
    task_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    bodies TEXT NOT NULL,
    seal BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (task_id, position)
);
CREATE TABLE states (task_id TEXT COLLATE "C" PRIMARY KEY, body BYTEA NOT NULL, seal BIGINT NOT NULL DEFAULT 0);
CREATE TABLE workers (
    worker TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    backend INTEGER NOT NULL,
    beat_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);
CREATE VIEW living AS
    SELECT worker FROM workers
    WHERE expires_at > clock_timestamp() AND (
        beat_at < pg_postmaster_start_time()
        OR EXISTS (
            SELECT FROM pg_locks
            WHERE locktype = 'advisory' AND classid = {_LOCK} AND objid::BIGINT = number AND pid = backend AND granted
        )
    )
"""
# A standby that is promoted has been running for long, and has nobody's sessions: what counts is where a lease was
# renewed the last time.
_FORMAT_2 = f"""
ALTER TABLE workers ADD COLUMN timeline TEXT NOT NULL DEFAULT '';
CREATE OR REPLACE VIEW living AS
    SELECT worker FROM workers
    WHERE expires_at > clock_timestamp() AND (
        beat_at < pg_postmaster_start_time()
        OR timeline <> {TIMELINE}
        OR EXISTS (
            SELECT FROM pg_locks
            WHERE locktype = 'advisory' AND classid = {_LOCK} AND objid::BIGINT = number AND pid = backend AND granted
        )
    )
"""
STEPS = (_FORMAT_1, _FORMAT_2)
FORMAT = len(STEPS)
LOCK = _LOCK


def prepare(session: Session) -> None:
    """From whatever is there to the newest format, in one transaction; raises StartError, and Away."""
    with meaning():
        encoding = one(session, "SHOW server_encoding")[0]
        if encoding != "UTF8":
            raise StartError(f"the database's encoding is {encoding}: create it with ENCODING 'UTF8'")
        if _format(session) == FORMAT:
            return
        try:
            with session.transaction():
                session.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                _bring_up_to_date(session)
        except psycopg.errors.InsufficientPrivilege as error:
            raise StartError(
                f"the database does not let this user make the schema {SCHEMA} ({error.diag.message_primary}): "
                f"GRANT CREATE ON DATABASE, or CREATE SCHEMA {SCHEMA} AUTHORIZATION this user"
            ) from error


def _format(session: Session) -> int:
    """The format that is there; 0 where there is none. Raises StartError."""
    if not _is_there(session, "format"):
        return 0
    version = int(one(session, "SELECT coalesce(max(version), 0) FROM format")[0])
    if version > FORMAT:
        raise StartError(f"the store has format {version}, this server knows {FORMAT}: use the newer server")
    return version


def _is_there(session: Session, table: str) -> bool:
    return bool(one(session, "SELECT to_regclass(%s) IS NOT NULL", (f"{SCHEMA}.{table}",))[0])


def _bring_up_to_date(session: Session) -> None:
    """With the lock, without which one could see half of what another server does; it may have done it meanwhile."""
    if not one(session, "SELECT to_regnamespace(%s) IS NOT NULL", (SCHEMA,))[0]:
        session.execute(f"CREATE SCHEMA {SCHEMA}".encode())
    version = _format(session)
    if not version and _is_there(session, "tasks"):
        raise StartError(f"the schema {SCHEMA} in this database is another program's: give another database")
    session.execute("CREATE TABLE IF NOT EXISTS format (version INTEGER PRIMARY KEY, since TIMESTAMPTZ DEFAULT now())")
    for number, step in enumerate(STEPS[version:], version + 1):
        session.execute(step.encode())
        session.execute("INSERT INTO format (version) VALUES (%s)", (number,))
