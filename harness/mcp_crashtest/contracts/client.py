"""The lab's client as a process: ``python -m mcp_crashtest.contracts.client``, with its job in the environment, and on
standard input what is nobody else's to see.

It is a real process so that it can be killed like one. SIGINT makes it leave politely, as a person's Ctrl-C does;
SIGUSR1 makes it lose its connections without a word and go on. Its journal goes to standard output. Over stdio it holds
the server's pipes, which the lab gives it, and keeps them when its job is done: to close them would end the server.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from mcp_crashtest.contracts.catalogue import CONTRACTS
from mcp_crashtest.contracts.conversation import Conversation
from mcp_crashtest.contracts.following import drive
from mcp_crashtest.contracts.host import Host
from mcp_crashtest.contracts.job import JOB_VARIABLE, Job, Journal
from mcp_crashtest.model.operation import Op, Type

_INTERRUPTED = 130
_LEAVING_S = 2.0


async def work(job: Job, journal: Journal) -> int:
    """Drive the job to its end, or leave when interrupted. Returns the exit code."""
    contract = CONTRACTS[job.kind]
    host = Host(journal) if job.piped else None
    conversation = Conversation(job, journal, contract.EXTENSIONS, host)
    interrupted = asyncio.Event()

    def leave() -> None:
        journal.write(Type.OK, Op.CLIENT, interrupted=True)
        interrupted.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, leave)
    loop.add_signal_handler(signal.SIGUSR1, conversation.drop_connections)
    driving = asyncio.create_task(drive(contract, conversation))
    journal.write(Type.OK, Op.CLIENT, ready=True)
    waiting = asyncio.create_task(interrupted.wait())
    await asyncio.wait({driving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not interrupted.is_set():
        waiting.cancel()
        code = driving.result()
        if host:
            hosting = asyncio.create_task(conversation.host_others(host))
            await host.left.wait()
            hosting.cancel()
        return code
    await conversation.leave()
    driving.cancel()
    await asyncio.wait({driving}, timeout=_LEAVING_S)
    return _INTERRUPTED


def main() -> None:
    """Read the job and work on it.

    It ends at once: its journal is written already, and to take an interpreter apart that was forked from another one
    means to copy much of it first.
    """
    job = Job.from_text(os.environ[JOB_VARIABLE], sys.stdin.read())
    with asyncio.Runner() as runner:
        code = runner.run(work(job, Journal(descriptor=1)))
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
