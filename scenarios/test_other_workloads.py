"""Two stars: one record, one batch, batches of one, several pages, a job without a short batch; and kills in each."""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.model.standing import NO_SHORT_JOB, ONE_SIZE
from mcp_crashtest.planning import sequences

OTHERS = 10
MORE = 12  # of each size


@pytest.mark.crashtest(level=2)
def test_other_workloads(crashtest: Trial) -> None:
    """Jobs of other sizes are done undisturbed, and with kills."""
    sizes = sequences.sizes(crashtest.workload, **crashtest.varies)
    if crashtest.outruns_its_kill:
        sizes = [size for size in sizes if size.records > size.batch]
        crashtest.notes.append(str(NO_SHORT_JOB))
    crashtest.play(
        sequences.other_sizes(crashtest.scenario, crashtest.protocols, sizes, seed=crashtest.seed, count=MORE),
        core=OTHERS,
        without=ONE_SIZE.text,
    )
