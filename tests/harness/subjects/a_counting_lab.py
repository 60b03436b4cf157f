"""A lab to be killed while a life stands still before a system call: ``ENGINE PROGRAM FOLDER``. Says whose that is."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from mcp_crashtest.model.calls import ANY, Engine
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.subjects.life import ProcessLife
from mcp_crashtest.subjects.process import Launch
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.syscalls.control import Control
from mcp_crashtest.subjects.syscalls.engines import counting


async def main(engine: Engine, program: str, folder: Path) -> None:
    control = Control(folder / "control")
    control.make(folder, folder / "ledger", Syscall(ANY, 2))
    with (folder / "out").open("wb") as out:
        async with Spawner() as spawner:
            launch = Launch((program, str(folder)), "/", os.environ, out.fileno(), out.fileno())
            life = ProcessLife(1, await spawner.spawn((await counting(engine, spawner)).around(launch, control)))
            if await life.wait_parked(20):
                print(life.pid, flush=True)
            await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(main(Engine(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
