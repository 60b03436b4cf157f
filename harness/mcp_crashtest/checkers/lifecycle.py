"""The life of a task: its handle resolves, it moves on or ends, it ends once, and completed means complete."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mcp_crashtest.checkers.advice import NO_KEEPER, NOT_RESUMED
from mcp_crashtest.checkers.control import came_too_late, ended_by_order, stopped
from mcp_crashtest.checkers.outputs import calls_failed, first_outputs, services_died, unanswered
from mcp_crashtest.model.claims import held_sharply
from mcp_crashtest.model.columns import as_table
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.verdict import Finding

TERMINAL = frozenset({"completed", "failed", "cancelled"})
_ANOTHER_SESSION = (
    "The server was not restarted: the task belongs to the session in which it was made, or is not kept for as long as "
    "it says. A client that has died comes back in another session: keep its task for whoever has its id, or its "
    "credentials."
)
_EVICTED = "It was evicted before its ttl was over. Keep a task for as long as it says, also when others come and go."


def check(history: History) -> Iterator[Finding]:
    """Judge the run's task."""
    yield from _vanished(history)
    yield from _orphaned(history)
    yield from _resurrected(history)
    yield from _false_success(history)
    yield from _too_early(history)
    yield from _ended_badly(history)
    yield from _duplicated(history)


def _vanished(history: History) -> Iterator[Finding]:
    handles = {o.task: o for o in history.of(Op.SUBMIT, types=[Type.OK])}
    for lost in history.of(Op.STATUS, types=[Type.FAIL]):
        acknowledged = handles.get(lost.task)
        if acknowledged is None or lost.task is None or expired(history, lost):
            continue
        if acknowledged.value.get("principal") != lost.value.get("principal"):
            continue  # it is not there for everybody
        if stopped(history, lost.task, at=lost.i) is Op.CANCEL and not came_too_late(history, lost.task):
            continue  # what was cancelled may be forgotten
        ttl_ms = ttl_of(history, lost)
        early = "" if ttl_ms is None else f", {lost.t - acknowledged.t:.1f} s later with a ttl of {ttl_ms / 1000:g} s"
        same_life = lost.life == acknowledged.life
        back = same_life and _in_another_session(history, acknowledged, lost)
        yield Finding(
            "task.vanished",
            f"the task {lost.task} was acknowledged in life {acknowledged.life} and is unknown in life {lost.life}"
            f"{' to a client that is back in another session' if back else ''}{early}: {lost.value.get('error', '')}",
            (acknowledged.i, lost.i),
            {"task": lost.task, **({"ttl_ms": ttl_ms} if ttl_ms is not None else {})},
            _ANOTHER_SESSION if back else _EVICTED if early and same_life else None,
        )
        return


def _in_another_session(history: History, acknowledged: Operation, lost: Operation) -> bool:
    """Whether who asks has opened a session since it was given the task; the stateless era has none."""
    opened = (o for o in history.of(Op.CONNECT, types=[Type.OK]) if acknowledged.i < o.i < lost.i)
    return any(o.process == lost.process and o.value.get("session") and not o.value.get("again") for o in opened)


def ttl_of(history: History, lost: Operation) -> float | None:
    """How long the task was to be kept, as it last said before it was lost; None where it said nothing."""
    said = [o.value["ttl_ms"] for o in _seen(history, lost.task) if o.i < lost.i and "ttl_ms" in o.value]
    return said[-1] if said else None


def expired(history: History, lost: Operation) -> bool:
    """Whether a task that is unknown had been kept for as long as it had said; counted from when it was asked for."""
    return is_over(history, lost.task, at=lost)


def is_over(history: History, task: str | None, *, at: Operation) -> bool:
    """Whether the time is over for which a task had said that it is kept."""
    ttl_ms = ttl_of(history, replace(at, task=task))
    asked = [o.t for o in history.of(Op.SUBMIT, types=[Type.INVOKE]) if o.i < at.i]
    return ttl_ms is not None and bool(asked) and (at.t - asked[0]) * 1000 >= ttl_ms


