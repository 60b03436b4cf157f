"""``mcp-crashtest recheck``: saved histories are judged again, without playing."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.commands.exit_codes import of_verdict
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.errors import HarnessError, UsageError
from mcp_crashtest.model.verdict import Verdict, worst
from mcp_crashtest.page.report import write_page
from mcp_crashtest.reporting.certificate import read_certificate, summary_lines
from mcp_crashtest.reporting.console import clean

_LATER = frozenset({"faults_planned", "offsets", "late"})  # what judgements of earlier versions do not hold
_LONGEST = 4000
_PROSE = frozenset({"message", "advice"})


def recheck(options: argparse.Namespace) -> int:
    """See that the evidence is what it was, and judge every history anew; each judgement must be the saved one."""
    bundle = Bundle(Path(options.bundle))
    untrusted = bundle.untrusted()
    if untrusted:
        raise HarnessError(
            f"the evidence in {options.bundle} is not what its certificate says, and shows nothing: "
            f"{clean(untrusted, _LONGEST)}"
        )
    verdicts: list[Verdict] = []
    for run, history, saved in bundle.judged_runs():
        judgement = judge(history)
        if essence(judgement.to_json()) != essence(saved):
            raise HarnessError(
                f"{run.path} was judged {saved.get('verdict')} and is judged {judgement.verdict.name} now, or with "
                f"other findings: the history was changed, or the checkers were"
            )
        verdicts.append(judgement.verdict)
        if judgement.findings and not options.json:
            print(f"{run.path}: {clean('; '.join(f.invariant for f in judgement.findings))}")
    if not verdicts:
        raise UsageError(f"{options.bundle} holds no run that was judged")
    saved_certificate = bundle.certificate()
    certificate = None if saved_certificate is None else read_certificate(saved_certificate)
    if certificate is not None:
        write_page(bundle, Path(options.compare) if options.compare else None)
    counted = Counter(v.name for v in verdicts)
    _tell(certificate, counted, verified=untrusted is not None, as_json=options.json)
    verdict = worst(verdicts)
    if verdict is Verdict.INVALID and certificate:  # a plan that proved nothing may have been played again, and proved
        verdict = Verdict[certificate["verdict"]]
    return of_verdict(verdict)


def essence(judgement: Mapping[str, Any]) -> Any:
    """A judgement without its prose, which each version may word better, and what the plan says: what, not how."""
    said = {name: value for name, value in json.loads(json.dumps(judgement)).items() if name not in _LATER}
    findings = [{k: v for k, v in finding.items() if k not in _PROSE} for finding in said["findings"]]
    remarks = sorted({remark["invariant"] for remark in said.pop("remarks", ())})
    return {
        **said,
        "findings": findings,
        "unproven": len(said["unproven"]),
        **({"remarks": remarks} if remarks else {}),
    }


def _tell(certificate: Mapping[str, Any] | None, verdicts: Counter[str], *, verified: bool, as_json: bool) -> None:
    """``verified``: every file is what the certificate says; where that says nothing of files, nobody knows."""
    runs = verdicts.total()
    evidence = (certificate or {}).get("evidence") if verified else None
    if as_json:
        level = certificate["level"] if certificate else None
        told = {"runs": runs, "verdicts": dict(verdicts), "identical": True, "level": level, "evidence": evidence}
        print(json.dumps(told))
        return
    if evidence:
        print(f"{evidence['files']} files are what the certificate says: sha256 {clean(str(evidence['digest']))}")
    else:
        print("no certificate names these files: whether one was changed, is missing or was added, cannot be seen")
    counted = ", ".join(f"{n} {name}" for name, n in sorted(verdicts.items()))
    print(f"{runs} runs judged again, every judgement identical: {counted}")
    if certificate:
        print(f"the session's certificate: {clean(summary_lines(certificate)[0])}")
