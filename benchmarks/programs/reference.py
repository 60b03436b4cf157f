"""The reference server's engine on SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from job import Job

from reference_server import kinds
from reference_server.crashpoints import CrashPoints
from reference_server.data_root import DataRoot
from reference_server.effects import Effects
from reference_server.engine import Engine, Settings
from reference_server.jobs import Batch, Finish
from reference_server.task import Submission

KIND = "benchmark"
JOB = Job()


class Working:
    def __init__(self, parameters: dict[str, Any]) -> None:
        self.number = parameters["number"]

    def questions(self, task: Any) -> dict[str, Any]:
        return {}

    def batch(self, task: Any, state: bytes | None) -> Batch:
        bodies = JOB.execute(self.number, task.progress // JOB.records)
        return Batch([], bodies, task.progress + len(bodies), f"{task.progress + len(bodies)}/{task.total}")

    def finish(self, task: Any, state: bytes | None, bodies: Iterator[str]) -> Finish:
        return Finish({"processed": task.progress})


async def main() -> None:
    kinds.KINDS[KIND] = lambda parameters, _: Working(parameters)
    engine = Engine(Settings(JOB.state / "tasks.db", DataRoot(JOB.state), Effects(None), CrashPoints("")))
    await engine.start()
    total = JOB.batches * JOB.records
    for number in range(JOB.tasks):
        await engine.submit(Submission(KIND, str(number), {"number": number}, total=total, batch_size=JOB.records))
    while engine.active():  # noqa: ASYNC110 (as in benchmarks.engine)
        await asyncio.sleep(0.002)
    await engine.stop()
    JOB.end()


asyncio.run(main())
