"""``mcp-crashtest replay``: what was found once is played again."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from rich.console import Console

from mcp_crashtest.commands.exit_codes import of_verdict
from mcp_crashtest.files.bundle import Bundle, saved_plan, saved_profile
from mcp_crashtest.files.profiles import Target, read_profile
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.verdict import Verdict, worst
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
    outcomes: list[Outcome] = []
    held = bundle.prepare(f"replay of {plan.digest}", shared=False)
    with held, Laboratory(bundle, options.seed, jobs=1) as laboratory:
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
