"""The rhythm of a job, learnt from its undisturbed run: how long all of it takes, and a batch of it.

Progress as a client saw it says how long a batch takes; a job that shows none is cut into equal parts. The start of
the server and of the client are no part of it: a job begins with its submission.
"""

from __future__ import annotations

from dataclasses import dataclass

from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.profile import Workload


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds: from the submission to the output, and of one batch. ``shown``: a client could see the batches pass."""

    job_s: float
    batch_s: float
    shown: bool


def rhythm_of(history: History) -> Rhythm:
    """The rhythm of a run that came to its output; raises StopIteration for one that did not."""
    submitted = next(history.of(Op.SUBMIT, types=[Type.INVOKE]))
    output = next(history.of(Op.OUTPUT, types=[Type.OK]))
    workload = Workload(**history.header.workload)
    job_s = max(output.t - submitted.t, 1e-6)
    seen = [(event.t, event.value["done"]) for event in history.of(Op.PROGRESS)]
    if len(seen) < 2 or seen[-1][1] <= seen[0][1]:
        return Rhythm(round(job_s, 6), round(job_s / workload.batches, 6), shown=False)
    (first_s, first), (last_s, last) = seen[0], seen[-1]
    batch_s = (last_s - first_s) / (last - first) * workload.batch
    return Rhythm(round(job_s, 6), round(min(batch_s, job_s), 6), shown=True)
