"""Batch processing: a key is stretched for each item, which is work that a processor cannot shorten."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reference_server import records
from reference_server.data_root import DataRoot
from reference_server.jobs import Batch, Finish
from reference_server.task import Task

KIND = "batch_processing"
_ROUNDS = 2000
_SALT = b"mcp-crashtest"


@dataclass(frozen=True, slots=True)
class BatchProcessing:
    """See Job."""

    processing_delay_s: float

    @classmethod
    def of(cls, parameters: dict[str, Any], _: DataRoot) -> BatchProcessing:
        """From what is stored of the task."""
        return cls(parameters["processing_delay"])

    def questions(self, task: Task) -> dict[str, Any]:
        """None."""
        return {}

    def batch(self, task: Task, state: bytes | None) -> Batch:
        """See Job."""
        end = min(task.progress + task.batch_size, task.total)
        items = [{"item": f"item_{n:06d}", "key": stretch(n)} for n in range(task.progress, end)]
        names, bodies = [item["item"] for item in items], [records.encode(item) for item in items]
        message = f"Processed {end}/{task.total} items"
        return Batch(names, bodies, end, message, rest_s=self.processing_delay_s)

    def finish(self, task: Task, state: bytes | None, bodies: Iterator[str]) -> Finish:
        """See Job."""
        return Finish(
            {
                "processed": task.progress,
                "total": task.total,
                "batch_size": task.batch_size,
                "processing_delay": self.processing_delay_s,
                "digest": task.digest,
                "success": True,
            }
        )


def stretch(number: int) -> str:
    """The key that is derived from an item's number: PBKDF2 with HMAC-SHA-256 (RFC 8018)."""
    return hashlib.pbkdf2_hmac("sha256", str(number).encode(), _SALT, _ROUNDS).hex()
