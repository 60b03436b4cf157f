"""Three stars: a job that cannot be done does no harm to others, wherever a profile names one.

It raises, ends the server's process, or never returns. A server may end of it a few times, and is started again.
"""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.model.errors import NotApplicable
from mcp_crashtest.model.faults import NO_POISON
from mcp_crashtest.planning import process_faults

POISONED, MORE = 4, 20


@pytest.mark.crashtest(level=3, asked=True)
def test_poison_job(crashtest: Trial) -> None:
    """Beside the job one is asked for that cannot be done, and by turns the server is killed: the other comes out."""
    if crashtest.bench.profile.contract.poison is None:
        raise NotApplicable(NO_POISON)
    at = (crashtest.protocols, crashtest.workload)
    plans = process_faults.poisoned(crashtest.scenario, *at, seed=crashtest.seed, count=MORE)
    crashtest.play(plans, core=POISONED)
