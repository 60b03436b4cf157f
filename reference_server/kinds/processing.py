"""Processing a dataset: each record is normalised, classified and hashed; the output are the committed records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reference_server import records
from reference_server.data_root import DataRoot
from reference_server.datasets import dataset
from reference_server.jobs import Batch, Finish
from reference_server.sources import Source, check_unchanged
from reference_server.task import Task

KIND = "resumable_data_processing"


@dataclass(frozen=True, slots=True)
class Processing:
    """See Job."""

    source: Source
    dataset_name: str

    @classmethod
    def of(cls, parameters: dict[str, Any], root: DataRoot) -> Processing:
        """From what is stored of the task."""
        return cls(dataset(root, parameters["dataset_name"]), parameters["dataset_name"])

    def questions(self, task: Task) -> dict[str, Any]:
        """None."""
        return {}

    def batch(self, task: Task, state: bytes | None) -> Batch:
        """See Job."""
        check_unchanged(self.source, self.dataset_name, task.parameters["fingerprint"])
        read, cursor = self.source.read(task.cursor, min(task.batch_size, task.total - task.progress))
        processed = [records.process(self.dataset_name, task.progress + n, record) for n, record in enumerate(read)]
        names, bodies = [r["record_id"] for r in processed], [records.encode(r) for r in processed]
        return Batch(names, bodies, cursor, f"Processed {task.progress + len(read)}/{task.total} records")

    def finish(self, task: Task, state: bytes | None, bodies: Iterator[str]) -> Finish:
        """See Job."""
        return Finish({"total_processed": task.progress, "digest": task.digest, "success": True})
