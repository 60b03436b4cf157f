"""A client that remembers what it was told: no task's progress is ever less than that."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

from mcp_crashtest.wire.errors import RpcError, WireError
from tests.reference_server.conftest import DEADLINE_S, Server

_ANSWER_S = 20.0
_LOOK_S = 0.01


class Witness:
    """Asks for each task's status, again and again, while it is entered.

    ``seen``: the most that it was told of each; ``regressed``: each time that it was told of less, or of no such task.
    """

    def __init__(self, server: Server, task_ids: Sequence[str]) -> None:
        self._server = server
        self.seen = dict.fromkeys(task_ids, 0)
        self.regressed: list[str] = []

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._looking.cancel()
        with suppress(asyncio.CancelledError):
            await self._looking

    async def until_progress(self, total: int) -> None:
        """Wait until it was told of so much progress in all."""
        deadline = time.monotonic() + DEADLINE_S
        while sum(self.seen.values()) < total:
            assert time.monotonic() < deadline, self.seen
            assert not self._looking.done(), self._looking
            await asyncio.sleep(_LOOK_S)

    async def _look(self) -> None:
        while True:
            with suppress(WireError, OSError):  # the server may be dead just now
                session = await self._server.open()
                try:
                    await self._ask(session)
                finally:
                    session.abort()
            await asyncio.sleep(_LOOK_S)

    async def _ask(self, session: Any) -> None:
        while True:
            for task_id, seen in self.seen.items():
                try:
                    said = await session.read_resource(f"task://status/{task_id}", deadline_s=_ANSWER_S)
                except RpcError as error:
                    if "there is no task" in str(error):
                        self.regressed.append(f"{task_id} was at {seen}, and there is no such task")
                    continue
                progress = int(json.loads(said)["progress"])
                if progress < seen:
                    self.regressed.append(f"{task_id} was at {seen}, and is at {progress}")
                self.seen[task_id] = max(seen, progress)
            await asyncio.sleep(_LOOK_S)
