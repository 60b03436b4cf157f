"""Short literal histories of what else can be done with tasks: cancel, pause, lists, other principals, mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mcp_crashtest.model.operation import Op, Type
from tests.harness.checkers.histories import Event


def acknowledged(op: Op, task: str = "t") -> list[Event]:
    return [Event("operator", type_, op, {}, task) for type_ in (Type.INVOKE, Type.OK)]


def listing(*tasks: Sequence[str], complete: bool = True, **more: Any) -> list[Event]:
    value = {"tasks": [list(task) for task in tasks], "complete": complete, **more}
    return [Event("client-0", Type.OK, Op.LISTING, value)]


def stats(unknown: Sequence[str] = (), **counts: int) -> list[Event]:
    return [Event("client-0", Type.OK, Op.STATS, {"counts": counts, "unknown": list(unknown)})]


def worked(executions: int) -> list[Event]:
    return [Event("lab", Type.OK, Op.WORKED, {"executions": executions})]


def of(principal: str, events: Sequence[Event]) -> list[Event]:
    """The same events by a client of this principal."""
    return [
        replace(event, process=f"client-{principal}", value={**event.value, "principal": principal}) for event in events
    ]


def submitted(job: str, task: str, process: str = "client-0") -> list[Event]:
    """A submission under a key of its own."""
    return [
        Event(process, Type.INVOKE, Op.SUBMIT, {"tool": "start", "job": job}),
        Event(process, Type.OK, Op.SUBMIT, {}, task),
    ]


def mistaken(type_: Type, **value: Any) -> list[Event]:
    return [Event("client-0", type_, Op.MISTAKE, {"asked": "an unknown task", **value})]


def strange(what: str, blame: str) -> list[Event]:
    value: Mapping[str, Any] = {"what": what, "blame": blame}
    return [Event("lab", Type.OK, Op.WIRE, dict(value))]


def strays(text: str) -> list[Event]:
    """A line on standard output that is no message."""
    return [Event("client-0", Type.INFO, Op.WIRE, {"blame": "subject", "stray": text})]


def acknowledged_with(op: Op, task: str = "t", **value: Any) -> list[Event]:
    """Acknowledged by an operator: how much the ledger had by then, or that it promises nothing."""
    return [Event("operator", Type.INVOKE, op, {}, task), Event("operator", Type.OK, op, value, task)]


def denied(op: Op, task: str = "t") -> list[Event]:
    return [Event("operator", Type.INVOKE, op, {}, task), Event("operator", Type.FAIL, op, {"error": "no"}, task)]


def looked(**shown: Any) -> list[Event]:
    """A look at ledger and task: executions, status, done."""
    return [Event("lab", Type.OK, Op.WORKED, shown)]
