"""A job that was done before this run asked for it: its store is shared, and an earlier run's work is handed out.

Such a run shows nothing, whatever lands in it. What comes after a fault, or in a later life, may lawfully be there
already; and so may a job that takes no time in any run.
"""

from __future__ import annotations

from collections.abc import Iterable

from mcp_crashtest.model.operation import History, Op, Type

_LEAST_USUAL_S, _SHARE = 0.4, 10
ADVICE = (
    "was this job done by an earlier run? Keep its store in {state_dir}, or say [subject] reset = "
    '"a command that empties it"'
)


def at_once_s(history: History) -> float | None:
    """After how many seconds a job was over whose first look already said so; None where it was seen under way."""
    began = next(history.of(Op.SUBMIT, types=[Type.INVOKE]), None)
    if began is None:
        return None
    for event in history.operations[history.operations.index(began) :]:
        if event.op is Op.FAULT or event.life != began.life:
            return None
        if event.type is not Type.OK:
            continue
        if event.op is Op.PROGRESS and event.value["done"] < history.header.workload["records"]:
            return None
        if event.op is Op.STATUS and event.value.get("status") != "completed":
            return None
        if event.op is Op.OUTPUT:
            return event.t - began.t
    return None


def done_before(history: History, usual_s: float | None, times: int | None = None) -> str | None:
    """What to say of a run that was over at once, of a job that takes ``usual_s``; None where it did its own work.

    ``times``: so many times as long as this run is usual, by default ten.
    """
    took_s = at_once_s(history)
    if took_s is None or usual_s is None or usual_s < _LEAST_USUAL_S or took_s * (times or _SHARE) > usual_s:
        return None
    return f"the job was over at the first look, after {took_s:.2f} s, and takes {usual_s:.2f} s: {ADVICE}"


def unproven(history: History) -> Iterable[str]:
    """Of a run that is compared with a golden one that took its time."""
    usual_s = next((o.value.get("job_s") for o in history.of(Op.EXPECT)), None)
    said = done_before(history, usual_s)
    if said is not None:
        yield said
