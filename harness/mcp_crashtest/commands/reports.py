"""``mcp-crashtest report`` and ``badge``: what a session came to, for other programs, from its report folder."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp_crashtest.commands.exit_codes import ExitCode
from mcp_crashtest.files.atomic import write_atomically
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.reporting.badge import badge
from mcp_crashtest.reporting.certificate import read_certificate
from mcp_crashtest.reporting.console import clean
from mcp_crashtest.reporting.github import job_summary, outputs, workflow_commands
from mcp_crashtest.sessions.reports import REPORTS, badge_files

_SUMMARY, _OUTPUT = "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"


def certificate_in(folder: str) -> dict[str, Any]:
    """The certificate of a report folder; raises UsageError."""
    saved = Bundle(Path(folder)).certificate()
    if saved is None:
        raise UsageError(
            f"there is no certificate in {folder}: name a folder that mcp-crashtest certify has reported to"
        )
    return read_certificate(saved)


def asked_for(options: argparse.Namespace) -> dict[str, Path]:
    """The files to which reports are to be written, by the names of their options."""
    return {name: Path(file) for name in REPORTS if (file := getattr(options, name)) is not None}


def report(options: argparse.Namespace) -> int:
    """Write the reports that are asked for; says nothing of the verdict by its exit code."""
    certificate = certificate_in(options.report)
    wanted = asked_for(options)
    if not wanted and options.markdown is None and not options.github:
        raise UsageError("which report? give --junit FILE, --sarif FILE, --markdown FILE or --github")
    for name, path in wanted.items():
        _write(path, REPORTS[name](certificate))
    if options.markdown is not None:
        _write(Path(options.markdown), job_summary(certificate))
    if options.github:
        _tell_github(certificate)
    return ExitCode.CERTIFIED


def _tell_github(certificate: Mapping[str, Any]) -> None:
    for command in workflow_commands(certificate):
        print(command)
    if summary := os.environ.get(_SUMMARY):
        _append(summary, job_summary(certificate))
    if output := os.environ.get(_OUTPUT):
        _append(output, "".join(f"{name}={value}\n" for name, value in outputs(certificate).items()))


def write_badge(options: argparse.Namespace) -> int:
    """Write the badge, and say how it is shown."""
    made = badge(certificate_in(options.report), options.subject)
    svg, endpoint = badge_files(made)
    bundle = Bundle(Path(options.report))
    if options.svg is None and options.endpoint is None:
        pictures = bundle.save_badge(svg, endpoint)
    else:
        pictures = [Path(file) for file in (options.svg, options.endpoint) if file is not None]
        for path in pictures:
            _write(path, svg if path == Path(options.svg or "") else endpoint)
    for path in pictures:
        print(clean(path))
    print(clean(f"![crash-tested: {made.message}]({pictures[0]})"))
    return ExitCode.CERTIFIED


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error}") from error


def _append(path: str, text: str) -> None:
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error}") from error
