"""``python -m reference_server``: read the options, bind, serve, and stop without losing anything.

Once it serves it prints one line of JSON to standard output: ready, host, port, url, pid, protocols, store.
Exit codes: 0 stopped by SIGTERM or SIGINT, 2 it cannot start as it was told to.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import logging
import os
import signal
import socket
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import uvicorn
from mcp.shared.exceptions import MCPDeprecationWarning

from reference_server.app import build
from reference_server.crashpoints import VARIABLE, CrashPoints
from reference_server.effects import Effects
from reference_server.engine import Engine, Settings
from reference_server.errors import StartError
from reference_server.schema import prepare
from reference_server.sealed import DataRoot

PROTOCOLS = ("2026-07-28", "2025-11-25")
LEVELS = ("debug", "info", "warning", "error")
_GRACE_S = 2
_BACKLOG = 128
_EPILOG = """tools: resumable_data_processing, start_data_migration, cancel_task, get_server_stats
resources: task://status/{task_id}, task://list, task://list/{status}, task://records/{task_id}/{page}

example: python -m reference_server --port 0 --data-root ./data --store ./tasks.db"""


class Serving(uvicorn.Server):
    """Says when it is ready, and lets the engine stop as soon as a signal comes."""

    def __init__(self, config: uvicorn.Config, engine: Engine, store: Path) -> None:
        super().__init__(config)
        self._engine = engine
        self._store = store

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, then say so."""
        await super().startup(sockets=sockets)
        if self.should_exit or not sockets:
            return
        host, port = sockets[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        ready = {
            "ready": True,
            "host": host,
            "port": port,
            "url": f"http://{shown}:{port}/mcp",
            "pid": os.getpid(),
            "protocols": PROTOCOLS,
            "store": str(self._store),
        }
        print(json.dumps(ready), flush=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop: no further batch is begun."""
        self._engine.request_stop()
        super().handle_exit(sig, frame)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal comes."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=options.log_level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("fastmcp").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=MCPDeprecationWarning)  # progress and logs of the handshake era
    try:
        serve(options)
    except StartError as error:
        print(f"reference_server: {error}", file=sys.stderr)
        sys.exit(2)


def serve(options: argparse.Namespace) -> None:
    """Bind, build, serve; raises StartError."""
    store: Path = options.store
    listening = listen(options.host, options.port, options.listen_fd)
    try:
        options.data_root.mkdir(parents=True, exist_ok=True)
        points = CrashPoints(os.environ.get(VARIABLE, ""))
        prepare(store)
        beside = [Path(f"{store}{ending}") for ending in ("", "-wal", "-shm")]
        root = DataRoot(options.data_root, [*beside, *filter(None, [options.effects_file])])
        effects = Effects(options.effects_file)
    except OSError as error:
        raise StartError(f"{error.filename}: {error.strerror}") from error
    engine = Engine(Settings(store, root, effects, points))
    config = uvicorn.Config(
        build(engine).http_app(),
        log_level=options.log_level,
        access_log=False,
        timeout_graceful_shutdown=_GRACE_S,
        ws="none",
        log_config=None,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn raises the signal once more after a clean stop
    Serving(config, engine, store).run(sockets=[listening])
    effects.close()


def listen(host: str, port: int, descriptor: int | None) -> socket.socket:
    """The listening socket: inherited, or bound to a loopback address; raises StartError."""
    try:
        if descriptor is not None:
            return socket.socket(fileno=descriptor)
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        if not address.is_loopback:
            raise StartError(f"--host {host}: this server knows no users, so it serves on a loopback address only")
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((str(address), port))
        listening.listen(_BACKLOG)
    except ValueError as error:
        raise StartError(f"--host {host} is not an address: give 127.0.0.1 or ::1") from error
    except (OSError, OverflowError) as error:
        where = f"--listen-fd {descriptor}" if descriptor is not None else f"{host}:{port}"
        raise StartError(
            f"{where} cannot be used: {error}. Is another server running there? --port 0 takes a free one"
        ) from error
    return listening


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reference_server",
        description="A reference MCP server for long tasks that are exact under every crash.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to serve on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8001, help="port; 0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--data-root",
        type=Path,
        default=Path("data"),
        metavar="DIR",
        help="the only folder in which clients may name files (default: ./data)",
    )
    parser.add_argument(
        "--store",
        type=Path,
        default=Path("tasks.db"),
        metavar="FILE",
        help="SQLite file of all tasks and records (default: ./tasks.db)",
    )
    parser.add_argument(
        "--log-level", choices=LEVELS, default="warning", help="of the log on stderr (default: %(default)s)"
    )
    parser.add_argument("--listen-fd", type=int, metavar="N", help="serve on this inherited listening socket")
    parser.add_argument(
        "--effects-file", type=Path, metavar="FILE", help="append a line for each execution of a record"
    )
    return parser


if __name__ == "__main__":
    main()
