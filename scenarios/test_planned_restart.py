"""One star: a planned restart (SIGTERM, as a deployment does it) loses nothing."""

from __future__ import annotations

import pytest

from mcp_crashtest.model.plan import Action, Plan, Victim
from mcp_crashtest.planning.exhaustive import every
from mcp_crashtest.trial import Trial


@pytest.mark.crashtest(level=1, kills_server=True)
def test_planned_restart(crashtest: Trial) -> None:
    """The server is stopped with SIGTERM, and started again."""
    crashtest.play(_first_middle_and_last(crashtest))


def _first_middle_and_last(trial: Trial) -> list[Plan]:
    plans: list[Plan] = []
    for protocol in trial.protocols:
        all_plans = every(trial.scenario, protocol, Action.TERMINATE, Victim.SERVER, trial.workload, (trial.boundary,))
        chosen = sorted({0, len(all_plans) // 2, len(all_plans) - 1})
        plans += [all_plans[i] for i in chosen if 0 <= i < len(all_plans)]
    return plans
