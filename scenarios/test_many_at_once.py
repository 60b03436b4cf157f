"""Three stars: many jobs of three clients at once in one server, which is killed: each comes out exactly, none starves.

Where two jobs may have different sizes each client has another one. Where there are principals each client is one.
"""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.model.companions import Companion, Told
from mcp_crashtest.model.plan import Size
from mcp_crashtest.planning import process_faults

MANY, MORE = 6, 30


@pytest.mark.crashtest(level=3, asked=True)
def test_many_at_once(crashtest: Trial) -> None:
    """Three clients have eight jobs, and the server is killed in the middle: all come out exactly, and none starves."""
    crashtest.refuse_alone(Companion.CROWD)
    work = crashtest.workload
    smaller = [Size(work.records - less * work.batch, work.batch) for less in (2, 4)]
    fitting = [size if Told.SIZE in crashtest.second_told and size.records > 0 else None for size in smaller]
    at = (crashtest.protocols, work, (fitting[0], fitting[1]))
    crashtest.play(process_faults.many_at_once(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), core=MANY)
