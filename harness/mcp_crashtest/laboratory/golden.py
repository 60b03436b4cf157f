"""The golden run: the job with nobody in the way, cold, once for each workload. All other runs are compared with it.

It is judged before anything else: what it shows to be wrong is a mistake of the profile, or the server's plain fault.
A client under test does its job once more, as its later runs will be: for the pace, and because what it prints must be
the same both times if a comparison is to mean anything. So does a server whose job is over in a moment: a process that
was just started takes many times as long for it as one that has come from a fork server. Where it was over at the first
look, a job of a size that nobody has asked for yet tells whether an earlier session has done it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise

from mcp_crashtest.checkers.asking import answers
from mcp_crashtest.checkers.earlier import at_once_s, done_before
from mcp_crashtest.files.bundle import GOLDEN, Bundle
from mcp_crashtest.laboratory.bench import Bench, Golden
from mcp_crashtest.laboratory.plain_faults import refuse_plain_faults
from mcp_crashtest.laboratory.play import play
from mcp_crashtest.laboratory.rhythm import rhythm_of
from mcp_crashtest.model.companions import varies
from mcp_crashtest.model.errors import NotTaken, SubjectError, UsageError
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.model.text import NOTHING
from mcp_crashtest.subjects.commands import last_lines
from mcp_crashtest.subjects.spawner import Spawner

_PACE, _OTHER_SIZE = "pace", "other-size"
_FEW_REPORTS, _TIMES = 2, 3  # who is seen at work more often need not take ten times as long
_SIZES = 2
_FEWEST = 2 * _SIZES  # records, of which there are jobs of so many other sizes
_MOMENT_S = 1.0


def golden_of(history: History) -> Golden:
    """What an undisturbed run of a server showed; raises StopIteration for one without an output."""
    output = next(history.of(Op.OUTPUT, types=[Type.OK]))
    shown = {name: output.value.get(name) for name in ("count", "shape", "errors", "settled_s")}
    if given := answers(history):
        shown["asks"] = len(given)
    if told := [seen.value["at"] for seen in history.of(Op.STREAM, types=[Type.OK]) if "at" in seen.value]:
        shown["stream"] = told
    times = (_elapsed_s(history, output), rhythm_of(history))
    return Golden(output.value.get("records"), *times, shown=shown, step_s=_step_s(history))


async def with_golden(bench: Bench, bundle: Bundle, spawner: Spawner, seed: int, pacing: asyncio.Lock) -> Bench:
    """The bench with its golden run. A server that refuses the job is given it once more, patiently.

    It may not be ready yet, and say so in words of its own. Raises UsageError and SubjectError.
    """
    try:
        golden = await golden_run(bench, bundle, spawner, seed, pacing)
    except NotTaken:
        bench = replace(bench, patient=True)
        golden = await golden_run(bench, bundle, spawner, seed, pacing)
    return replace(bench, golden=golden)


async def golden_run(bench: Bench, bundle: Bundle, spawner: Spawner, seed: int, pacing: asyncio.Lock) -> Golden:
    """Play it; raises UsageError and SubjectError where it does not show the whole job, or cannot be compared with.

    No two subjects are paced at once.
    """

    async def undisturbed(name: str, *, cold: bool, size: Size | None = None) -> History:
        plan = Plan(name, bench.protocols[0], (), cold=cold, workload=size)
        folder = bundle.setting_up(bench.profile, name)
        outcome, history = await play(bench, plan, folder, spawner, seed)
        if bench.profile.client is None:
            refuse_plain_faults(bench, history, outcome.judgement, last_lines(folder.server_log(1)))
        return history

    golden = await undisturbed(GOLDEN, cold=True)
    output = _output(golden, bench)
    found = golden_of(golden) if bench.profile.client is None else None
    if found is not None and at_once_s(golden) is not None:
        await _refuse_done_earlier(bench, golden, undisturbed)
    if found is not None and not _is_done_again(bench, found):
        return found
    async with pacing:
        paced = await undisturbed(_PACE, cold=False)
    if found is not None:
        _refuse_done_before(bench, found, paced)
        return replace(found, rhythm=rhythm_of(paced))
    again = _output(paced, bench)
    _refuse_differences(bench, output, again)
    return Golden(output.value["result"], _elapsed_s(paced, again))


async def _refuse_done_earlier(bench: Bench, golden: History, undisturbed: Callable[..., Awaitable[History]]) -> None:
    """Raise UsageError where a job of another size takes its time once and never again, as this one took none at all.

    Two sizes have to show it: on a loaded machine a quick job is seen at work at one time, and at another it is not.
    Nothing can be told where the size is always the same, or where the server does not take another one.
    """
    records, batch = bench.profile.workload.records, bench.profile.workload.batch
    if not varies(bench.profile) or records < _FEWEST:
        return
    said = None
    for turn, fewer in enumerate(random.SystemRandom().sample(range(1, records // 2 + 1), _SIZES), start=1):
        size = Size(records - fewer, min(batch, records // 2))
        try:
            other, again = [
                await undisturbed(f"{_OTHER_SIZE}-{turn}-{once}", cold=bench.cold, size=size) for once in (1, 2)
            ]
        except (UsageError, SubjectError):
            return
        reports = sum(seen.value["done"] < size.records for seen in other.of(Op.PROGRESS))
        times, job_s = _TIMES if reports > _FEW_REPORTS else None, rhythm_of(other).job_s
        said = done_before(golden, job_s, times)
        if said is None or at_once_s(other) is not None or done_before(again, job_s, times) is None:
            return
    name = bench.profile.name
    raise UsageError(f"the undisturbed run of {name} did no work, and one of another size did: {said}")


def _refuse_done_before(bench: Bench, golden: Golden, paced: History) -> None:
    """A warm process begins sooner, and works no faster: what is counted is the time between reports of progress."""
    rhythm = golden.rhythm
    if rhythm is None or not rhythm.shown:
        return
    said = done_before(paced, rhythm.batch_s * bench.profile.workload.batches)
    if said is not None:
        raise UsageError(f"of two undisturbed runs of {bench.profile.name} the second did no work: {said}")


def _is_done_again(bench: Bench, golden: Golden) -> bool:
    """Whether a server's job is over in a moment, and can be done warm."""
    return not bench.cold and bench.starts and golden.rhythm is not None and golden.rhythm.job_s <= _MOMENT_S


