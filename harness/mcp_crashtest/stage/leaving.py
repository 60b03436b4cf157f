"""How the lab's client goes away without being killed: it says goodbye, or loses its connections."""

from __future__ import annotations

import signal
import time

from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.client_process import ClientProcess
from mcp_crashtest.stage.stage import Stage

_DROPPING_S = 5.0
_LEAVING_S = 5.0
_INTERRUPTED = 130


async def interrupt(stage: Stage, client: ClientProcess | None) -> Proof:
    """SIGINT, upon which it says goodbye and leaves.

    A server that is parked goes on once the client has heard: before, its answer could come first, and be the end.
    """
    began = time.monotonic()
    if client is None or not await client.listening():
        return Proof(False, "the client was not ready for a signal")
    client.expected_to_end = True
    if not client.process.signal(signal.SIGINT):
        return Proof(False, "the client had already ended before SIGINT")
    await client.interrupted()
    stage.let_go()
    try:
        ended = await client.process.wait_exit(_LEAVING_S)
    except TimeoutError:
        return Proof(False, f"the client did not leave within {_LEAVING_S:.0f} s of SIGINT")
    if ended.code != _INTERRUPTED:
        return Proof(False, f"the client ended with {ended} before the interrupt reached it")
    await client.drained()
    return Proof(True, "left politely", 0, time.monotonic() - began)


async def drop(stage: Stage, client: ClientProcess | None) -> Proof:
    """Have it lose its connections; the proof is its own word that it had one."""
    began = time.monotonic()
    if client is None or not await client.listening():
        return Proof(False, "the client was not ready for a signal")
    before = client.drops
    if not client.process.signal(signal.SIGUSR1):
        return Proof(False, "the client had already ended")
    dropped = await client.dropped(before, _DROPPING_S)
    stage.let_go()
    if not dropped:
        return Proof(False, "the client had no connection to drop")
    return Proof(True, "dropped", 0, time.monotonic() - began)
