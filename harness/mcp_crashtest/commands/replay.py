"""``mcp-crashtest replay`` and ``recheck``: what was found once is played again, or judged again without playing."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.commands.exit_codes import of_verdict
from mcp_crashtest.files.bundle import Bundle, saved_plan, saved_profile
from mcp_crashtest.files.profiles import Target, read_profile
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.errors import HarnessError, UsageError
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.verdict import Verdict, worst
from mcp_crashtest.reporting.certificate import read_certificate, summary_lines
from mcp_crashtest.reporting.console import clean

_MOST_TIMES = 10_000


def replay(options: argparse.Namespace) -> int:
    """Play a saved plan again, ``--times`` over; returns the exit code of the worst run."""
    path = Path(options.plan)
    if not 1 <= options.times <= _MOST_TIMES:
        raise UsageError(f"--times {options.times}: give a number from 1 to {_MOST_TIMES}")
    plan = saved_plan(path)
    profile = _profile(options, path if path.is_dir() else path.parent)
    console = Console(stderr=options.json)
    console.print(f"replaying on {profile.name}: {plan} ({plan.protocol})", markup=False, highlight=False)
    bundle = Bundle(Path(options.report_dir))
    bundle.prepare(f"replay of {plan.digest}")
    outcomes: list[Outcome] = []
    with Laboratory(bundle, options.seed, jobs=1) as laboratory:
        laboratory.bundle.save_profile(profile)
        bench = laboratory.bench(profile)
        for number in range(1, options.times + 1):
            outcomes += laboratory.play(bench, plan.scenario, [(number, plan)], lambda *_: None)
            console.print(_line(number, outcomes[-1]), markup=False, highlight=False, soft_wrap=True)
    failed = sum(o.verdict is Verdict.FAIL for o in outcomes)
    found = Counter(i for o in outcomes for i in {f.invariant for f in o.judgement.findings})
    if options.json:
        print(json.dumps({"times": options.times, "reproduced": failed, "invariants": dict(found)}))
    else:
        named = "".join(f", {name} {n}x" for name, n in sorted(found.items()))
        console.print(f"reproduced {failed} of {options.times} times{named}", markup=False, highlight=False)
    return of_verdict(worst(o.verdict for o in outcomes))


def _line(number: int, outcome: Outcome) -> str:
    said = [f"{f.invariant}: {f.message}" for f in outcome.judgement.findings] or list(outcome.judgement.unproven)
    return f"{number:>4}  {outcome.verdict.name:<8}{clean('; '.join(said), 200)}"


def _profile(options: argparse.Namespace, run: Path) -> Profile:
    target = Target(options.command, None)
    if options.profile:
        return read_profile(Path(options.profile), target)
    return saved_profile(RunFolder(run.resolve()))


def recheck(options: argparse.Namespace) -> int:
    """Judge every history of a bundle anew; each judgement must be the saved one."""
    bundle = Bundle(Path(options.bundle))
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
    _tell(bundle, Counter(v.name for v in verdicts), as_json=options.json)
    return of_verdict(worst(verdicts))


def essence(judgement: Mapping[str, Any]) -> Any:
    """A judgement without its prose, which each version may word better: what is said, not how."""
    said = json.loads(json.dumps(judgement))
    findings = [{k: v for k, v in finding.items() if k != "message"} for finding in said["findings"]]
    return {**said, "findings": findings, "unproven": len(said["unproven"])}


def _tell(bundle: Bundle, verdicts: Counter[str], *, as_json: bool) -> None:
    runs = verdicts.total()
    saved = bundle.certificate()
    certificate = None if saved is None else read_certificate(saved)
    if as_json:
        level = certificate["level"] if certificate else None
        print(json.dumps({"runs": runs, "verdicts": dict(verdicts), "identical": True, "level": level}))
        return
    counted = ", ".join(f"{n} {name}" for name, n in sorted(verdicts.items()))
    print(f"{runs} runs judged again, every judgement identical: {counted}")
    if certificate:
        print(f"the session's certificate: {clean(summary_lines(certificate)[0])}")
