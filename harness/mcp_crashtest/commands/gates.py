"""The options and commands with which a session's outcome goes to other programs: reports, badge and baseline.

What a command needs is imported when it is called.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from mcp_crashtest.sessions import values

_REPORT_DIR = "crashtest-report"
_BASELINE = "crashtest-baseline.toml"


def add_options(add: Callable[..., Any]) -> None:
    """The options of ``certify``."""
    for name, meaning in values.OUTCOMES.items():
        add(f"--{name}", metavar="FILE", help=meaning)


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """``report``, ``badge`` and ``baseline``."""
    reporting = commands.add_parser("report", help="what a session came to, for other programs: JUnit, SARIF, GitHub")
    reporting.set_defaults(run=_report)
    _add_folder(reporting)
    add_reports(reporting)
    reporting.add_argument("--markdown", metavar="FILE", help="write the summary as Markdown")
    reporting.add_argument(
        "--github",
        action="store_true",
        help="print annotations, and add to the summary and outputs of the workflow's step that this runs in",
    )
    badging = commands.add_parser("badge", help="what was tested in a few words, as SVG and for an endpoint of shields")
    badging.set_defaults(run=_badge)
    _add_folder(badging)
    badging.add_argument("--subject", metavar="NAME", help="of this subject alone, where there are several")
    badging.add_argument("--svg", metavar="FILE", help="write the picture there, and not into DIR")
    badging.add_argument("--endpoint", metavar="FILE", help="write the JSON there, and not into DIR")
    _add_baseline(commands)


def add_reports(parser: argparse.ArgumentParser) -> None:
    """The options of every command that writes reports for other programs."""
    for name in ("junit", "sarif"):
        parser.add_argument(f"--{name}", metavar="FILE", help=values.OUTCOMES[name])


def _add_baseline(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    expecting = commands.add_parser("baseline", help="the findings that are expected, for certify --baseline FILE")
    parts = expecting.add_subparsers(required=True, metavar="COMMAND")
    checking = parts.add_parser("check", help="hold a report against a baseline, without playing")
    checking.set_defaults(run=_check)
    updating = parts.add_parser("update", help="write a baseline that fits a report; reasons are kept")
    updating.set_defaults(run=_update)
    updating.add_argument("--reason", metavar="WHY", help="why what is new is expected; needed where anything is")
    for parser in (checking, updating):
        _add_folder(parser)
        parser.add_argument(
            "--baseline", default=_BASELINE, metavar="FILE", help="TOML, or JSON by its name (default: %(default)s)"
        )


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("report", nargs="?", default=_REPORT_DIR, metavar="DIR", help="(default: %(default)s)")


def _report(options: argparse.Namespace) -> int:
    from mcp_crashtest.commands.reports import report

    return report(options)


def _badge(options: argparse.Namespace) -> int:
    from mcp_crashtest.commands.reports import write_badge

    return write_badge(options)


def _check(options: argparse.Namespace) -> int:
    from mcp_crashtest.commands.baseline import check

    return check(options)


def _update(options: argparse.Namespace) -> int:
    from mcp_crashtest.commands.baseline import update

    return update(options)
