"""The jobs of the crash loop, as they are asked for and followed, and whether what came of one is exact."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hostile import crash_oracle

EPOCHS = (20, 35, 50)
Answer = dict[str, Any]


@dataclass(slots=True)
class Job:
    """One job: the tool with its arguments, the client's words for the same, and what was told of it so far."""

    kind: str
    tool: str
    arguments: Answer
    words: tuple[str, ...]
    task_id: str | None = None
    progress: int = 0
    ended: bool = False

    def begun(self, answer: Answer) -> None:
        """The server has answered the start: always with the same task."""
        assert self.task_id in (None, answer["task_id"]), f"{self.kind} became another task"
        self.task_id = answer["task_id"]

    def seen(self, task: Answer) -> None:
        """A look at the task: what was told is never taken back."""
        assert task["status"] in ("pending", "running", "completed"), task
        assert task["progress"] >= self.progress, f"{self.progress} records were told, and now there are {task}"
        self.progress = task["progress"]
        self.ended = task["status"] == "completed"


def training(epochs: int, key: str) -> Answer:
    """What the training tool is asked."""
    return {"model_name": "m", "dataset_size": 200, "epochs": epochs, "idempotency_key": key}


def jobs_of(number: int, sizes: random.Random) -> list[Job]:
    """Five jobs at once, of all kinds, with sizes of their own."""
    count, epochs, batch = crash_oracle.RECORDS, sizes.choice(EPOCHS), str(sizes.randrange(1, 12))
    copies, items = (f"new-{number}/copy.jsonl", f"table-{number}.jsonl"), sizes.randrange(50, 200)
    client = f"client-{number}"
    return [
        Job(
            "process",
            "resumable_data_processing",
            {"dataset_name": "orders", "total_records": count, "batch_size": int(batch), "client_id": client},
            ("process", "orders", "--records", str(count), "--batch-size", batch, "--job", client),
        ),
        *(
            Job(
                "migrate",
                "start_data_migration",
                {"source_path": source, "destination_path": copy, "batch_size": int(batch), "idempotency_key": copy},
                ("migrate", source, copy, "--batch-size", batch, "--job", copy),
            )
            for source, copy in zip(("orders.jsonl", "table.csv"), copies, strict=True)
        ),
        Job(
            "batch",
            "start_batch_processing",
            {"batch_size": int(batch), "total_items": items, "idempotency_key": f"batch {number}"},
            ("batch", "--delay-s", "0", "--items", str(items), "--batch-size", batch, "--job", f"batch {number}"),
        ),
        Job(
            "train",
            "start_ml_training",
            training(epochs, f"train {number}"),
            ("train", "m", "--dataset-size", "200", "--epochs", str(epochs), "--job", f"train {number}"),
        ),
    ]


def check(job: Job, data: Path, read: Callable[[str], Answer], weights: dict[int, str]) -> None:
    """Raises AssertionError unless all that the job has made is what the oracle says.

    ``weights``: the digests of models that nobody has disturbed, by their epochs.
    """
    task = read(f"task://status/{job.task_id}")
    job.seen(task)
    assert job.ended, task
    result = task["result_data"]
    match job.kind:
        case "migrate":
            written = (data / job.arguments["destination_path"]).read_text(encoding="utf-8")
            assert written == crash_oracle.copied(data, job.arguments["source_path"])
            assert result["migrated_records"] == crash_oracle.RECORDS
        case "process":
            expected = crash_oracle.processed(data)
            assert records(job, read) == expected
            assert result["digest"] == crash_oracle.digest(expected)
        case "batch":
            expected = crash_oracle.stretched(job.arguments["total_items"])
            assert records(job, read) == expected
            assert result["digest"] == crash_oracle.digest(expected)
        case "train":
            epochs = job.arguments["epochs"]
            assert result["epochs_completed"] == epochs
            assert result["weights_sha256"] == weights[epochs]


def records(job: Job, read: Callable[[str], Answer]) -> list[Answer]:
    """All records that the task has committed, page by page."""
    found: list[Answer] = []
    uri: str | None = f"task://records/{job.task_id}/1"
    while uri:
        page = read(uri)
        found += page["records"]
        uri = page["next"]
    return found
