"""The command line. Every option can be given as a variable too: ``--data-root`` is ``REFERENCE_SERVER_DATA_ROOT``."""

from __future__ import annotations

import argparse
import ipaddress
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reference_server import limits
from reference_server.errors import StartError
from reference_server.logs import FORMATS

PREFIX = "REFERENCE_SERVER_"
BOUNDS = (
    *("connections", "connections_per_peer", "request_seconds"),
    *("session_seconds", "sessions_per_owner", "requests_per_owner"),
)
QUOTAS = ("tasks_kept", "bytes_kept", "files_kept")
LEVELS = ("debug", "info", "warning", "error")
_EPILOG = """tools:
  resumable_data_processing   process a dataset; called again with the same arguments, it continues
  start_data_migration, start_batch_processing, start_ml_training
                              start a job, which goes on in the background, and answer with its resource
  pause_task, resume_task, cancel_task, answer_task, forget_task
  list_session_tasks, get_checkpoint_stats, get_session_info, get_server_stats
resources:
  task://status/{task_id}, task://records/{task_id}/{page}
  task://list, task://list/{status}, task://list/{status}/{after}
routes: /mcp, /healthz (it runs), /readyz (it can store)

Every option can be a variable: --data-root is REFERENCE_SERVER_DATA_ROOT.
Exit codes: 0 stopped by SIGTERM or SIGINT, 2 it cannot start as it was told to, 75 the store cannot be written now:
the disk is full, broken or read-only, or another process holds it; nothing was changed, start it again later.

examples:
  python -m reference_server --data-root ./data --store ./tasks.db
  python -m reference_server --host 0.0.0.0 --tokens ./tokens --allowed-host tasks.example.org
  python -m reference_server --store postgresql://tasks@db.example.org/tasks --data-root /mnt/shared
  python -m reference_server --stdio"""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Wide enough for our options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34)


def read(arguments: Sequence[str] | None, environment: Mapping[str, str] = os.environ) -> argparse.Namespace:
    """The options, checked against each other; raises StartError, and SystemExit for what is no option at all."""
    parser = _parser()
    _take_variables(parser, environment)
    options = parser.parse_args(arguments)
    options.users = bool(options.tokens or options.jwks_url or options.jwt_key)
    if options.tokens and (options.jwks_url or options.jwt_key):
        raise StartError("--tokens and signed tokens exclude each other")
    if options.jwks_url and options.jwt_key:
        raise StartError("--jwks-url and --jwt-key exclude each other")
    if (options.jwks_url or options.jwt_key) and not (options.issuer and options.audience):
        raise StartError("signed tokens need --issuer and --audience: any other's token would do")
    if options.retention_days is not None and options.retention_days <= 0:
        raise StartError("--retention-days must be more than 0")
    for name in (*BOUNDS, *QUOTAS):
        if not getattr(options, name) > 0:
            raise StartError(f"--{name.replace('_', '-')} must be more than 0")
    options.address = _address(options)
    return options


