"""Two stars: several faults in one run, at random boundaries; where a plan fails, the smallest one is looked for."""

from __future__ import annotations

import pytest

from mcp_crashtest.model.plan import Action, Victim
from mcp_crashtest.planning.randomized import Choice, plans
from mcp_crashtest.trial import Trial

EXAMPLES = 16
MOST_FAULTS = 4
KILLS: tuple[Choice, ...] = (
    (Action.KILL, Victim.SERVER),
    (Action.KILL, Victim.BOTH),
    (Action.KILL, Victim.CLIENT),
    (Action.DROP, Victim.CLIENT),
)


@pytest.mark.crashtest(level=2, kills_server=True)
def test_random_kills(crashtest: Trial) -> None:
    """Server and client are killed several times, at random boundaries."""
    crashtest.explore(
        plans(
            scenario=crashtest.scenario,
            protocols=crashtest.protocols,
            choices=KILLS,
            workload=crashtest.workload,
            phases=crashtest.phases,
            most=MOST_FAULTS,
        ),
        EXAMPLES // 4 if crashtest.quick else EXAMPLES,
    )
