"""One address before several servers: each new connection is for the next of them, and who is dead is passed over.

``python -m mcp_crashtest.subjects.round_robin --port 8000 8001 8002 8003``

With ``--in-order`` each is for the first one that lives: what a client asks for is the first server's until that dies.

It knows nothing of what it passes on. With it as a service of a profile whose subject is one of the servers, clients
land on another server whenever theirs dies. A connection that nobody takes is reset, as by a server that is dead.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import struct
from collections.abc import Collection, Sequence

LOOPBACK = "127.0.0.1"
_REACHING_S = 2.0
_CHUNK_BYTES = 1 << 16
_AT_ONCE = struct.pack("ii", 1, 0)


class RoundRobin:
    """The servers behind the address, by their ports on loopback."""

    def __init__(self, ports: Sequence[int], *, in_order: bool = False) -> None:
        self._ports, self._in_order = list(ports), in_order
        self._next = 0
        self._held: set[asyncio.Task[None]] = set()

    async def serve(self, port: int) -> None:
        """Pass connections on until it is cancelled; raises OSError where the port is not to be had."""
        listening = await asyncio.start_server(self._accept, LOOPBACK, port, limit=_CHUNK_BYTES)
        try:
            async with listening:
                await listening.serve_forever()
        finally:
            await end_all(list(self._held))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._held.add(task)
        try:
            await self._hold(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()  # whoever serves here has been told to end; this task is nobody's but ours
        finally:
            self._held.discard(task)

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached = await self._reach()
        if reached is None:
            reset_on_close(writer)
            writer.close()
            return
        there, back = reached
        try:
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        finally:
            for end in (writer, back):
                end.close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """The next server that accepts a connection; None where none of them does."""
        first, self._next = self._next, 0 if self._in_order else (self._next + 1) % len(self._ports)
        for n in range(len(self._ports)):
            port = self._ports[(first + n) % len(self._ports)]
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_REACHING_S):
                    return await asyncio.open_connection(LOOPBACK, port, limit=_CHUNK_BYTES)
        return None


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """From one side to the other; the end of one direction is told, a reset ends both."""
    try:
        while said := await reader.read(_CHUNK_BYTES):
            writer.write(said)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


async def end_all(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel all of them, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def reset_on_close(writer: asyncio.StreamWriter) -> None:
    """Have a connection end as the kernel ends one to a port at which nobody listens."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until it is killed."""
    parser = argparse.ArgumentParser(prog="round_robin", description="One address before several servers.")
    parser.add_argument("--port", type=int, required=True, help="of the address")
    parser.add_argument("--in-order", action="store_true", help="each connection is for the first server that lives")
    parser.add_argument("ports", type=int, nargs="+", help="of the servers, on loopback")
    given = parser.parse_args(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(RoundRobin(given.ports, in_order=given.in_order).serve(given.port))


if __name__ == "__main__":
    main()