def _output(history: History, bench: Bench) -> Operation:
    output = next(history.of(Op.OUTPUT, types=[Type.OK]), None)
    if output is not None:
        return output
    failed, end = next(history.of(Op.OUTPUT), None), next(history.of(Op.END))
    reason = f"{failed.value['how']}: {failed.value.get('last_words')}" if failed else end.value["reason"]
    raise SubjectError(f"the undisturbed client of {bench.profile.name} did not come to its end: {reason}")


def _elapsed_s(history: History, output: Operation) -> float:
    return round(output.t - next(history.of(Op.CLIENT)).t, 6)


def _step_s(history: History) -> float | None:
    """The longest time between two reports of progress, from the submission to the output; None without any."""
    steps = [o.t for o in history.of(Op.PROGRESS)]
    if not steps:
        return None
    marks = [next(history.of(Op.SUBMIT)).t, *steps, *(o.t for o in history.of(Op.OUTPUT))]
    return round(max(later - earlier for earlier, later in pairwise(marks)), 6)


def _refuse_differences(bench: Bench, output: Operation, again: Operation) -> None:
    for (path, first), (_, second) in zip(output.value["result"], again.value["result"], strict=True):
        if first == NOTHING:
            raise SubjectError(f"the undisturbed client of {bench.profile.name} prints no JSON with a value at {path}")
        if first != second:
            raise SubjectError(
                f"two undisturbed runs of {bench.profile.name} differ at {path}: {first}, then {second}. Name in "
                f"[client] result what stays the same"
            )
