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
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

BATCH_S = 0.05


def rows_of(job: Path) -> list[str]:
    return job.with_suffix(".rows").read_text().splitlines() if job.with_suffix(".rows").exists() else []


def work(job: Path) -> None:
    """In the service: the job's rows, a batch at a time, behind those that are there when it begins."""
    order, done = json.loads(job.read_text()), len(rows_of(job))
    while done < order["total"]:
        time.sleep(order["pause_s"])
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


class Jobs(server.Jobs):
    """The server's side."""

    def __init__(self, folder: Path, _effects: server.Effects) -> None:
        self._folder = folder
        for job in folder.glob("*.job"):
            if len(rows_of(job)) < json.loads(job.read_text())["total"]:
                order(job)

    def submit(self, key: str, total: int, batch: int, pause_s: float = BATCH_S) -> str:
        job = self._folder / f"{uuid4().hex}.job"
        job.write_text(json.dumps({"key": key, "total": total, "batch": batch, "pause_s": pause_s}))
        return job.stem

    def go_on(self, job: str) -> None:
        order(self._folder / f"{job}.job")

    def status(self, job: str) -> dict[str, Any]:
        """The job, and its rows so far."""
        path = self._folder / f"{job}.job"
        if not path.exists():
            raise ValueError(f"there is no job {job}")
        total, rows = json.loads(path.read_text())["total"], [json.loads(row) for row in rows_of(path)]
        state = "running" if len(rows) < total else "completed"
        return {"status": state, "progress": len(rows), "total": total, "rows": rows}


if __name__ == "__main__":
    if sys.argv[1:2] == ["service"]:
        serve_orders(int(sys.argv[2]))
    else:
        server.main(Jobs)
