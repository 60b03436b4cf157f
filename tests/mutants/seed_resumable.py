"""The first seed system's own bug: a run of 50 records that ends with 55 records processed.

A batch saves its data and its step and then reports progress within the same ``try``. A client that leaves in the
middle of the call makes the report fail, or cancels the handler there; the error path, meant to save "where we were",
writes the step back to the batch's start. The next call does that batch again and appends it again. It lives on the
handshake era, where a client's goodbye ends its session and the calls in it.

Must be caught by: records.duplicated (and records.count).
"""

import argparse
import asyncio
import hashlib
import json
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastmcp import Context, FastMCP

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small.server import Effects

PACE_S = 0.01  # the seed takes a second for each batch

parser = argparse.ArgumentParser()
parser.add_argument("--listen-fd", type=int, required=True)
parser.add_argument("--state-dir", type=Path, required=True)
parser.add_argument("--effects-file", type=Path, required=True)
given = parser.parse_args()
given.state_dir.mkdir(parents=True, exist_ok=True)
effects = Effects(given.effects_file)
mcp: FastMCP[Any] = FastMCP("Resumable Server")


class CheckpointManager:
    """One JSON file with every task's checkpoint, and one data file for each task."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "checkpoints.json"

    def get(self, task_id: str) -> dict[str, Any] | None:
        """The task's checkpoint."""
        return self._load().get(task_id)

    def update(self, task_id: str, **changes: Any) -> None:
        """Save changes to the task's checkpoint, or its first one."""
        checkpoints = self._load()
        checkpoints.setdefault(task_id, {"task_id": task_id}).update(changes)
        self._file.write_text(json.dumps(checkpoints, indent=2))

    def save_task_data(self, task_id: str, batch: list[dict[str, str]]) -> None:
        """Append a batch to the task's data."""
        with self._data(task_id).open("a") as data:
            data.write("".join(json.dumps(record) + "\n" for record in batch))

    def load_task_data(self, task_id: str) -> list[dict[str, str]]:
        """All of the task's data."""
        file = self._data(task_id)
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def _load(self) -> dict[str, dict[str, Any]]:
        return dict(json.loads(self._file.read_text())) if self._file.exists() else {}

    def _data(self, task_id: str) -> Path:
        return self._folder / f"{task_id}.jsonl"


checkpoints = CheckpointManager(given.state_dir)


def process(first: int, end: int) -> list[dict[str, str]]:
    """The job's work on the records ``first`` to ``end - 1``."""
    names = [f"record-{n:06d}" for n in range(first, end)]
    return [{"id": name, "digest": hashlib.sha256(name.encode()).hexdigest()} for name in names]


@mcp.tool
async def resumable_data_processing(
    ctx: Context, dataset_name: str, total_records: int, batch_size: int, client_id: str
) -> dict[str, Any]:
    """Process a dataset in batches; called again with the same arguments, go on behind the last one."""
    key = f"{client_id}-resumable_data_processing-{dataset_name}-{total_records}-{batch_size}"
    task_id = hashlib.sha256(key.encode()).hexdigest()[:16]
    found = checkpoints.get(task_id)
    step = start = found["current_step"] if found else 0
    try:
        for step in range(start, total_records, batch_size):
            batch_end = min(step + batch_size, total_records)
            batch = process(step, batch_end)
            effects.append(task_id, [record["id"] for record in batch])
            checkpoints.save_task_data(task_id, batch)
            checkpoints.update(task_id, current_step=batch_end, total_steps=total_records, status="running")
            await ctx.report_progress(batch_end, total_records, f"Processed {batch_end}/{total_records} records")
            await asyncio.sleep(PACE_S)
    except BaseException as error:
        checkpoints.update(task_id, current_step=step, status="failed", error_message=str(error))
        raise
    checkpoints.update(task_id, current_step=total_records, status="completed")
    records = checkpoints.load_task_data(task_id)
    return {"task_id": task_id, "total_processed": len(records), "records": records, "status": "completed"}


if __name__ == "__main__":
    config = uvicorn.Config(mcp.http_app(), log_level="warning", timeout_graceful_shutdown=1, ws="none")
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=given.listen_fd)])
