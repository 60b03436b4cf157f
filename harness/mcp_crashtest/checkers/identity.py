"""Who a task is: it keeps its id and the time of its creation over every restart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    """What was told once and otherwise later. An id that changes within a life is that of an answer, not of a task."""
    told = [o for o in history.of(Op.STATUS, types=[Type.OK]) if name in o.value]
    first: dict[str | None, Operation] = {}
    for status in told:
        before = first.setdefault(status.task, status)
        if before.value[name] == status.value[name]:
            continue
        if name == "id" and _varies(told, before):
            return
        yield before, status


def _varies(told: Sequence[Operation], seen: Operation) -> bool:
    """Whether the same life has told more than one id of the same task."""
    return len({o.value["id"] for o in told if (o.task, o.life) == (seen.task, seen.life)}) > 1
