"""The work is done by a service of its own that this server only gives orders to, and every life gives them again.

The service was there before the server, and outlives it: no kill of the server reaches it. A life that finds a job
unfinished has it done from where it stands, while the service still does it from before: two write one job's rows.

Must be caught by: fencing.double-run, as the store grows while the server is dead. The service is started apart,
``double_run.py service PORT``, and found at the port in the environment variable SERVICE_PORT.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

BATCH_S = 0.05


def rows_of(job: Path) -> list[str]:
    return job.with_suffix(".rows").read_text().splitlines() if job.with_suffix(".rows").exists() else []


def work(job: Path) -> None:
    """In the service: the job's rows, a batch at a time, behind those that are there when it begins."""
    order, done = json.loads(job.read_text()), len(rows_of(job))
    while done < order["total"]:
        time.sleep(BATCH_S)
        if not job.exists():  # nobody is interested any more
            return
        end = min(done + order["batch"], order["total"])
        with job.with_suffix(".rows").open("a") as file:
            file.write("".join(json.dumps({"n": n}) + "\n" for n in range(done, end)))
        done = end


def serve_orders(port: int) -> None:
    """The service: each connection says which job is to be done."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        print("ready", flush=True)
        while True:
            with listening.accept()[0] as order, order.makefile() as text:
                threading.Thread(target=work, args=(Path(text.read()),), daemon=True).start()


def order(job: Path) -> None:
    with socket.create_connection(("127.0.0.1", int(os.environ["SERVICE_PORT"]))) as service:
        service.sendall(str(job).encode())


def main() -> None:
    """The server."""
    from fastmcp import FastMCP

    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.mutants.common import options, serve

    where = options()

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncGenerator[None, None]:
        for job in where.state_dir.glob("*.job"):
            if len(rows_of(job)) < json.loads(job.read_text())["total"]:
                order(job)
        yield

    mcp: FastMCP[Any] = FastMCP("double run", lifespan=lifespan)

    @mcp.tool
    async def start_processing(total: int, batch: int) -> str:
        """Start processing."""
        job = where.state_dir / f"{uuid4().hex}.job"
        job.write_text(json.dumps({"total": total, "batch": batch}))
        order(job)
        return f"task://status/{job.stem}"

    @mcp.resource("task://status/{name}", mime_type="application/json")
    async def status(name: str) -> str:
        """The job, and its rows so far."""
        job = where.state_dir / f"{name}.job"
        if not job.exists():
            return json.dumps({"error": f"there is no job {name}"})
        total, rows = json.loads(job.read_text())["total"], [json.loads(row) for row in rows_of(job)]
        state = "running" if len(rows) < total else "completed"
        return json.dumps({"status": state, "progress": len(rows), "total": total, "rows": rows})

    serve(mcp, where)


if __name__ == "__main__":
    if sys.argv[1:2] == ["service"]:
        serve_orders(int(sys.argv[2]))
    else:
        main()
