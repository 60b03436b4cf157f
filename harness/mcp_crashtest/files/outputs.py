"""Final outputs that stand in a file: JSONL or CSV, read by the lab at the moment at which the job says it is done."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from mcp_crashtest.model.errors import SubjectError


def read_records(path: Path) -> list[Any]:
    """The records in a file; raises SubjectError."""
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise SubjectError(f"the job says it is done, and its output cannot be read: {error}") from error
    return parse_records(text, path.suffix)


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
