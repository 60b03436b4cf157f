"""One life of the lab's client, a process: from a light fork server, heard through a pipe, ended like any other.

What a client has written into its pipe before it was killed is read to the last whole line; a torn line is dropped.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from mcp_crashtest.contracts.job import JOB_VARIABLE, Job
from mcp_crashtest.model.errors import HarnessError
from mcp_crashtest.model.operation import Op, Operation, Type
from mcp_crashtest.model.secrets import masked
from mcp_crashtest.subjects.process import Exit, Launch, Process
from mcp_crashtest.subjects.spawner import Spawner

_MODULE = "mcp_crashtest.contracts.client"
_LONGEST_LINE_BYTES = 1 << 28
_DRAINING_S = 5.0
_SHOWN_LINES = 8

Listener = Callable[[Operation], None]


@dataclass(slots=True)
class ClientProcess:
    """One life of the lab's client."""

    process: Process
    log: Path
    listener: Listener
    expected_to_end: bool = False
    drops: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    _dropped: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: asyncio.Task[None] | None = None
    _transport: asyncio.ReadTransport | None = field(default=None)

    @classmethod
    async def start(
        cls, spawner: Spawner, job: Job, log: Path, listener: Listener, inherit: tuple[int, ...] = ()
    ) -> ClientProcess:
        """Start a client on this job; its events go to the listener from now on. Descriptors are the caller's."""
        reading, writing = os.pipe()
        try:
            with log.open("wb") as errors, _unseen(job.private_text()) as private:
                launch = Launch(
                    argv=(sys.executable, "-m", _MODULE),
                    cwd=os.getcwd(),  # noqa: PTH109
                    env={JOB_VARIABLE: job.to_text(), "PATH": os.environ.get("PATH", os.defpath)},
                    stdout=writing,
                    stderr=errors.fileno(),
                    stdin=private.fileno(),
                    inherit=inherit,
                    preload=(_MODULE,),
                )
                process = await spawner.spawn(launch)
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        client = cls(process, log, listener)
        reader = asyncio.StreamReader(limit=_LONGEST_LINE_BYTES)
        client._transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", buffering=0)
        )
        client._reading = asyncio.create_task(client._read(reader))
        return client

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while (line := await reader.readline()).endswith(b"\n"):
            event = json.loads(line)
            operation = Operation(0, 0.0, "", Type(event["type"]), Op(event["op"]), event["task"], 0, event["value"])
            if operation.op is Op.CLIENT:
                (self.leaving if operation.value.get("interrupted") else self.ready).set()
            if operation.op is Op.CONNECT and operation.value.get("dropped"):
                self.drops += 1
                self._dropped.set()
            self.listener(operation)

    async def listening(self) -> bool:
        """Wait until the client hears signals; False when it ends, or takes too long."""
        return await self._said(self.ready)

    async def interrupted(self) -> bool:
        """Wait until the client has heard its interrupt; False when it ends, or takes too long."""
        return await self._said(self.leaving)

    async def dropped(self, before: int, deadline_s: float) -> bool:
        """Wait until it has lost its connections once more than ``before``; False when it ends, or takes too long."""
        if self.drops == before:
            self._dropped.clear()
            await self._said(self._dropped, deadline_s)
        return self.drops > before

    async def _said(self, event: asyncio.Event, deadline_s: float = _DRAINING_S) -> bool:
        waiting = {asyncio.create_task(event.wait()), asyncio.create_task(self.process.wait_exit(deadline_s))}
        done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return bool(done) and event.is_set()

    async def drained(self) -> None:
        """Wait until everything that the client wrote in its life has been heard."""
        if self._reading:
            done, _ = await asyncio.wait({self._reading}, timeout=_DRAINING_S)
            if not done:
                raise HarnessError("a client's journal does not end although the client has")
            if not self._reading.cancelled() and (error := self._reading.exception()) is not None:
                raise HarnessError(f"a client's journal cannot be taken over: {error!r}") from error

    async def ended(self, deadline_s: float) -> Exit:
        """Wait for the end of the process, and of its journal."""
        ended = await self.process.wait_exit(deadline_s)
        await self.drained()
        return ended

    async def how_it_ended(self, deadline_s: float) -> str:
        """Wait for its end; what became of it, in words, also where its journal could not be taken over."""
        try:
            return f"ended with {await self.ended(deadline_s)}:\n{self.log_tail()}"
        except HarnessError as error:
            return f"has ended: {error}"

    async def close(self) -> None:
        """End the client if it lives, and stop listening."""
        if self.process.exited is None:
            await self.process.kill()
        if self._reading:
            await asyncio.wait({self._reading}, timeout=_DRAINING_S)
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._transport:
            self._transport.close()

    def log_tail(self) -> str:
        """The last lines that the client wrote to standard error."""
        lines = masked(self.log.read_text(encoding="utf-8", errors="replace")).strip().splitlines()
        return "\n".join(lines[-_SHOWN_LINES:]) or "(no output)"


def _unseen(text: str) -> IO[bytes]:
    """A file without a name that holds this text, to be read from its beginning."""
    file = os.fdopen(os.memfd_create("job", os.MFD_CLOEXEC), "w+b")
    file.write(text.encode())
    file.seek(0)
    return file
