"""Final outputs that stand in a file: JSONL or CSV, read by the lab at the moment at which the job says it is done."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp_crashtest.contracts.job import summarise
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.subjects.subject import Subject


def with_file_records(value: Mapping[str, Any], subject: Subject) -> Mapping[str, Any]:
    """The client's output, with the records added that the profile says are in a file; raises SubjectError."""
    spec = subject.profile.observe.records
    if spec is None or not spec.file:
        return value
    path = Path(subject.fill(spec.file))
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise SubjectError(f"the job says it is done, and its output cannot be read: {error}") from error
    return {**value, "records": summarise(parse_records(text, path.suffix), spec.key)}


def parse_records(text: str, suffix: str) -> list[Any]:
    """Records of a CSV file with a header, else of JSON lines; a line that is torn is a record called by its text."""
    if suffix == ".csv":
        return list(csv.DictReader(io.StringIO(text, newline="")))
    records: list[Any] = []
    for line in text.splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            records.append({"torn": line})
    return records
