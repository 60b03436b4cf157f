"""The job that each peer is given: so many tasks of so many batches of records, which are made from nothing.

A peer keeps what it has done as it does, writes a line to the ledger as it executes a batch, and ends once all tasks
are done. Started again with the same words, it goes on however it can. What it prints at its end is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

_TEXT = "x" * 100


class Job:
    """The job of this process, from its command line."""

    def __init__(self) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--state", type=Path, required=True, help="the folder in which it keeps what it has done")
        parser.add_argument("--url", default="", help="the service that it keeps it in, if any")
        parser.add_argument("--ledger", type=Path, required=True)
        for name in ("tasks", "batches", "records"):
            parser.add_argument(f"--{name}", type=int, required=True)
        given = parser.parse_args()
        self.state, self.url = given.state, given.url
        self.tasks, self.batches, self.records = given.tasks, given.batches, given.records
        self._ledger = os.open(given.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def execute(self, task: int, batch: int) -> list[str]:
        """Execute a batch: its records, each a text of JSON."""
        os.write(self._ledger, f"{task} {batch} {time.monotonic():.6f}\n".encode())
        first = batch * self.records
        return [json.dumps({"id": f"record-{first + n:06d}", "text": _TEXT}) for n in range(self.records)]

    def end(self) -> None:
        """All tasks are done."""
        told = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
        print(json.dumps({"write_bytes": int(told["write_bytes"])}), flush=True)
