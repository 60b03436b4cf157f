"""``mcp-crashtest baseline``: what is expected of a subject, held against a report or written from it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from mcp_crashtest.commands.exit_codes import ExitCode, of_session
from mcp_crashtest.commands.reports import certificate_in
from mcp_crashtest.files.baselines import read_baseline, write_baseline
from mcp_crashtest.model.baseline import Baseline
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.reporting.console import clean
from mcp_crashtest.reporting.expectations import expectation_lines
from mcp_crashtest.reporting.told import line
from mcp_crashtest.reporting.weighing import comparison_of, weighed
from mcp_crashtest.sessions.catalogue import standard


def check(options: argparse.Namespace) -> int:
    """Hold a report against a baseline; the exit code is the one that the session would have had with it."""
    certificate = weighed(certificate_in(options.report), read_baseline(Path(options.baseline)), standard())
    for said in expectation_lines(certificate["baseline"]):
        print(clean(said))
    return of_session(certificate, [])


def update(options: argparse.Namespace) -> int:
    """Write a baseline that fits a report, and say what came and what went."""
    path = Path(options.baseline)
    known = read_baseline(path) if path.exists() else Baseline(str(path))
    comparison = comparison_of(certificate_in(options.report), known, standard())
    reason = line(options.reason or "")
    if comparison.unexpected and not reason:
        new = "; ".join(f"{one.invariant} in {one.scenario} of {one.profile}" for one in comparison.unexpected)
        raise UsageError(f"say with --reason WHY why this is expected: {new}")
    today = datetime.now(UTC).date().isoformat()
    try:
        write_baseline(path, comparison.brought_up_to_date(reason, today))
    except OSError as error:
        raise UsageError(f"the baseline {path} cannot be written: {error}") from error
    for one in comparison.unexpected:
        print(clean(f"new: {one.profile}: {one.invariant} in {one.scenario}: {reason}"))
    for entry, why in comparison.stale:
        print(clean(f"gone: {entry.profile}: {entry.invariant} in {entry.scenario}: {why}"))
    for entry, why in comparison.untried:
        print(clean(f"kept, not tried: {entry.profile}: {entry.invariant} in {entry.scenario}: {why}"))
    kept = len(comparison.expected) + len(comparison.untried)
    print(clean(f"{path}: {kept} kept, {len(comparison.unexpected)} new, {len(comparison.stale)} gone"))
    return ExitCode.CERTIFIED
