"""Two stars: what a user asks of a task beside its result is not forgotten. It is cancelled, paused, resumed, listed.

What the server acknowledged holds over a restart, and also without one; a list shows every task, as it is.
"""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.model.standing import BLOCKING, NOTHING_ASKED
from mcp_crashtest.planning.operations import operations

OPERATIONS = 10
MORE = 40


@pytest.mark.crashtest(level=2)
def test_operations_survive(crashtest: Trial) -> None:
    """A task is cancelled, paused and listed; the server is killed right after it has acknowledged that."""
    at = (crashtest.protocols, crashtest.workload, crashtest.boundary)
    plans = operations(crashtest.scenario, *at, offered=crashtest.operations, seed=crashtest.seed, count=MORE)
    why = BLOCKING if crashtest.blocking else NOTHING_ASKED
    crashtest.play(plans, core=OPERATIONS, without=why.text)
