"""The jobs: how each kind of task reads, processes and finishes. Pure of storage; the engine commits.

A job must do the same whenever it is asked the same: a batch that was cut off is done again by the next life.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from reference_server import records
from reference_server.errors import Refusal
from reference_server.sealed import DataRoot
from reference_server.sources import Source, check_unchanged, dataset, file_source, using
from reference_server.store import Task

PROCESSING = "resumable_data_processing"
MIGRATION = "data_migration"


@dataclass(frozen=True, slots=True)
class Batch:
    """A processed batch: names of its records, their bodies as JSON texts, and the cursor behind them."""

    names: list[str]
    bodies: list[str]
    cursor: int


class Job(Protocol):
    """One kind of task."""

    def batch(self, task: Task) -> Batch:
        """Read and process the batch at the task's cursor; empty when there is nothing left. Raises Refusal."""

    def message(self, done: int, total: int) -> str:
        """What to tell of a progress."""

    @property
    def ends_with_last_batch(self) -> bool:
        """Whether the task is complete with its last batch; else ``finish`` has work to do."""

    def finish(self, task: Task, bodies: Iterator[str]) -> tuple[dict[str, Any], Callable[[], None]]:
        """Make the output of all committed bodies; may be done twice. Returns the result, and what puts it in place."""


@dataclass(frozen=True, slots=True)
class Processing:
    """Process a dataset; its output are the committed records."""

    source: Source
    dataset_name: str

    def batch(self, task: Task) -> Batch:
        """See Job."""
        check_unchanged(self.source, self.dataset_name, task.parameters["fingerprint"])
        read, cursor = self.source.read(task.cursor, min(task.batch_size, task.total - task.progress))
        processed = [records.process(self.dataset_name, task.progress + n, record) for n, record in enumerate(read)]
        return Batch([r["record_id"] for r in processed], [records.encode(r) for r in processed], cursor)

    def message(self, done: int, total: int) -> str:
        """See Job."""
        return f"Processed {done}/{total} records"

    @property
    def ends_with_last_batch(self) -> bool:
        """See Job."""
        return True

    def finish(self, task: Task, bodies: Iterator[str]) -> tuple[dict[str, Any], Callable[[], None]]:
        """See Job."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Migration:
    """Copy records from a file to another; they are staged in the store, and the file appears whole or not at all."""

    source: Source
    source_path: str
    destination: Path
    destination_path: str

    def batch(self, task: Task) -> Batch:
        """See Job."""
        check_unchanged(self.source, self.source_path, task.parameters["fingerprint"])
        read, cursor = self.source.read(task.cursor, min(task.batch_size, task.total - task.progress))
        names = [str(record.get("id", task.progress + n)) for n, record in enumerate(read)]
        return Batch(names, [json.dumps(record, ensure_ascii=False) for record in read], cursor)

    def message(self, done: int, total: int) -> str:
        """See Job."""
        return f"Migrated {done}/{total} records"

    @property
    def ends_with_last_batch(self) -> bool:
        """See Job."""
        return False

    def finish(self, task: Task, bodies: Iterator[str]) -> tuple[dict[str, Any], Callable[[], None]]:
        """See Job: write the destination beside its place, and flush it to the disk; one move puts it there."""
        temporary = self.destination.with_name(f".{self.destination.name}.{task.task_id}")
        with using(self.destination_path):
            self.destination.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="utf-8", newline="", errors="surrogateescape") as file:
                for line in _lines(bodies, self.destination.suffix):
                    file.write(line)
                file.flush()
                os.fsync(file.fileno())
        result = {
            "migrated_records": task.progress,
            "total_records": task.total,
            "source_path": self.source_path,
            "destination_path": self.destination_path,
            "digest": task.digest,
            "success": True,
        }
        return result, partial(self._place, temporary)

    def _place(self, temporary: Path) -> None:
        with using(self.destination_path):
            temporary.replace(self.destination)
            folder = os.open(self.destination.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def job_of(kind: str, parameters: dict[str, Any], root: DataRoot) -> Job:
    """The job of a task, from what is stored of it; raises Refusal when its files are not what they were."""
    if kind == PROCESSING:
        return Processing(dataset(root, parameters["dataset_name"]), parameters["dataset_name"])
    source, destination = parameters["source_path"], parameters["destination_path"]
    return Migration(
        file_source(root.resolve(source, "source_path")),
        source,
        root.resolve(destination, "destination_path"),
        destination,
    )


def _lines(bodies: Iterator[str], suffix: str) -> Iterator[str]:
    """The destination's lines: JSON lines, or CSV with the first record's names as the header."""
    if suffix == ".jsonl":
        for body in bodies:
            yield body + "\n"
        return
    header: list[str] | None = None
    for body in bodies:
        record = json.loads(body)
        if header is None:
            header = list(record)
            yield _row(header)
        if list(record) != header:
            raise Refusal(f"a CSV file needs the same fields in every record: {header}, but found {list(record)}")
        yield _row([v if isinstance(v, str) else json.dumps(v) for v in record.values()])


def _row(values: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()
