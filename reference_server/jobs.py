"""The jobs: how each kind of task reads, works and finishes. Pure of storage; the engine commits.

A job must do the same whenever it is asked the same: a batch that was cut off is done again by the next life.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from reference_server.task import Task


class Batch(NamedTuple):
    """A processed batch: names of its records, their bodies as JSON texts of one line, and the cursor behind them.

    ``state`` is what else the job must remember; ``rest_s`` how long the task is to rest before its next batch.
    """

    names: list[str]
    bodies: list[str]
    cursor: int
    message: str
    state: bytes | None = None
    rest_s: float = 0.0


def _nowhere() -> None:
    """There is no output but the records."""


@dataclass(frozen=True, slots=True)
class Finish:
    """A task's result, what puts its output in place, and whether its records are kept in the store.

    ``discard`` removes what was not put in place.
    """

    result: dict[str, Any]
    place: Callable[[], None] = _nowhere
    discard: Callable[[], None] = _nowhere
    keep: bool = True

    @property
    def has_output(self) -> bool:
        """Whether there is anything to be put in place."""
        return self.place is not _nowhere


class Job(Protocol):
    """One kind of task."""

    def questions(self, task: Task) -> dict[str, Any]:
        """What must be answered before the work begins: elicitation requests, by key. Raises Refusal."""

    def batch(self, task: Task, state: bytes | None) -> Batch:
        """Do the batch at the task's cursor; no records when there is nothing left. Raises Refusal."""

    def finish(self, task: Task, state: bytes | None, bodies: Iterator[str]) -> Finish:
        """All batches are committed: make the output; may be done twice. Raises Refusal."""