def _address(options: argparse.Namespace) -> str:
    """Where to serve; without users that is a loopback address, unless it was said twice."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if options.host == "localhost" else options.host)
    except ValueError as error:
        raise StartError(f"--host {options.host} is not an address: give 127.0.0.1 or ::1") from error
    if not address.is_loopback and not options.users and not options.allow_anyone:
        raise StartError(
            f"--host {options.host}: this server knows no users, so it serves on a loopback address only. "
            f"Give --tokens or --jwks-url, or --allow-anyone if whoever reaches it may see and stop every task"
        )
    if not address.is_loopback and not options.allowed_host:
        raise StartError(f"--host {options.host}: give the names under which it is reached, with --allowed-host")
    return str(address)


def _take_variables(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    defaults: dict[str, Any] = {}
    for action in parser._actions:
        value = environment.get(f"{PREFIX}{action.dest.upper()}")
        if value is None or action.dest == "help":
            continue
        if isinstance(action, argparse._StoreTrueAction):
            defaults[action.dest] = value.lower() in ("1", "true", "yes")
        elif isinstance(action, argparse._AppendAction):
            defaults[action.dest] = value.split(",")
        else:
            if action.choices and value not in action.choices:
                raise StartError(f"{PREFIX}{action.dest.upper()}={value}: choose from {', '.join(action.choices)}")
            defaults[action.dest] = value
    parser.set_defaults(**defaults)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reference_server",
        description="A reference MCP server for long tasks that are exact under every crash.",
        epilog=_EPILOG,
        formatter_class=_Help,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to serve on (default: %(default)s)")
    add("--port", type=int, default=8001, help="port; 0 takes a free one (default: %(default)s)")
    add("--listen-fd", type=int, metavar="N", help="serve on this inherited listening socket")
    add("--stdio", action="store_true", help="serve one client on standard input and output instead")
    storage = parser.add_argument_group("storage").add_argument
    storage(
        "--data-root",
        type=Path,
        default=Path("data"),
        metavar="DIR",
        help="the only folder in which clients may name files; with users each has users/NAME in it, and all read "
        "what is in shared (default: ./data)",
    )
    storage(
        "--store",
        default="tasks.db",
        metavar="FILE|URL",
        help="of all tasks and records: a SQLite file (default: ./tasks.db), or postgresql://user@host/database for "
        "any number of servers; a password belongs into REFERENCE_SERVER_STORE or PGPASSWORD",
    )
    storage(
        "--retention-days",
        type=float,
        metavar="DAYS",
        help="forget finished tasks that were created so long ago (default: never)",
    )
    storage("--effects-file", type=Path, metavar="FILE", help="append a line for each execution of a record")
    users = parser.add_argument_group("users (default: none, whoever reaches the server sees every task)").add_argument
    users("--tokens", type=Path, metavar="FILE", help="a subject and its bearer token on each line; chmod 600")
    users("--jwks-url", metavar="URL", help="take tokens that are signed with one of the keys there")
    users("--jwt-key", type=Path, metavar="FILE", help="take tokens that are signed with this public key (PEM)")
    users("--issuer", help="who must have issued a signed token")
    users("--audience", help="for whom a signed token must be")
    users("--common-data", action="store_true", help="the whole data root is every user's, to read and to write")
    users("--allow-anyone", action="store_true", help="serve on other than loopback addresses without users")
    users(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a host name under which it is reached, beside loopback; may be repeated",
    )
    users(
        "--allowed-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a web page's origin that may ask; may be repeated",
    )
    _add_bounds(parser)
    log = parser.add_argument_group("log").add_argument
    log("--log-level", choices=LEVELS, default="warning", help="of the log on stderr (default: %(default)s)")
    log("--log-format", choices=FORMATS, default="text", help="lines of text or of JSON (default: %(default)s)")
    return parser


def _add_bounds(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("bounds, so that nobody keeps what others need").add_argument
    add(
        "--connections",
        type=int,
        default=limits.CONNECTIONS,
        metavar="N",
        help="open at a time, as far as the limit of open files allows (default: %(default)s)",
    )
    add(
        "--connections-per-peer",
        type=int,
        default=limits.CONNECTIONS_OF_PEER,
        metavar="N",
        help="of them from one address; behind a proxy all are from one (default: %(default)s)",
    )
    add(
        "--request-seconds",
        type=float,
        default=limits.REQUEST_S,
        metavar="S",
        help="in which a request must arrive, its head and its body each (default: %(default)g)",
    )
    add(
        "--session-seconds",
        type=float,
        default=limits.SESSION_S,
        metavar="S",
        help="after which a session without a request ends (default: %(default)g)",
    )
    add(
        "--sessions-per-owner",
        type=int,
        default=limits.SESSIONS_OF_OWNER,
        metavar="N",
        help="open at a time; another ends the one that has rested longest (default: %(default)s)",
    )
    add(
        "--requests-per-owner",
        type=int,
        default=limits.REQUESTS_OF_OWNER,
        metavar="N",
        help="of one user under way at a time, streams and calls that wait among them (default: %(default)s)",
    )
    quota = parser.add_argument_group("quotas of each user; reached, they are said, and nothing is thrown away")
    for option, default, text in (
        ("--tasks-kept", limits.FINISHED_TASKS, "finished tasks, until forget_task"),
        ("--bytes-kept", limits.STORED_BYTES, "bytes of records in the store, when a task is started"),
        ("--files-kept", limits.FILES, "files in the user's folder, when a migration is started"),
    ):
        quota.add_argument(option, type=int, default=default, metavar="N", help=f"{text} (default: %(default)s)")
