"""Four stars, of which this is the first scenario: what the server needs dies. It is played where it is asked for."""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.planning import services

DEATHS = 12
MORE = 60


@pytest.mark.crashtest(level=4)
def test_services_die(crashtest: Trial) -> None:
    """Each service is killed all over the job: alone, together with the server, and while the server recovers."""
    crashtest.refuse_without_services()
    named = len(crashtest.bench.profile.services)
    at = (crashtest.protocols, crashtest.workload, named)
    crashtest.play(services.die(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), core=DEATHS)
