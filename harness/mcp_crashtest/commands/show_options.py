"""The command line of ``mcp-crashtest show``."""

from __future__ import annotations

import argparse
from typing import Any


def add_show(commands: Any) -> None:
    """Add the command to the subparsers."""
    adding = commands.add_parser("show", help="open the report page of a session, or a list of several")
    adding.set_defaults(run=_show)
    folders = "report directories, or a folder of them (default: crashtest-report)"
    adding.add_argument("folders", nargs="*", default=["crashtest-report"], metavar="DIR", help=folders)
    adding.add_argument("--port", type=int, default=0, metavar="N", help="serve there, on this machine alone")
    adding.add_argument("--no-browser", action="store_true", help="say where it is, and open nothing")


def _show(options: argparse.Namespace) -> int:
    from mcp_crashtest.commands.show import show

    return show(options)
