"""Three stars: a server that is killed again and again while it starts comes through in the end, and exactly.

Nothing of the server's is counted here: the moments are shares of the time that its first start took.
"""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.planning import process_faults

LOOPS, MORE = 6, 30


@pytest.mark.crashtest(level=3, asked=True)
def test_crash_loop(crashtest: Trial) -> None:
    """The server is killed in the middle of its job, and six times more while it starts: it gets on all the same."""
    at = (crashtest.protocols, crashtest.workload)
    plans = process_faults.crash_loops(crashtest.scenario, *at, seed=crashtest.seed, count=MORE)
    crashtest.play(plans, core=LOOPS)
