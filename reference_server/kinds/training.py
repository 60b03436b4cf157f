"""Training a small model: an epoch is a batch, and its checkpoint holds weights, optimiser and random state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from reference_server import records
from reference_server.data_root import DataRoot
from reference_server.jobs import Batch, Finish
from reference_server.task import Task

if TYPE_CHECKING:
    from reference_server.training import Samples

KIND = "ml_training"
_SEED_DIGITS = 8


@dataclass(frozen=True)
class Training:
    """See Job. NumPy is imported with the first epoch: a server that trains nothing starts without it."""

    model_name: str
    dataset_size: int

    @classmethod
    def of(cls, parameters: dict[str, Any], _: DataRoot) -> Training:
        """From what is stored of the task."""
        return cls(parameters["model_name"], parameters["dataset_size"])

    @property
    def seed(self) -> int:
        """The same for the same model name, in every process."""
        return int(records.chain("", [self.model_name])[:_SEED_DIGITS], 16)

    @cached_property
    def samples(self) -> Samples:
        """What is learnt from."""
        from reference_server import training

        return training.generated(self.dataset_size, self.seed)

    def questions(self, task: Task) -> dict[str, Any]:
        """None."""
        return {}

    def batch(self, task: Task, state: bytes | None) -> Batch:
        """See Job: one epoch."""
        from reference_server import training

        epoch = training.train_epoch(state or training.begin(self.samples, self.seed), self.samples)
        body = records.encode({"epoch": epoch.number, "loss": epoch.loss, "accuracy": epoch.accuracy})
        message = f"Epoch {epoch.number}/{task.total} - Loss: {epoch.loss:.4f}, Accuracy: {epoch.accuracy:.4f}"
        return Batch([str(epoch.number)], [body], epoch.number, message, epoch.checkpoint)

    def finish(self, task: Task, state: bytes | None, bodies: Iterator[str]) -> Finish:
        """See Job."""
        from reference_server import training

        *_, last = bodies
        final = json.loads(last)
        begun = datetime.fromisoformat(task.created_at)
        return Finish(
            {
                "model_name": self.model_name,
                "dataset_size": self.dataset_size,
                "epochs_completed": task.progress,
                "final_loss": final["loss"],
                "final_accuracy": final["accuracy"],
                "weights_sha256": training.weights_digest(state or b""),
                "training_time_seconds": (datetime.fromisoformat(task.updated_at) - begun).total_seconds(),
                "success": True,
            }
        )
