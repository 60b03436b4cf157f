"""Progress, as clients saw it: never undone by a crash, rising within a boot, never beyond the total.

Progress counts records, whatever unit the subject uses on the wire; the contract has converted it.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.model.operation import History, Op, Operation, Type
from harness.model.verdict import Finding


def check(history: History) -> Iterator[Finding]:
    """Judge every progress event; one finding a kind is enough."""
    yield from _first(_regressed(history))
    yield from _first(_exceeded(history))
    yield from _first(_fallen(history))


def _first(findings: Iterator[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield finding
        return


def _regressed(history: History) -> Iterator[Finding]:
    highest: Operation | None = None
    for seen in history.of(Op.PROGRESS):
        if highest is None or seen.value["done"] > highest.value["done"]:
            highest = seen
        elif highest.boot < seen.boot and seen.value["done"] < highest.value["done"]:
            yield Finding(
                "progress.regressed",
                f"progress {highest.value['done']} was seen in boot {highest.boot}, and {seen.value['done']} in boot "
                f"{seen.boot} after it",
                (highest.i, seen.i),
                {"before": highest.value["done"], "after": seen.value["done"]},
            )


def _exceeded(history: History) -> Iterator[Finding]:
    workload = history.header.workload["records"]
    for seen in history.of(Op.PROGRESS):
        if seen.value["done"] > workload:
            yield Finding(
                "progress.monotonic",
                f"progress {seen.value['done']} exceeds the workload of {workload} records",
                (seen.i,),
                {"done": seen.value["done"], "workload": workload},
            )


def _fallen(history: History) -> Iterator[Finding]:
    """Within one boot and one call progress rises; a call begins with a submission or a new connection."""
    last: dict[str, Operation] = {}
    for event in history.of(Op.PROGRESS, Op.SUBMIT, Op.CONNECT):
        if event.op is not Op.PROGRESS:
            if event.type is Type.INVOKE:
                last.pop(event.process, None)
            continue
        before = last.get(event.process)
        if before and before.boot == event.boot and event.value["done"] <= before.value["done"]:
            yield Finding(
                "progress.monotonic",
                f"progress does not rise within boot {event.boot}: {before.value['done']}, then {event.value['done']}",
                (before.i, event.i),
                {"before": before.value["done"], "after": event.value["done"]},
            )
        last[event.process] = event
