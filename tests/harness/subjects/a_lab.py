"""A lab to be killed: starts subjects of every kind, says so, and waits."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from mcp_crashtest.subjects.process import Launch
from mcp_crashtest.subjects.spawner import Spawner

_LINGERING_S = 60.0
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", sys.argv[1]])
    os._exit(0)
time.sleep(600)
"""


async def main(folder: Path) -> None:
    script = folder / "daemon.py"
    script.write_text(DAEMON)
    shell = "trap '' INT TERM HUP; setsid sleep 601 & sleep 602 & (setsid sh -c 'sleep 603 & wait' &); wait"
    commands: list[tuple[tuple[str, ...], tuple[str, ...] | None]] = [
        (("sh", "-c", shell), None),
        ((sys.executable, str(script), "604"), None),
        ((sys.executable, str(script), "605"), ()),
    ]
    with (folder / "log").open("wb") as log:
        async with Spawner() as spawner:
            for argv, preload in commands:
                launch = Launch(argv, str(folder), os.environ, log.fileno(), log.fileno(), preload=preload)
                await spawner.spawn(launch)
            company = os.fork() if sys.argv[2] == "forked" else os.getpid()
            if company == 0:  # it holds the lab's sockets, and outlives it
                os.close(sys.stdout.fileno())
                time.sleep(_LINGERING_S)  # noqa: ASYNC251  there is no event loop in this process
                os._exit(0)
            print(company, flush=True)
            await asyncio.sleep(600)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(Path(sys.argv[1])))
