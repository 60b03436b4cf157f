"""One star: a planned restart (SIGTERM, as a deployment does it) loses nothing."""

from __future__ import annotations

import pytest

from mcp_crashtest import Plan, Trial, Victim, every

_CORNERS = 3  # the first, the last and the middle boundary


@pytest.mark.crashtest(level=1)
def test_planned_restart(crashtest: Trial) -> None:
    """The server is stopped with SIGTERM, and started again."""
    plans: list[Plan] = []
    for protocol in crashtest.protocols:
        at = (crashtest.workload, (crashtest.boundary,))
        plans += every(crashtest.scenario, (protocol,), "terminate", Victim.SERVER, *at)[:_CORNERS]
    crashtest.play(plans)
