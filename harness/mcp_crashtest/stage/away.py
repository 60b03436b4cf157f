"""A client's absence: it left, was killed or lost its connections, and stays away for as long as the plan says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mcp_crashtest.model.plan import Absence
from mcp_crashtest.stage.pace import LONGEST_ABSENCE_S

if TYPE_CHECKING:
    from mcp_crashtest.stage.stage import Stage

_LOOKS, _SHORTEST_LOOK_S = 10, 0.01


async def stay_away(stage: Stage) -> None:
    """Wait for so long, or until the server has fallen silent."""
    absent_s = stage.plan.absence.batches * stage.pace.batch_s
    if stage.plan.absence is not Absence.UNTIL_QUIET:
        await stage.until_time(time.monotonic() + absent_s)
        return
    ends_at = time.monotonic() + LONGEST_ABSENCE_S
    quiet_since, written = time.monotonic(), stage.site.folder.written()
    while time.monotonic() < min(quiet_since + absent_s, ends_at) and not stage.over:
        await stage.until_time(time.monotonic() + max(absent_s / _LOOKS, _SHORTEST_LOOK_S))
        if (now := stage.site.folder.written()) != written:
            quiet_since, written = time.monotonic(), now