def _seen(history: History, task: str | None) -> Iterator[Operation]:
    return (o for o in history.of(Op.STATUS, types=[Type.OK]) if o.task == task)


def orphan(history: History) -> tuple[Operation, Operation] | None:
    """A task that nobody runs any more: its last status, which is not an end, and the end of the stalled run."""
    end = next((o for o in history.of(Op.END) if o.value.get("reason") == "stalled"), None)
    status = max(history.of(Op.STATUS, types=[Type.OK]), key=lambda o: o.i, default=None)
    if end is None or status is None or status.value["status"] in TERMINAL or status.life != end.life:
        return None
    if stopped(history, status.task, at=status.i):
        return None  # it was told to stand still
    moved = [o for o in history.of(Op.PROGRESS) if o.life == end.life]
    return (status, end) if len(moved) <= 1 and end.life > 1 else None


def unknown_end(history: History) -> str | None:
    """The word that nobody knows at which a task stands still after a restart; None where it is a word for going on.

    The client says of a word that nobody knows it (info); one that was there before the restart too is no end.
    """
    orphaned = orphan(history)
    if orphaned is None:
        return None
    status, _ = orphaned
    word = status.value["status"]
    unknown = any(said.value.get("status") == word for said in history.of(Op.STATUS, types=[Type.INFO]))
    before = any(seen.value["status"] == word and seen.life < status.life for seen in _seen(history, status.task))
    return str(word) if unknown and not before else None


def _complete(history: History) -> bool:
    """Whether the ledger shows every record: then the word that nobody knows is the subject's for success."""
    effects = (as_table(o.value["executions"], 3) for o in history.of(Op.EFFECTS))
    return any(e.columns[1].distinct >= history.header.workload["records"] for e in effects)


def _orphaned(history: History) -> Iterator[Finding]:
    """A word that nobody knows, at which all stands still after a restart, is an end that the job came to."""
    word, claimed = unknown_end(history), held_sharply(history.header.claims, "records.lost")
    orphaned = orphan(history)
    if orphaned and word is not None:
        status, end = orphaned
        if claimed and not _complete(history):
            yield Finding(
                "records.lost",
                f"the job did not resume: it ended as {word!r}",
                (status.i, end.i),
                {"status": word, "silent_s": end.value["silent_s"]},
                NOT_RESUMED,
            )
    elif orphaned:
        status, end = orphaned
        yield Finding(
            "task.orphaned",
            f"the task still says {status.value['status']!r} {end.value['silent_s']:.1f} s after the restart, and "
            f"nothing moves",
            (status.i, end.i),
            {"status": status.value["status"], "silent_s": end.value["silent_s"]},
        )


def _resurrected(history: History) -> Iterator[Finding]:
    ends: dict[str | None, Operation] = {}
    for status in history.of(Op.STATUS, types=[Type.OK]):
        ended = ends.get(status.task)
        if ended and status.value["status"] != ended.value["status"]:
            yield Finding(
                "task.resurrected",
                f"the task had ended as {ended.value['status']!r} and says {status.value['status']!r} later",
                (ended.i, status.i),
                {"before": ended.value["status"], "after": status.value["status"]},
            )
            return
        if status.value["status"] in TERMINAL:
            ends[status.task] = status


def _false_success(history: History) -> Iterator[Finding]:
    workload = history.header.workload["records"]
    for output in first_outputs(history):
        records = output.value.get("records")
        held = as_table(records, 2).columns[0].distinct if records is not None else output.value.get("count")
        if isinstance(held, int | float) and held < workload:
            yield Finding(
                "task.false-success",
                f"the task says completed with {held} of {workload} records",
                (output.i,),
                {"records": held, "workload": workload},
            )


