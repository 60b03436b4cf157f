"""Migrating records from a file to another: they are staged in the store, and the file appears whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from reference_server import outputs
from reference_server.data_root import DataRoot
from reference_server.datasets import DATABASES, file_source
from reference_server.errors import Refusal
from reference_server.folders import make_folder
from reference_server.jobs import Batch, Finish
from reference_server.sources import Source, check_unchanged, using
from reference_server.table_output import write_table
from reference_server.task import Task, now

KIND = "data_migration"
OVERWRITE = "overwrite"
_TABLE = "records"


@dataclass(frozen=True, slots=True)
class Migration:
    """See Job."""

    source: Source
    source_path: str
    destination: Path
    destination_path: str

    @classmethod
    def of(cls, parameters: dict[str, Any], root: DataRoot) -> Migration:
        """From what is stored of the task; raises Refusal."""
        source, destination = parameters["source_path"], parameters["destination_path"]
        read_from = file_source(root.resolve_readable(source, "source_path"))
        return cls(read_from, source, root.resolve(destination, "destination_path"), destination)

    def questions(self, task: Task) -> dict[str, Any]:
        """Whether a file that stands in the way may be overwritten, if that was to be asked; raises Refusal."""
        answer = task.answers.get(OVERWRITE)
        if answer is not None:
            if answer.get("action") != "accept" or answer.get("content", {}).get(OVERWRITE) is not True:
                raise Refusal(f"{self.destination_path} was not to be overwritten")
            return {}
        with using(self.destination_path):
            if not task.parameters.get("confirm") or not self.destination.exists():
                return {}
        return {OVERWRITE: _question(f"{self.destination_path} exists. May it be overwritten?")}

    def batch(self, task: Task, state: bytes | None) -> Batch:
        """See Job."""
        check_unchanged(self.source, self.source_path, task.parameters["fingerprint"])
        read, cursor = self.source.read(task.cursor, min(task.batch_size, task.total - task.progress))
        names = [str(record.get("id", task.progress + n)) for n, record in enumerate(read)]
        bodies = [json.dumps(record, ensure_ascii=False) for record in read]
        return Batch(names, bodies, cursor, f"Migrated {task.progress + len(read)}/{task.total} records")

    def finish(self, task: Task, state: bytes | None, bodies: Iterator[str]) -> Finish:
        """See Job: write the destination beside its place, and flush it to the disk; one move puts it there."""
        written = outputs.beside(self.destination, task)
        try:
            with using(self.destination_path):
                make_folder(self.destination.parent)
                self._write(written, bodies)
        except BaseException:
            outputs.discard(self.destination, task)
            raise
        result = {
            "migrated_records": task.progress,
            "total_records": task.total,
            "source_path": self.source_path,
            "destination_path": self.destination_path,
            "digest": task.digest,
            "success": True,
            "completion_time": max(task.updated_at, now()),
        }
        return Finish(
            result, partial(self._place, written), partial(outputs.discard, self.destination, task), keep=False
        )

    def _write(self, written: Path, bodies: Iterator[str]) -> None:
        if self.destination.suffix in DATABASES:
            write_table(written, _TABLE, bodies)
            return
        with written.open("w", encoding="utf-8", newline="", errors="surrogateescape") as file:
            for line in _lines(bodies, self.destination.suffix):
                file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _place(self, written: Path) -> None:
        with using(self.destination_path):
            outputs.place(written, self.destination)


def _question(message: str) -> dict[str, Any]:
    """An elicitation request, as the protocol has it: a form with one box to tick."""
    schema = {
        "type": "object",
        "properties": {OVERWRITE: {"type": "boolean", "title": message}},
        "required": [OVERWRITE],
    }
    params = {"mode": "form", "message": message, "requestedSchema": schema}
    return {"method": "elicitation/create", "params": params}


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
