"""Three stars: other signals than two stars know. A server that ends is started again; one that goes on works.

SIGINT is a person's Ctrl-C, SIGHUP a terminal that is closed, SIGQUIT asks for a dump, SIGSEGV is a fault in memory.
"""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.planning import process_faults

SIGNALLED, MORE = 12, 40


@pytest.mark.crashtest(level=3, asked=True)
def test_signals(crashtest: Trial) -> None:
    """The server is sent SIGINT, SIGHUP, SIGQUIT or SIGSEGV: whether it ends or goes on, the job resumes exactly."""
    crashtest.refuse_without_process()
    at = (crashtest.protocols, crashtest.workload)
    plans = process_faults.signals(crashtest.scenario, *at, seed=crashtest.seed, count=MORE)
    crashtest.play(plans, core=SIGNALLED)
