"""``mcp-crashtest merge``: the reports of all shards become one, as if one machine had played all of the plans.

Every run is judged again, as by ``recheck``, before it counts.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from mcp_crashtest.checkers.claimed import SLOW
from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.commands.exit_codes import of_session
from mcp_crashtest.commands.recheck import essence
from mcp_crashtest.commands.reports import asked_for
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.errors import HarnessError, UsageError
from mcp_crashtest.page.report import write_page
from mcp_crashtest.reporting.console import clean, show
from mcp_crashtest.sessions.merging import Report, merged, read_report, refuse_strangers
from mcp_crashtest.sessions.reports import write


def merge(options: argparse.Namespace) -> int:
    """Put shards together; returns the exit code of the whole session."""
    folders = [Path(folder) for folder in options.shards]
    into = Path(options.into)
    if into.resolve() in [folder.resolve() for folder in folders]:
        raise UsageError(f"{into} is the report of a shard: have them put together in another folder, --into DIR")
    reports = sorted(map(read_report, folders), key=lambda report: report.shard.number)
    refuse_strangers(reports)
    for report in reports:
        if untrusted := report.bundle.untrusted():
            raise HarnessError(
                f"the evidence of {report} is not what its certificate says, and shows nothing: {clean(untrusted)}"
            )
    bundle = Bundle(into)
    began = ", ".join(report.certificate["times"]["began"] for report in reports)
    with bundle.prepare(f"merge of {began}", shared=False):
        outcomes: dict[tuple[str, str], list[Outcome]] = {}
        for report in reports:
            _take_in(bundle, report, outcomes)
        certificate, errors = merged(reports, outcomes)
        certificate["evidence"] = bundle.save_certificate(certificate)
        write_page(bundle)
        unwritten = write(asked_for(options), bundle, certificate)
    if options.json:
        print(json.dumps(certificate, indent=2))
    else:
        show(Console(), certificate, str(into))
    if unwritten:
        raise UsageError(clean("; ".join(unwritten)))
    return of_session(certificate, errors)


def _take_in(bundle: Bundle, report: Report, outcomes: dict[tuple[str, str], list[Outcome]]) -> None:
    """A shard's runs, judged again; those that count are added to the outcomes."""
    counting = set(report.counting())
    for run, here in bundle.take_in(report.bundle):
        key = (*Bundle.origin(run), run.name)
        outcome = _outcome(run, here, counts=key in counting)
        if outcome is not None and key in counting:
            counting.remove(key)
            outcomes.setdefault(key[:2], []).append(outcome)
    if counting:
        raise UsageError(
            f"{report} is not whole: of its runs {len(counting)} are missing, such as {'/'.join(min(counting))}; give "
            f"the folder as its session has left it"
        )


def _outcome(run: RunFolder, here: RunFolder, *, counts: bool) -> Outcome | None:
    """What a run comes to; None for one that was not judged and does not count. Raises HarnessError."""
    saved = run.judgement()
    if saved is None and not counts:
        return None
    judgement = judge(here.history())
    if saved is None:  # a claimed time was passed, and when it was played again alone it was not
        text = f"{SLOW}: a claimed time was passed, and not each time that it was played again alone"
        return Outcome(
            here.plan(), replace(judgement, findings=(), unproven=(text,), refused=True, overdue=False), here
        )
    if essence(judgement.to_json()) != essence(saved):
        raise HarnessError(
            f"{run.path} was judged {saved.get('verdict')} and is judged {judgement.verdict.name} now, or with other "
            f"findings: the history was changed, or the checkers were"
        )
    return Outcome(here.plan(), judgement, here)
