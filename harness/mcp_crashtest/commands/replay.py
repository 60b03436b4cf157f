"""``mcp-crashtest replay``: what was found once is played again."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from mcp_crashtest.commands.exit_codes import ExitCode, of_verdict
from mcp_crashtest.files.bundle import Bundle, judged_like, saved_plan, saved_profile
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.profiles import Target
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.files.secrets import refuse_missing
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.companions import Companion, answered_alike, why_alone
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.standing import EACH_CALL_A_JOB, Reason, Standing
from mcp_crashtest.model.verdict import Verdict, worst
from mcp_crashtest.planning.sequences import called_once_more
from mcp_crashtest.reporting.console import clean
from mcp_crashtest.reporting.odds import Rate, runs_that_show_a_mend

_MOST_TIMES = 10_000
_TRIAL_CALL = 0


def replay(options: argparse.Namespace) -> int:
    """Play a saved plan again, ``--times`` over; returns the exit code of the worst run."""
    path = Path(options.plan)
    if not 1 <= options.times <= _MOST_TIMES:
        raise UsageError(f"--times {options.times}: give a number from 1 to {_MOST_TIMES}")
    plan = saved_plan(path)
    profile = _profile(options, path if path.is_dir() else path.parent)
    refuse_missing(profile)
    console = Console(stderr=options.json)
    console.print(f"replaying on {profile.name}: {plan} ({plan.protocol})", markup=False, highlight=False)
    before = _seen_before(path)
    bundle = Bundle(Path(options.report_dir))
    outcomes: list[Outcome] = []
    code: int | None = None
    held = bundle.prepare(f"replay of {plan.digest}", shared=False)
    options.endings.gently()
    with held, Laboratory(bundle, options.seed, jobs=1) as laboratory:
        laboratory.bundle.save_profile(profile)
        bench = laboratory.bench(profile)
        try:
            if (said := _unpromised(laboratory, bench, plan)) is not None:
                console.print(said, markup=False, highlight=False, soft_wrap=True)
                return ExitCode.NOT_PROVEN
            for number in range(1, options.times + 1):
                outcomes += laboratory.play(bench, plan.scenario, [(number, plan)], lambda *_: None)
                console.print(_line(number, outcomes[-1]), markup=False, highlight=False, soft_wrap=True)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
    for line in _summed(outcomes, before, as_json=options.json):
        print(line)
    return of_verdict(worst(o.verdict for o in outcomes)) if code is None else code


def _unpromised(laboratory: Laboratory, bench: Bench, plan: Plan) -> str | None:
    """Why a plan with the same call once more says nothing about this server; None where it may be held to it.

    In a session such plans are made for a server alone that has shown that it answers with the same task.
    """
    if plan.companion is not Companion.SAME_CALL or not plan.faults:
        return None
    if (why := why_alone(bench.profile, Companion.SAME_CALL)) is not None:
        return str(Reason(Standing.NOT_APPLICABLE, why))
    trial_call = called_once_more(plan.scenario, [plan.protocol])
    [outcome] = laboratory.play(bench, plan.scenario, [(_TRIAL_CALL, trial_call)], lambda *_: None)
    alike = outcome.verdict is Verdict.PASS and answered_alike(outcome.folder.history())
    return None if alike else str(EACH_CALL_A_JOB)


def _summed(outcomes: Sequence[Outcome], before: Rate | None, *, as_json: bool) -> Iterator[str]:
    """How often it was reproduced, how often the session had seen it, and what would show that it is mended.

    Where it was not reproduced, that is measured by the rate that the session saw.
    """
    now = Rate(sum(o.verdict is Verdict.FAIL for o in outcomes), len(outcomes))
    found = Counter(i for o in outcomes for i in {f.invariant for f in o.judgement.findings})
    rate = now if now.failed else before
    needed = runs_that_show_a_mend(rate) if rate else None
    if as_json:
        seen = before.to_json() if before else None
        told = {"invariants": dict(found), "session": seen, "runs_that_show_a_mend": needed}
        yield json.dumps({**now.to_json(), **told})
        return
    named = "".join(f", {name} {n}x" for name, n in sorted(found.items()))
    yield f"reproduced {now} times{f' (the session saw {before})' if before else ''}{named}"
    if needed is not None and rate is not None:
        enough = not now.failed and now.runs >= needed and all(o.verdict is Verdict.PASS for o in outcomes)
        yield f"{needed} passing runs in a row show a mend at 95 %" + (": it is mended" if enough else "")


def _seen_before(path: Path) -> Rate | None:
    """How often the session whose run this is saw the plan fail; None for a plan in a file."""
    if not path.is_dir():
        return None
    verdicts = [v for v in judged_like(RunFolder(path.resolve())) if v in (Verdict.PASS.name, Verdict.FAIL.name)]
    return Rate(verdicts.count(Verdict.FAIL.name), len(verdicts)) if verdicts else None


def _line(number: int, outcome: Outcome) -> str:
    said = [f"{f.invariant}: {f.message}" for f in outcome.judgement.findings] or list(outcome.judgement.unproven)
    return f"{number:>4}  {outcome.verdict.name:<8}{clean('; '.join(said), 200)}"


def _profile(options: argparse.Namespace, run: Path) -> Profile:
    target = Target(options.command, None)
    if options.profile:
        return read_profile(Path(options.profile), target)
    return saved_profile(RunFolder(run.resolve()))
