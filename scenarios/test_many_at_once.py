"""Three stars: many jobs at once in one server, which is killed: each of them comes out exactly, and none stands still.

Where two jobs may have different sizes every other one is smaller than the rest.
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
    """Eight clients have a job each, and the server is killed in the middle: all come out exactly, and none starves."""
    crashtest.refuse_alone(Companion.CROWD)
    work = crashtest.workload
    smaller = Size(max(work.records - 2 * work.batch, 1), work.batch)
    second = smaller if Told.SIZE in crashtest.second_told and smaller.records < work.records else None
    at = (crashtest.protocols, work, second)
    crashtest.play(process_faults.many_at_once(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), core=MANY)
