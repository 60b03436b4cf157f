"""Two clients in one run: what each of them saw is judged by itself, then the one against the other.

Two who ask at the same time hear their answers in no order that means anything: what one saw is held against nothing
that the other saw, but for outputs. A second job came behind the last fault, so that its view is that of an undisturbed
run, or was under way with the first, and has met the same faults; behind its end the first job's output was read again,
which belongs to the first one's view. Work is told apart by the ledger's own names for tasks, and is not judged where
these do not tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from mcp_crashtest.checkers import crowd
from mcp_crashtest.checkers.advice import NO_KEEPER
from mcp_crashtest.checkers.isolation import given_twice
from mcp_crashtest.checkers.outputs import some, unanswered
from mcp_crashtest.model.columns import Table, as_table
from mcp_crashtest.model.companions import AGAIN, Companion, is_of_second, is_refusal, other_task
from mcp_crashtest.model.operation import History, Op, Operation, Type, name_of
from mcp_crashtest.model.verdict import Finding

_FIRST = "client"
_OF_FIRST = (_FIRST, "operator")  # and who asks for something in its name
_DISTURBANCES = frozenset({Op.FAULT, Op.AWAY})
_ONE_LIST = "Keep what belongs to a job under its id, in memory too, and read it back by that id alone."
_STORED_KEY = "Store the idempotency key with the task, in one transaction, and look for it there and not in memory."
_ONE_WORKER = "Let whoever asks first claim the job with one statement, and everybody else wait for what it comes to."


def views(history: History) -> Sequence[History]:
    """What each client saw, with what the lab did; the whole history where there is one client."""
    companion = _companion(history)
    if companion is None:
        return (history,)
    if companion is Companion.CROWD:
        return crowd.views(history)
    seconds = [o for o in history.operations if is_of_second(o) and o.op is not Op.EXPECT]
    first = _told(history, [o for o in history.operations if not is_of_second(o)])
    if companion is Companion.SAME_CALL and other_task(history):
        found = [_of_first_call(history, first)]
    elif not companion.has_own_job:
        found = [first, *([_told(history, _as_the_second(history))] if seconds else [])]
    else:
        first = _with_effects(_unhurried(first), history, mine=False)
        found = [first, *([_with_effects(_own_job(history), history, mine=True)] if seconds else [])]
    return [_without_refusals(history, view) for view in found]


def check(history: History) -> Iterator[Finding]:
    """Judge one client's job against the other's."""
    companion = _companion(history)
    if companion is None:
        return
    if companion is Companion.CROWD:
        yield from crowd.check(history)
    elif companion.has_own_job:
        yield from _turned_away(history)
        yield from _one_id(history)
        yield from _leaks(history)
    elif companion is Companion.SAME_CALL and (other := other_task(history)):
        yield from _two_tasks(history, other)
    else:
        yield from _two_outputs(history)


def unproven(history: History) -> Iterator[str]:
    """Why nothing was shown of the second client, where nothing was."""
    companion = _companion(history)
    if companion is Companion.CROWD:
        yield from crowd.unproven(history)
        return
    outputs = [o for o in history.of(Op.OUTPUT) if is_of_second(o)]
    if _reads_on(history.operations) and not _stalled(history):
        yield "the run was over before the first job was read again behind the second"
    if companion is None or _is_trial(history) or any(o.type is Type.OK or not is_refusal(o) for o in outputs):
        return
    if outputs and companion.has_own_job:
        yield f"the server takes no second job: {outputs[-1].value.get('error')}"
    elif not outputs and not _stalled(history):
        yield "the run was over before the second client had its output"


def _stalled(history: History) -> bool:
    return "stalled" in {o.value.get("reason") for o in history.of(Op.END)}


def _companion(history: History) -> Companion | None:
    said = history.header.plan.get("companion")
    return Companion(said) if said else None


# --- views


def _told(history: History, seen: Iterable[Operation]) -> History:
    """A view: for a client that has its output the run has ended well, however it has ended for the other."""
    kept = list(seen)
    if any(o.op is Op.OUTPUT for o in kept) and not _reads_on(kept):
        kept = [replace(o, value={**o.value, "reason": "output"}) if o.op is Op.END else o for o in kept]
    return replace(history, operations=kept)


def _reads_on(view: Iterable[Operation]) -> bool:
    """Whether the first job's output was still to be read again when the run was over."""
    again = {o.op for o in view if o.process == AGAIN}
    return bool(again) and Op.OUTPUT not in again


