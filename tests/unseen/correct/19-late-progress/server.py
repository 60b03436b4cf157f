"""Simulates weather in batches of 150 ms; its dashboard is refreshed four times a second, and empty at first."""

import argparse
import asyncio
import fcntl
import json
import os
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from fastmcp.exceptions import ResourceError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
args = parser.parse_args()
PER_STEP = 10
lock = (args.dir / "weather.lock").open("w")
fcntl.flock(lock, fcntl.LOCK_EX)  # one server writes here
simulations, dashboard, tasks = {}, {}, set()


def save(simulation):
    new = args.dir / f"{simulation['id']}.tmp"
    with new.open("w") as file:
        file.write(json.dumps(simulation))
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, args.dir / f"{simulation['id']}.sim")


async def simulate(simulation):
    while len(simulation["cells"]) < simulation["size"]:
        await asyncio.sleep(0.15)
        first = len(simulation["cells"])
        numbers = range(first, min(first + PER_STEP, simulation["size"]))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.writelines(json.dumps({"task": simulation["id"], "record": n}) + "\n" for n in numbers)
        after = simulation | {"cells": simulation["cells"] + [{"cell": n, "hPa": 980 + n * 3 % 60} for n in numbers]}
        save(after)
        simulation.update(after)


def refresh():
    for name, simulation in simulations.items():
        dashboard[name] = len(simulation["cells"])


async def refreshed():
    while True:
        await asyncio.sleep(0.25)
        refresh()


@asynccontextmanager
async def lifespan(_):
    for path in args.dir.glob("*.sim"):
        simulation = json.loads(path.read_text())
        simulations[simulation["id"]] = simulation
        tasks.add(asyncio.create_task(simulate(simulation)))
    refresh()  # not less than anybody has seen before
    tasks.add(asyncio.create_task(refreshed()))
    yield


mcp = FastMCP("weather", lifespan=lifespan)


@mcp.tool
async def simulate_weather(cells: int) -> dict:
    simulation = {"id": str(uuid4()), "size": cells, "cells": []}
    save(simulation)
    simulations[simulation["id"]] = simulation
    tasks.add(asyncio.create_task(simulate(simulation)))
    return {"simulation": {"id": simulation["id"], "_links": {"self": {"href": f"weather://{simulation['id']}"}}}}


@mcp.resource("weather://{name}")
async def state(name: str) -> str:
    if name not in simulations:
        raise ResourceError(f"no simulation {name}")
    shown, size = dashboard.get(name, 0), simulations[name]["size"]
    document = {"id": name, "phase": "Completed" if shown == size else "Running"}
    if shown:
        document["progress"] = {"cells": shown, "of": size}
    return json.dumps({"simulation": document})


@mcp.resource("weather://{name}/cells")
async def cells(name: str) -> str:
    if name not in simulations:
        raise ResourceError(f"no simulation {name}")
    return json.dumps({"data": {"cells": simulations[name]["cells"]}})


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning", stateless_http=True)
