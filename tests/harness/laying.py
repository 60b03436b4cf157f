"""Runs laid down in a bundle as if they had been played: a literal history, and what it is judged."""

from __future__ import annotations

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.operation import History
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.verdict import Verdict
from tests.harness.checkers.histories import ALL, boot, end, history, output, submit

PASSED = history([boot(), submit(), output(ALL), end()])
LOST = history([boot(), submit(), output("abcde", 5), end()])
NOTHING = history([boot(), submit()])
_COMES_TO = {id(PASSED): Verdict.PASS, id(LOST): Verdict.FAIL, id(NOTHING): Verdict.INVALID}


def lay(
    bundle: Bundle,
    profile: Profile,
    plan: Plan,
    played: History,
    number: int = 1,
    attempt: int = 1,
    judged: bool = True,
) -> RunFolder:
    """A run of this plan, with this history, which is of no fault that would have to land."""
    run = bundle.run(profile, plan.scenario, number, attempt)
    run.open()
    run.save_plan(plan)
    run.history_file.write_text("".join(f"{line}\n" for line in played.to_lines()))
    judgement = judge(run.history())
    assert judgement.verdict is _COMES_TO[id(played)]
    if judged:
        run.save_judgement(judgement.to_json())
    return run