def _is_trial(history: History) -> bool:
    """Whether a call was made again with nobody in the way: it shows what a server promises, and breaks nothing.

    A plan with faults is made for a server alone that has shown that it answers with the same task, or owes a second
    job its place behind the first only to one that has given it.
    """
    plan = history.header.plan
    wanted = _companion(history) is Companion.SAME_CALL or bool(plan.get("owed"))
    return wanted and not plan["faults"] and not plan["afterlife"]


def _of_first_call(history: History, first: History) -> History:
    """What the first client saw of its job, where the same call was answered with another one."""
    if _is_trial(history):
        return replace(first, operations=[o for o in first.operations if o.op is not Op.EFFECTS])
    return _with_effects(first, history, mine=False)


def _as_the_second(history: History) -> Iterator[Operation]:
    """It was given its handle by the first; what the ledger says is in the first one's view."""
    for event in history.operations:
        own_submit = _companion(history) is Companion.SAME_CALL
        by_first = event.process.startswith(_FIRST) and (own_submit or event.op is not Op.SUBMIT)
        if not by_first and event.op is not Op.EFFECTS:
            yield event


def _own_job(history: History) -> History:
    """A job of its own, which nobody has disturbed where it came behind the last fault."""
    beside = _companion(history) is Companion.JOB_BESIDE
    left_out = frozenset() if beside else _DISTURBANCES
    header, own = history.header, any(is_of_second(o) for o in history.of(Op.EXPECT))
    kept = [
        o
        for o in history.operations
        if is_of_second(o) or not (o.process.startswith(_OF_FIRST) or o.op in left_out or (own and o.op is Op.EXPECT))
    ]
    workload = {**header.workload, **(header.plan.get("second") or {})}
    met = {} if beside else {"faults": [], "afterlife": False}
    its = replace(header, workload=workload, plan={**header.plan, **met})
    return _unhurried(_told(replace(history, header=its), kept))


def _unhurried(view: History) -> History:
    """Two jobs share the server's time: how fast one of them recovers then, nobody has claimed."""
    claims = {**view.header.claims, "recovery_deadline_s": None}
    return replace(view, header=replace(view.header, claims=claims))


def _with_effects(view: History, history: History, *, mine: bool) -> History:
    """The view with the effects of one job: the second's are those under its name, where it has one of its own."""
    first, second = _name(history, second=False), _name(history, second=True)
    kept: list[Operation] = []
    for event in view.operations:
        if event.op is not Op.EFFECTS:
            kept.append(event)
        elif second is not None and second != first and second in _executions(event).columns[0]:
            others = {second} | (set() if mine else _of_lost_answers(history, _executions(event), {first, second}))
            rows = (row for row in _executions(event) if (row[0] in others) is mine)
            kept.append(replace(event, value={**event.value, "executions": Table.of(rows, width=3)}))
    return replace(view, operations=kept)


def _of_lost_answers(history: History, executions: Table, known: set[str | None]) -> set[str]:
    """Tasks that nobody was told of, as many as the second client has asked for without being answered: they are its.

    A job that was asked for and whose answer the server's death has swallowed may be done, and is asked for again.
    """
    lost = unanswered(o for o in history.of(Op.SUBMIT) if is_of_second(o))
    return set(sorted(set(executions.columns[0]) - known)[: max(lost, 0)])


def _executions(effects: Operation) -> Table:
    return as_table(effects.value["executions"], 3)


def _name(history: History, *, second: bool) -> str | None:
    """What the first or the second job is called."""
    given = (o.task for o in history.of(Op.SUBMIT, types=[Type.OK]) if is_of_second(o) is second)
    return next((name_of(task) for task in given if task is not None), None)


def _without_refusals(history: History, view: History) -> History:
    """A second job may be refused while the first goes on, and a second call for one job where another was heard."""
    companion, heard = _companion(history), any(True for _ in history.of(Op.OUTPUT, types=[Type.OK]))
    acknowledged = {is_of_second(o) for o in history.of(Op.SUBMIT, types=[Type.OK])}

    def lawful(refused: Operation) -> bool:
        if companion is Companion.SAME_CALL:
            return heard and is_of_second(refused)
        if companion is Companion.SAME_JOB:
            return heard and history.header.blocking
        return (is_of_second(refused) and True not in acknowledged) or _has_later(history, refused)

    kept = [o for o in view.operations if not (o.op is Op.OUTPUT and is_refusal(o) and lawful(o))]
    return replace(view, operations=kept)


