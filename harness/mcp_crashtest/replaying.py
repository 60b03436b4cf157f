"""``mcp-crashtest replay`` and ``recheck``: what was found once is played again, or judged again without playing."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from rich.console import Console

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.laboratory import Laboratory, Outcome
from mcp_crashtest.model.errors import HarnessError, UsageError
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.verdict import Verdict, worst
from mcp_crashtest.profiles import Target, read_profile
from mcp_crashtest.reporting import bundle
from mcp_crashtest.reporting.console import clean

_EXIT = {Verdict.PASS: 0, Verdict.SKIP: 0, Verdict.INVALID: 4, Verdict.FAIL: 1}
_MOST_TIMES = 10_000


def replay(options: argparse.Namespace) -> int:
    """Play a saved plan again, ``--times`` over; returns the exit code of the worst run."""
    path = Path(options.plan)
    if not 1 <= options.times <= _MOST_TIMES:
        raise UsageError(f"--times {options.times}: give a number from 1 to {_MOST_TIMES}")
    plan = bundle.saved_plan(path)
    profile = _profile(options, path if path.is_dir() else path.parent)
    console = Console(stderr=options.json)
    console.print(f"replaying on {profile.name}: {plan} ({plan.protocol})", markup=False, highlight=False)
    folder = Path(options.report_dir)
    bundle.prepare(folder, f"replay of {plan.digest}")
    outcomes: list[Outcome] = []
    with Laboratory(folder, options.seed, jobs=1) as laboratory:
        bundle.save_profile(folder.resolve(), profile)
        bench = laboratory.bench(profile)
        for number in range(1, options.times + 1):
            outcomes += laboratory.play(bench, plan.scenario, [(number, plan)], lambda _: None)
            console.print(_line(number, outcomes[-1]), markup=False, highlight=False, soft_wrap=True)
    failed = sum(o.verdict is Verdict.FAIL for o in outcomes)
    found = Counter(i for o in outcomes for i in {f.invariant for f in o.judgement.findings})
    if options.json:
        print(json.dumps({"times": options.times, "reproduced": failed, "invariants": dict(found)}))
    else:
        named = "".join(f", {name} {n}x" for name, n in sorted(found.items()))
        console.print(f"reproduced {failed} of {options.times} times{named}", markup=False, highlight=False)
    return _EXIT[worst(o.verdict for o in outcomes)]


def _line(number: int, outcome: Outcome) -> str:
    said = [f"{f.invariant}: {f.message}" for f in outcome.judgement.findings] or list(outcome.judgement.unproven)
    return f"{number:>4}  {outcome.verdict.name:<8}{clean('; '.join(said), 200)}"


def _profile(options: argparse.Namespace, run: Path) -> Profile:
    target = Target(options.command, None)
    if options.profile:
        return read_profile(Path(options.profile), target)
    return bundle.saved_profile(run.resolve())


def recheck(options: argparse.Namespace) -> int:
    """Judge every history of a bundle anew; each judgement must be the saved one."""
    verdicts: list[Verdict] = []
    for folder, history, saved in bundle.saved_runs(Path(options.bundle)):
        judgement = judge(history)
        if json.loads(json.dumps(judgement.to_json())) != saved:
            raise HarnessError(
                f"{folder} was judged {saved.get('verdict')} and is judged {judgement.verdict.name} now, or with "
                f"other findings: the history was changed, or the checkers were"
            )
        verdicts.append(judgement.verdict)
        if judgement.findings and not options.json:
            print(f"{folder}: {clean('; '.join(f.invariant for f in judgement.findings))}")
    if not verdicts:
        raise UsageError(f"{options.bundle} holds no run that was judged")
    names = Counter(v.name for v in verdicts)
    if options.json:
        print(json.dumps({"runs": len(verdicts), "verdicts": dict(names), "identical": True}))
    else:
        counted = ", ".join(f"{n} {name}" for name, n in sorted(names.items()))
        print(f"{len(verdicts)} runs judged again, every judgement identical: {counted}")
    return _EXIT[worst(verdicts)]
