"""Two stars: the server stands still for a while, as a suspended machine or a paused container does, and goes on.

Nobody has died: what was under way is finished, once. A watchdog that takes a pause for a death starts it again.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_crashtest import Moment, Plan, Since, Trial, Victim, every

_CORNERS = 3  # the first, the last and the middle boundary
_PAUSE = Moment(500, Since.FAULT)  # half of the undisturbed job's time


@pytest.mark.crashtest(level=2)
def test_server_frozen(crashtest: Trial) -> None:
    """The server stands still for half of the job's time, and goes on."""
    crashtest.refuse_without_process()
    plans: list[Plan] = []
    for protocol in crashtest.protocols:
        at = (crashtest.workload, (crashtest.boundary,))
        for plan in every(crashtest.scenario, (protocol,), "freeze", Victim.SERVER, *at)[:_CORNERS]:
            plans.append(replace(plan, faults=tuple(replace(fault, until=_PAUSE) for fault in plan.faults)))
    crashtest.play(plans)
