"""Three stars: two servers on one store. One job is done once, whoever believes to be its server.

One of them may refuse to live beside the other, with an exit code and a word; then the first one has to go on.
"""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.laboratory.two_servers import play_two
from mcp_crashtest.model.faults import REPLACE, TWINS
from mcp_crashtest.planning import process_faults

REPLACED, TWO, MORE = 6, 4, 30


@pytest.mark.crashtest(level=3, asked=True)
def test_frozen_and_replaced(crashtest: Trial) -> None:
    """The server is frozen, another one works on its store, and the first one goes on: what it does counts no more."""
    crashtest.refuse_without_process()
    crashtest.refuse_senseless(REPLACE)
    at = (crashtest.protocols, crashtest.workload, crashtest.phases)
    play_two(crashtest, process_faults.replaced(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), REPLACED)


@pytest.mark.crashtest(level=3, asked=True)
def test_two_at_once(crashtest: Trial) -> None:
    """The server is killed, and two are started at once on its store: one of them does the job, or both, once."""
    crashtest.refuse_without_process()
    crashtest.refuse_senseless(TWINS)
    at = (crashtest.protocols, crashtest.workload)
    play_two(crashtest, process_faults.two_at_once(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), TWO)
