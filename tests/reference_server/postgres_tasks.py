"""Tasks in a store in PostgreSQL: submitted, and followed to their end by an engine in this process."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from reference_server.crashpoints import CrashPoints
from reference_server.data_root import DataRoot
from reference_server.database import Place
from reference_server.effects import Effects
from reference_server.engine import Engine, Settings
from reference_server.kinds import batches
from reference_server.store import Store
from reference_server.task import Submission

DEADLINE_S = 30.0


def wanted(key: str, items: int = 4) -> Submission:
    parameters = {"total_items": items, "processing_delay": 0.0}
    return Submission(batches.KIND, key, parameters, total=items, batch_size=2)


def submitted(store: Store, task_id: str) -> None:
    with store.transaction():
        store.submit(task_id, wanted(task_id), most_unfinished=1000)


async def started(place: Place, folder: Path) -> Engine:
    running = Engine(Settings(place, DataRoot(folder), Effects(None), CrashPoints("")))
    await running.start()
    return running


async def ended(running: Engine, task_id: str) -> Any:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            task = await running.read(lambda store: store.get(task_id))
            if task.finished:
                return task
            await asyncio.sleep(0.02)


def ask(url: str, statement: str) -> None:
    with closing(psycopg.connect(url, autocommit=True)) as session:
        session.execute(statement.encode())
