"""A guest at a connection over standard streams: whoever holds a server's pipes lets somebody else speak over them.

A server on stdio has one client. Whoever else is to ask it something, an operator or a second job, does so through the
process that holds the pipes, as several conversations of one host do. The server has introduced itself once: a guest is
told what it said then.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from mcp_crashtest.wire import messages
from mcp_crashtest.wire.errors import ProtocolViolation, WireError
from mcp_crashtest.wire.messages import Message
from mcp_crashtest.wire.stdio import INTRODUCTIONS, LONGEST_LINE_BYTES, Pipes

_INITIALIZED = "notifications/initialized"
_OTHER_ERA = {"code": -32600, "message": "the host of this connection speaks the other era"}


async def share(pipes: Pipes, guest: socket.socket) -> None:
    """Let a guest speak over the pipes until he leaves, or they end; then his connection is closed."""
    reader, writer = await asyncio.open_connection(sock=guest, limit=LONGEST_LINE_BYTES)
    asking: set[asyncio.Task[None]] = set()
    ended = asyncio.create_task(pipes.ended.wait())
    try:
        while True:
            line = asyncio.create_task(reader.readuntil(b"\n"))
            await asyncio.wait({line, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not line.done():
                line.cancel()
                return
            task = asyncio.create_task(_pass_on(pipes, messages.decode(line.result()), writer))
            asking.add(task)
            task.add_done_callback(asking.discard)
    except (asyncio.IncompleteReadError, OSError, WireError):
        return
    finally:
        ended.cancel()
        for task in asking:
            task.cancel()
        writer.close()


async def _pass_on(pipes: Pipes, message: Message, writer: asyncio.StreamWriter) -> None:
    async def heard(said: Message) -> None:
        if "id" in said:  # a request of the server's is the host's to answer
            await pipes.tell(messages.answer_to(said))
        else:
            _write(writer, said)

    with contextlib.suppress(WireError):
        if message["method"] in INTRODUCTIONS:
            _write(writer, await _introduction(pipes, message))
        elif "id" in message:
            _write(writer, await pipes.ask(message, heard))
        elif message["method"] != _INITIALIZED:
            await pipes.tell(message)


async def _introduction(pipes: Pipes, message: Message) -> Message:
    await pipes.introduced.wait()
    if pipes.ended.is_set():
        raise ProtocolViolation("the connection has ended")
    found = pipes.introductions.get(message["method"])
    said = {"error": _OTHER_ERA} if found is None else {"result": found}
    return {"jsonrpc": "2.0", "id": message["id"], **said}


def _write(writer: asyncio.StreamWriter, message: Message) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        writer.write(messages.encode(message) + b"\n")
