"""A client under test: it comes back to the task that it had, its state can be read, and it ends with the result.

What it asked was seen by the lab's relay: a SUBMIT is a call of the job's tool, told apart by the digest of its
arguments; a STATUS is its question about a task. A life of the client is a process: client-0, client-1, ...
The server is not on trial: where it ends by itself the run proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcp_crashtest.model.columns import as_table
from mcp_crashtest.model.operation import History, Op, Operation, Type, name_of
from mcp_crashtest.model.text import NOTHING
from mcp_crashtest.model.verdict import Finding

_ANSWERS = (Type.OK, Type.INFO)


def on_trial(history: History) -> bool:
    """Whether this is the run of a client under test."""
    return "client" in history.header.subject


def check(history: History) -> Iterator[Finding]:
    """Judge the client."""
    yield from _first(_second_task(history))
    yield from _first(_unreadable(history))
    yield from _duplicated(history)
    if not any(True for _ in history.of(Op.EXIT)):
        yield from _first(_result(history))


def unproven(history: History) -> Iterator[str]:
    """What a run without findings has not shown."""
    for gone in history.of(Op.EXIT):
        yield f"the server ended by itself with {gone.value.get('how')}: nothing is shown about its client"
    if not any(True for _ in history.of(Op.SUBMIT, types=[Type.INVOKE])):
        yield "the client has never called the job's tool at the url that it was given"
    if not any(_worked_on(effects) for effects in history.of(Op.EFFECTS)):
        yield "no ledger shows how many tasks were worked on: have the server write {ledger}"
    expected = next((o.value["result"] for o in history.of(Op.EXPECT)), None)
    if expected is None and history.header.plan["faults"]:
        yield "there is no golden run to compare the client's result with"
    for output in history.of(Op.OUTPUT, types=[Type.OK]):
        if all(text == NOTHING for _, text in output.value["result"]):
            yield "the client has printed no JSON with a result: say in [client] result where it is found"


def _first(findings: Iterator[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield finding
        return


def _second_task(history: History) -> Iterator[Finding]:
    """A later life that submits another request than the life that had the task, or is answered with another task.

    Who has asked about a task has had it; a job at a tool that blocks is had as soon as its call was on its way. The
    same request made again attaches to the first one, where the server promises that.
    """
    had: Operation | None = None
    submitted: Operation | None = None
    for event in history.of(Op.SUBMIT, Op.STATUS):
        if event.op is Op.STATUS:
            had = had or event
        elif event.type is Type.INVOKE:
            submitted = submitted or event
            before = submitted if history.header.blocking else had
            if before and before.process != event.process and event.value["request"] != submitted.value["request"]:
                yield _another(before, event, "submits another request")
        elif (
            event.task
            and had
            and had.task
            and had.process != event.process
            and name_of(event.task) != name_of(had.task)
        ):
            yield _another(had, event, f"starts the task {event.task}")


def _another(before: Operation, event: Operation, does: str) -> Finding:
    had = f"the task {before.task}" if before.task else "its job under way"
    return Finding(
        "client.reattach",
        f"{before.process} had {had}, and {event.process}, started with the same state, {does}",
        (before.i, event.i),
        {"had": before.task, "started": event.task},
    )


def _unreadable(history: History) -> Iterator[Finding]:
    """A state file that is torn or missing, changes its task, or names one that the server does not have.

    Before a client has asked about a task it need not have a state: it may know its key without one. Once it is done it
    may clean up.
    """
    known = {name_of(o.task) for o in history.of(Op.SUBMIT, types=_ANSWERS) if o.task}
    known |= {name_of(task) for effects in history.of(Op.EFFECTS) for task in _worked_on(effects)}
    had: Operation | None = None
    held: Operation | None = None
    for event in history.of(Op.STATUS, Op.STATE):
        if event.op is Op.STATUS:
            had = had or event
        elif event.type is not Type.OK:
            yield _state(event, f"cannot be read: {event.value.get('error')}")
        elif not event.value["found"]:
            if had and not event.value["done"]:
                yield _state(event, f"does not exist, and the client had the task {had.task}", had)
        else:
            handles = event.value["handles"]
            strange = [handle for handle in handles if known and name_of(handle) not in known]
            if strange:
                yield _state(event, f"names the task {strange[0]!r}, which the server does not have")
            if held and handles and held.value["handles"] != handles:
                yield _state(event, f"named {held.value['handles']} before, and names {handles} now", held)
            held = event if handles else held


def _state(event: Operation, what: str, before: Operation | None = None) -> Finding:
    shown = (before.i, event.i) if before else (event.i,)
    return Finding("client.state", f"the state file that {event.value.get('of')} has left {what}", shown)


def _duplicated(history: History) -> Iterator[Finding]:
    for effects in history.of(Op.EFFECTS):
        tasks = _worked_on(effects)
        if len(tasks) > 1:
            yield Finding(
                "task.duplicated",
                f"the client was given one job, and {len(tasks)} tasks were worked on",
                (effects.i,),
                {"tasks": tasks[:10]},
            )


def _result(history: History) -> Iterator[Finding]:
    expected = next((o.value["result"] for o in history.of(Op.EXPECT)), None)
    for output in history.of(Op.OUTPUT):
        if output.type is not Type.OK:
            how, words = output.value["how"], output.value.get("last_words", "")
            yield Finding("client.result", f"{output.process} ended with {how}: {words}", (output.i,))
        elif expected is not None and output.value["result"] != expected:
            pairs = zip(output.value["result"], expected, strict=True)
            (path, have), (_, want) = next((a, b) for a, b in pairs if a != b)
            message = f"{output.process} printed {have} at {path}; the golden run printed {want}"
            yield Finding("client.result", message, (output.i,))
    for end in history.of(Op.END):
        if end.value["reason"] == "stalled":
            message = f"the client has not ended {end.value['silent_s']:.1f} s after it and its server were started"
            yield Finding("client.result", message, (end.i,), {"silent_s": end.value["silent_s"]})


def _worked_on(effects: Operation) -> list[str]:
    return sorted(set(as_table(effects.value["executions"], 3).columns[0]))
