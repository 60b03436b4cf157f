"""``python -m reference_server``: read the options, bind, serve, and stop without losing anything.

Once it serves it prints one line of JSON to standard output: ready, host, port, url, pid, protocols, store.
Exit codes: 0 stopped by SIGTERM or SIGINT, 2 it cannot start as it was told to, 75 the store cannot be written now:
nothing is wrong with what is there, start it again when there is room.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from datetime import timedelta
from os import EX_TEMPFAIL
from pathlib import Path

import uvicorn
from fastmcp.server.auth.auth import AuthProvider
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from reference_server import limits, logs, options
from reference_server.app import build
from reference_server.auth import SignedTokens, read_tokens, signed_tokens
from reference_server.crashpoints import VARIABLE, CrashPoints
from reference_server.data_root import DataRoot
from reference_server.database import Place
from reference_server.effects import Effects
from reference_server.engine import Engine, Settings
from reference_server.errors import NoRoom, StartError
from reference_server.folders import make_folder
from reference_server.quotas import Quotas
from reference_server.serving import Guard, Serving, listen
from reference_server.sessions import Sessions
from reference_server.shares import Shares
from reference_server.sqlite_file import SqliteFile
from reference_server.sqlite_terms import is_passing
from reference_server.standard_input import EndableInput

_GRACE_S = 2
_POSTGRES = ("postgresql://", "postgres://")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal comes."""
    try:
        given = options.read(arguments)
        logs.set_up(given.log_level, given.log_format)
        users = _users(given)
        if given.stdio:
            _serve_stdio(_engine(given), users)
        else:
            _serve_http(given, users)
    except StartError as error:
        print(f"reference_server: {error}", file=sys.stderr)
        sys.exit(EX_TEMPFAIL if isinstance(error, NoRoom) else 2)


def _users(given: argparse.Namespace) -> AuthProvider | None:
    if given.tokens:
        return read_tokens(given.tokens)
    if given.users:
        return signed_tokens(SignedTokens(given.jwks_url, given.jwt_key, given.issuer, given.audience))
    return None


def _engine(given: argparse.Namespace) -> Engine:
    """The engine, with its store open; raises StartError."""
    store = _place(given.store)
    try:
        make_folder(given.data_root)
        points = CrashPoints(os.environ.get(VARIABLE, ""))
        private = [*store.files, *filter(None, [given.effects_file, given.tokens])]
        root = DataRoot(given.data_root, private, divided=given.users and not given.common_data)
        effects = Effects(given.effects_file)
        retention = None if given.retention_days is None else timedelta(days=given.retention_days)
        quotas = Quotas(given.tasks_kept, given.bytes_kept, given.files_kept)
        engine = Engine(Settings(store, root, effects, points, retention, quotas))
        engine.open()
    except (OSError, sqlite3.Error) as error:
        raise _unwritable(store, error) from error
    return engine


def _place(store: str) -> Place:
    """Where the store is; raises StartError."""
    if not store.startswith(_POSTGRES):
        return SqliteFile(Path(store))
    try:
        from reference_server.postgres.place import Postgres
    except ImportError as error:
        raise StartError(
            f"--store postgresql://... needs the driver psycopg ({error}): pip install 'mcp-crashtest[postgres]'"
        ) from None
    return Postgres(store)


def _unwritable(store: Place, error: OSError | sqlite3.Error) -> StartError:
    what = f"the store {store}: {error}"
    if isinstance(error, OSError):
        what = f"{error.filename or store}: {error.strerror}"
    if is_passing(error):
        return NoRoom(f"{what}. Nothing was changed: see to it that this can be written, and start it again")
    return StartError(what)


def _serve_http(given: argparse.Namespace, users: AuthProvider | None) -> None:
    listening = listen(given.address, given.port, given.listen_fd)
    engine = _engine(given)
    app: ASGIApp = build(engine, users).http_app(
        host_origin_protection=True,
        allowed_hosts=[*_LOOPBACK, *given.allowed_host],
        allowed_origins=given.allowed_origin,
        session_idle_timeout=given.session_seconds,
        middleware=[
            Middleware(
                Sessions,
                most=limits.SESSIONS,
                most_of_owner=given.sessions_per_owner,
                idle_s=given.session_seconds,
            )
        ],
    )
    config = uvicorn.Config(
        Shares(app, given.requests_per_owner) if users else app,
        log_level=given.log_level,
        access_log=False,
        timeout_graceful_shutdown=_GRACE_S,
        ws="none",
        log_config=None,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn raises the signal once more after a clean stop
    guard = Guard(given.connections, given.connections_per_peer, given.request_seconds)
    Serving(config, engine, guard, {"store": str(engine.place), "users": users is not None}).run(sockets=[listening])


def _serve_stdio(engine: Engine, users: AuthProvider | None) -> None:
    """One client on standard input and output; the end of the input, or a signal, is the end."""
    if users:
        raise StartError("--stdio has no users: whoever starts the server is its user")

    given = EndableInput()

    async def serve() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, given.end)
        await asyncio.wait({asyncio.create_task(build(engine).run_stdio_async(show_banner=False))})

    asyncio.run(serve())
    os._exit(0)  # a thread still waits for standard input, and nothing is left to be done


if __name__ == "__main__":
    main()