def _has_later(history: History, refused: Operation) -> bool:
    return is_of_second(refused) and any(is_of_second(o) and o.i > refused.i for o in history.of(Op.OUTPUT))


# --- one against the other


def _turned_away(history: History) -> Iterator[Finding]:
    """A second job is refused behind the first one's end for as long as that may last, and is taken undisturbed."""
    if not history.header.plan.get("owed") or _is_trial(history):
        return
    ends = [o for o in history.of(Op.OUTPUT) if not is_of_second(o)]
    asked = [o for o in history.of(Op.SUBMIT) if is_of_second(o) and ends and o.i > ends[0].i]
    if not asked or asked[-1].type is not Type.FAIL or not any(True for _ in history.of(Op.FAULT, types=[Type.OK])):
        return
    refused, waited_s = asked[-1], asked[-1].t - ends[0].t
    yield Finding(
        "recovery.deadline",
        "a second job is taken behind the first where nobody is killed, and was refused in life "
        f"{refused.life} until {waited_s:.1f} s behind its end: {refused.value.get('error')}",
        (ends[0].i, refused.i),
        {"waited_s": round(waited_s, 3)},
        NO_KEEPER,
    )


def _one_id(history: History) -> Iterator[Finding]:
    """The second job's id is that of the first."""
    given = [o for o in history.of(Op.SUBMIT, types=[Type.OK]) if o.task is not None]
    for after in given:
        for before in given:
            if is_of_second(after) and not is_of_second(before) and before.task == after.task:
                yield given_twice(before, after)
                return


def _leaks(history: History) -> Iterator[Finding]:
    """Records in the one job's output that only the other job has."""
    outputs = {is_of_second(o): o for o in history.of(Op.OUTPUT, types=[Type.OK])}
    wanted = _wanted(history)
    for second, output in outputs.items():
        own, other = wanted.get(second), wanted.get(not second)
        if own is None or other is None:
            continue
        found = [key for key, _ in output.value.get("records") or ()]
        foreign = list(dict.fromkeys(key for key in found if key not in own and key in other))
        if foreign:
            whose, others = ("second", "first") if second else ("first", "second")
            yield Finding(
                "isolation.leak",
                f"{len(foreign)} records of the {others} job are in the output of the {whose}: {some(foreign)}",
                (output.i,),
                {"keys": foreign[:100], "total": len(foreign)},
                _ONE_LIST,
            )


def _wanted(history: History) -> Mapping[bool, frozenset[str]]:
    """The keys of either job's records, by whether it is the second; none where both have the same."""
    shown = {is_of_second(o): o.value.get("records") for o in history.of(Op.EXPECT)}
    return {second: frozenset(key for key, _ in records) for second, records in shown.items() if records is not None}


def _two_tasks(history: History, other: Operation) -> Iterator[Finding]:
    """The same call is answered with another task behind a fault, and was not with nobody in the way."""
    if _is_trial(history):
        return
    first = next(o for o in history.of(Op.SUBMIT, types=[Type.OK]) if not is_of_second(o))
    yield Finding(
        "task.duplicated",
        f"the same call was answered with the task {first.task} in life {first.life} and with another one, "
        f"{other.task}, in life {other.life}; with nobody in the way it is one task",
        (first.i, other.i),
        {"tasks": [first.task, other.task]},
        _STORED_KEY,
    )


def _two_outputs(history: History) -> Iterator[Finding]:
    """Two clients of one job were given different records."""
    first: dict[bool, Operation] = {}
    for output in history.of(Op.OUTPUT, types=[Type.OK]):
        first.setdefault(is_of_second(output), output)
    if len(first) < len((True, False)):
        return
    one, other = (Counter((key, digest) for key, digest in o.value.get("records") or ()) for o in first.values())
    if one != other:
        differing = list(dict.fromkeys(key for key, _ in [*(one - other), *(other - one)]))
        yield Finding(
            "task.resurrected",
            f"two clients were given different outputs of one job: they differ in {some(differing)}",
            tuple(o.i for o in first.values()),
            {"keys": differing[:100], "total": len(differing)},
            _ONE_WORKER,
        )
