"""Tasks of pydocket, which FastMCP's tasks are: a batch says how far it is, and its records are the task's result."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from docket import Docket, Progress, Worker
from job import Job

JOB = Job()
REDELIVERY = timedelta(seconds=2)  # the default is 300


async def run(task: int, progress: Progress = Progress()) -> list[str]:  # noqa: B008
    records: list[str] = []
    for batch in range(JOB.batches):
        records += JOB.execute(task, batch)
        await progress.set_message(f"{len(records)}/{JOB.batches * JOB.records}")
    return records


async def main() -> None:
    async with Docket(name="peer", url=JOB.url) as docket:
        docket.register(run)
        for task in range(JOB.tasks):
            await docket.add(run, key=f"task-{task}")(task)
        async with Worker(docket, concurrency=max(JOB.tasks, 10), redelivery_timeout=REDELIVERY) as worker:
            await worker.run_until_finished()
    JOB.end()


asyncio.run(main())