def _too_early(history: History) -> Iterator[Finding]:
    """Completed, and its records came more than a batch later: unless that is how it is with nobody in the way, too."""
    golden = next(history.of(Op.EXPECT), None)
    if golden is None or golden.value.get("settled_s") or services_died(history):
        return
    batch_s = next((end.value.get("batch_s") for end in history.of(Op.END)), None) or 0.0
    for output in first_outputs(history):
        settled_s, first = output.value.get("settled_s"), output.value.get("at_first")
        if first is not None and settled_s and settled_s > batch_s:
            yield Finding(
                "task.false-success",
                f"the task says completed with {first} of {history.header.workload['records']} records; the others "
                f"came within {settled_s:.2f} s",
                (output.i,),
                {"records": first, "settled_s": settled_s},
            )


def _ended_badly(history: History) -> Iterator[Finding]:
    """A job that nobody cancelled and that ends in anything but success has lost its records.

    Without the claim to resume it may fail, but only where it was disturbed.
    """
    for output in history.of(Op.OUTPUT, types=[Type.FAIL]):
        if any(before.i < output.i and before.task == output.task for before in history.of(Op.OUTPUT)):
            continue  # it had ended already: that is the afterlife's matter
        if ended_by_order(history, output) or calls_failed(history):
            continue
        disturbed = any(fault.i < output.i for fault in history.of(Op.FAULT))
        if disturbed and not held_sharply(history.header.claims, "records.lost"):
            continue
        if lost := _never_taken_again(history, output):
            waited_s = output.t - lost.t
            yield Finding(
                "recovery.deadline",
                f"the answer to a submission was lost with its server in life {lost.life}, and until {waited_s:.1f} s "
                f"later no job was taken any more: {output.value.get('error')}",
                (lost.i, output.i),
                {"waited_s": round(waited_s, 3)},
                NO_KEEPER,
            )
        elif output.value.get("reason") != "vanished":
            yield Finding(
                "records.lost",
                f"the job {'did not resume: it ' if disturbed else ''}ended with "
                f"{output.value.get('error', 'an error')}",
                (output.i,),
                {"reason": output.value.get("reason")},
            )


def _never_taken_again(history: History, refused: Operation) -> Operation | None:
    """The submission whose answer was lost, where no job had been taken, and each further one was refused since.

    Where a job is a single call, the next one is no submission: it goes on, or has not resumed.
    """
    if history.header.blocking:
        return None
    asked = [o for o in history.of(Op.SUBMIT) if o.i < refused.i]
    busy = any(o.type is Type.FAIL and o.value.get("busy") for o in asked)
    if refused.value.get("reason") != "refused" or not busy or any(o.type is Type.OK for o in asked):
        return None
    return next((o for o in asked if o.type is Type.INFO), None)


def _duplicated(history: History) -> Iterator[Finding]:
    """Two tasks for one job. A start tool's answer that a crash swallowed may be asked for again: nobody could know."""
    allowed = 1 + (0 if history.header.blocking else unanswered(history.of(Op.SUBMIT)))
    for effects in history.of(Op.EFFECTS):
        tasks = sorted(set(as_table(effects.value["executions"], 3).columns[0]))
        if len(tasks) <= allowed:
            continue
        if _renamed(history, effects):
            yield Finding(
                "task.identity",
                f"one job was worked on under {len(tasks)} ids, none of which did all of it: it was given another one "
                f"when the server was restarted",
                (effects.i,),
                {"tasks": tasks[:10]},
            )
        else:
            yield Finding(
                "task.duplicated",
                f"one job was submitted, and {len(tasks)} tasks have worked on it",
                (effects.i,),
                {"tasks": tasks[:10]},
            )


def _renamed(history: History, effects: Operation) -> bool:
    """Whether several tasks are one that has changed its id: none of them did all records, and together they did."""
    restarts = sum(1 for _ in history.of(Op.BOOT)) - 1
    done: dict[str, set[str]] = {}
    for task, record, _ in effects.value["executions"]:
        done.setdefault(task, set()).add(record)
    workload, shared = history.header.workload, sum(map(len, done.values())) - len(set[str]().union(*done.values()))
    whole = len(set[str]().union(*done.values())) >= workload["records"]
    alone = any(len(records) >= workload["records"] for records in done.values())
    return whole and not alone and 1 <= len(done) - 1 <= restarts and shared <= restarts * workload["batch"]
