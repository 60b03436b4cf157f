"""SQLite files that somebody else wrote, and how tests read and write tables."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from reference_server.counting import Counting
from reference_server.sources import Source
from tests.lab import ROOT, environment

DEADLINE_S = 60
MOST_BATCHES = 100
THREE = [{"id": n, "text": f"Größe {n}"} for n in range(3)]


def made(path: Path, *statements: str, **parameters: Any) -> Path:
    """A SQLite file that somebody else wrote."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement, parameters)
    return path


def texts(records: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(record) for record in records]


def whole(source: Source, batch: int = 2) -> list[dict[str, Any]]:
    """All records, each batch read by a life of its own that knows the cursor alone."""
    records: list[dict[str, Any]] = []
    cursor = 0
    for _ in range(MOST_BATCHES):
        read, cursor = source.read(cursor, batch)
        assert len(read) <= batch
        if not read:
            return records
        records += read
    raise AssertionError(f"the source has no end: {records[-3:]}")


def life(path: Path, script: str, **changes: str) -> str:
    """Run a script on a file in a process of its own; what it prints."""
    return subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={**environment(), **changes},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    ).stdout


def counted(source: Source, most: int) -> int:
    """How many records there are, as it is counted before a task begins."""

    async def count() -> int:
        counting = Counting()
        try:
            return (await counting.count("", source, most))[0]
        finally:
            counting.close()

    return asyncio.run(count())
