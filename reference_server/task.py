"""A task, as it is asked for and as it is stored. Where it may go from each status is said in ``lifecycle``."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, NamedTuple

from reference_server.lifecycle import RUNNABLE, TERMINAL, Status
from reference_server.seals import Sealed


class Lasting(IntEnum):
    """How long a submission's key stands for its task."""

    WHILE_UNFINISHED = 0
    UNLESS_FAILED = 1
    FOR_EVER = 2


@dataclass(frozen=True, slots=True)
class Submission:
    """What is asked for. Equal ``key``s attach to one task; only one unfinished task may have a ``target``."""

    kind: str
    key: str
    parameters: dict[str, Any]
    total: int
    batch_size: int
    owner: str = ""
    client_id: str | None = None
    target: str | None = None
    lasting: Lasting = Lasting.WHILE_UNFINISHED


class Task(NamedTuple):
    """A task's row. ``prompts`` are questions to its owner, by key; ``answers`` are the replies to them.

    ``sealed``: what its worker needs to seal the row itself, where rows have seals of ours. A new one is made with each
    batch: a named tuple is a quarter of the time of a frozen dataclass.
    """

    task_id: str
    kind: str
    owner: str
    client_id: str | None
    parameters: dict[str, Any]
    status: Status
    epoch: int
    step: int
    cursor: int
    digest: str
    progress: int
    total: int
    batch_size: int
    message: str
    result: dict[str, Any] | None
    error: str | None
    prompts: dict[str, Any]
    answers: dict[str, Any]
    created_at: str
    updated_at: str
    completed_at: str | None
    sealed: Sealed | None = None

    @property
    def finished(self) -> bool:
        """Whether the status is terminal."""
        return self.status in TERMINAL

    @property
    def runnable(self) -> bool:
        """Whether it waits for nothing but a worker."""
        return self.status in RUNNABLE

    @classmethod
    def of(cls, row: Any) -> Task:
        """From a row with all columns, and perhaps more."""
        values = {name: row[name] for name in cls._fields if name != "sealed"}
        for name in ("parameters", "result", "prompts", "answers"):
            values[name] = json.loads(values[name]) if values[name] else None if name == "result" else {}
        values["status"] = Status(values["status"])
        return cls(**values)


class Checkpoint(NamedTuple):
    """Where a task stands once a batch is committed.

    ``cursor`` lies behind its records, ``digest`` covers all records so far, ``state`` is what else the job must
    remember: None leaves the stored one as it is.
    """

    cursor: int
    digest: str
    message: str
    state: bytes | None = None


def now() -> str:
    """The time as it is stored and shown: UTC, ISO 8601, microseconds."""
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="microseconds")
