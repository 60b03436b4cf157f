"""Four stars, of which these are the first: what the server needs dies, or is out of reach. Played where asked for."""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.planning import links, services

DEATHS = 12
MORE = 60
UNREACHABLE = 20


@pytest.mark.crashtest(level=4)
def test_services_die(crashtest: Trial) -> None:
    """Each service is killed all over the job: alone, together with the server, and while the server recovers."""
    crashtest.refuse_without_services()
    named = len(crashtest.bench.profile.services)
    at = (crashtest.protocols, crashtest.workload, named)
    crashtest.play(services.die(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), core=DEATHS)


@pytest.mark.crashtest(level=4)
def test_services_unreachable(crashtest: Trial) -> None:
    """The link between the server and each service is cut, slow or half open for a while, all over the job.

    It also ends, or falls silent, just behind a message that was passed on: what became of it, nobody tells the server.
    """
    at = (crashtest.protocols, crashtest.workload, crashtest.linked)
    plans = links.unreachable(crashtest.scenario, *at, seed=crashtest.seed, count=MORE)
    crashtest.play(plans, core=UNREACHABLE)
