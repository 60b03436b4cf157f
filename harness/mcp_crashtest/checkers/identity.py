"""Who a task is: it keeps its id and the time of its creation over every restart."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.verdict import Finding

_TOLD = {"id": "its id", "created_at": "the time of its creation"}


def check(history: History) -> Iterator[Finding]:
    """Judge what the tasks say of themselves."""
    for name, what in _TOLD.items():
        moved = next(_moved(history, name), None)
        if moved is not None:
            before, after = moved
            yield Finding(
                "task.identity",
                f"the task {before.task} has changed {what}: {before.value[name]!r} in life {before.life}, then "
                f"{after.value[name]!r} in life {after.life}",
                (before.i, after.i),
                {"before": before.value[name], "after": after.value[name]},
            )


def _moved(history: History, name: str) -> Iterator[tuple[Operation, Operation]]:
    first: dict[str | None, Operation] = {}
    for status in history.of(Op.STATUS, types=[Type.OK]):
        if name in status.value:
            before = first.setdefault(status.task, status)
            if before.value[name] != status.value[name]:
                yield before, status
