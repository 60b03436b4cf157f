"""Calls of long tools that become tasks of the extension."""

from __future__ import annotations

from typing import Any

from tests.reference_server.conftest import Server
from tests.reference_server.raw import Raw
from tests.reference_server.test_jobs import MIGRATE, PROCESS

BATCHES: dict[str, Any] = {"batch_size": 5, "total_items": 20}
SLOW: dict[str, Any] = {"batch_size": 1, "total_items": 10, "processing_delay": 60}
TRAIN: dict[str, Any] = {"model_name": "little", "dataset_size": 200, "epochs": 3}
CALLS: dict[str, dict[str, Any]] = {
    "start_data_migration": MIGRATE,
    "start_batch_processing": BATCHES,
    "start_ml_training": TRAIN,
    "resumable_data_processing": PROCESS,
}
CONFIRM: dict[str, Any] = {**MIGRATE, "destination_path": "there.jsonl", "confirm": True}
YES = {"action": "accept", "content": {"overwrite": True}}


async def asking(fresh: Server) -> tuple[Raw, str]:
    """A migration that waits for an answer."""
    (fresh.data / "there.jsonl").write_text("old\n")
    raw = Raw(fresh.start())
    task_id = await raw.start("start_data_migration", **CONFIRM)
    await raw.until(task_id, "input_required")
    return raw, task_id


async def total_of(server: Server) -> int:
    return int((await server.read("task://list"))["total"])
