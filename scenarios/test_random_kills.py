"""Two stars: several faults in one run, at random boundaries; where a plan fails, the smallest one is looked for."""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial, Victim, plans

EXAMPLES = 16
MOST_FAULTS = 4
KILLS = (
    ("kill", Victim.SERVER),
    ("kill", Victim.BOTH),
    ("kill", Victim.CLIENT),
    ("drop", Victim.CLIENT),
)


@pytest.mark.crashtest(level=2)
def test_random_kills(crashtest: Trial) -> None:
    """Server and client are killed several times, at random boundaries."""
    crashtest.explore(
        plans(
            scenario=crashtest.scenario,
            protocols=crashtest.protocols,
            choices=crashtest.sensible(KILLS),
            workload=crashtest.workload,
            phases=crashtest.phases,
            most=MOST_FAULTS,
        ),
        EXAMPLES,
    )
