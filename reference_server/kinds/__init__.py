"""The kinds of tasks, and how to find a task's job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reference_server.data_root import DataRoot
from reference_server.errors import Refusal
from reference_server.jobs import Job
from reference_server.kinds import batches, migration, processing, training

KINDS: dict[str, Callable[[dict[str, Any], DataRoot], Job]] = {
    processing.KIND: processing.Processing.of,
    migration.KIND: migration.Migration.of,
    batches.KIND: batches.BatchProcessing.of,
    training.KIND: training.Training.of,
}


def job_of(kind: str, parameters: dict[str, Any], root: DataRoot) -> Job:
    """The job of a task, from what is stored of it; raises Refusal when its files are not what they were."""
    if kind not in KINDS:
        raise Refusal(f"this server does not know tasks of the kind {kind!r}")
    return KINDS[kind](parameters, root)
