"""Which outputs of a run are judged against the golden run's, and which against the first that the same task gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from mcp_crashtest.model.faults import FAIL, Victim
from mcp_crashtest.model.operation import History, Op, Operation, Type

_SHOWN = 5


def first_outputs(history: History) -> Iterator[Operation]:
    """The first completed output of each task."""
    seen: set[str | None] = set()
    for output in _completed(history):
        if output.task not in seen:
            seen.add(output.task)
            yield output


def read_again(history: History) -> Iterator[tuple[Operation, Operation]]:
    """Each completed output of a task that had given one before, behind that first one."""
    first: dict[str | None, Operation] = {}
    for output in _completed(history):
        if output.task in first:
            yield first[output.task], output
        first.setdefault(output.task, output)


def _completed(history: History) -> Iterator[Operation]:
    return (o for o in history.of(Op.OUTPUT, types=[Type.OK]) if o.value.get("status") == "completed")


def services_died(history: History) -> bool:
    """Whether something that the server needs was dead for a while: what could not be read then was still there."""
    return any(_hits_service(fault) for fault in history.of(Op.FAULT))


def calls_failed(history: History) -> bool:
    """Whether a system call of the server's was made to fail: a job may say that it has failed then."""
    return any(fault.value["kind"] == FAIL for fault in history.of(Op.FAULT, types=[Type.OK]))


def is_piped(history: History) -> bool:
    """Whether the server is spoken to over its pipes."""
    subject = history.header.subject
    return bool(subject.get("command")) and not subject.get("url")


def interrupts(event: Operation) -> bool:
    """Whether this is a service's proven death, or an error that came of one: a job may have been broken off."""
    return event.op is Op.OUTAGE or (event.op is Op.FAULT and event.type is Type.OK and _hits_service(event))


def _hits_service(fault: Operation) -> bool:
    return Victim(fault.value["victim"]).hits_service


def unanswered(submissions: Iterable[Operation]) -> int:
    """How many of them were never answered: a crash has swallowed the answer, and nobody could know."""
    types = Counter(o.type for o in submissions)
    return types[Type.INVOKE] - types[Type.OK] - types[Type.FAIL]


def some(keys: Sequence[str]) -> str:
    """The first few keys, and how many more there are."""
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(map(repr, keys[:_SHOWN])) + more
