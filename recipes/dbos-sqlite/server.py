"""A DBOS workflow behind two FastMCP tools: one starts it, the other tells how it stands."""

import argparse
import hashlib
import json
import os
import signal
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID
from fastmcp import FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--database", default="sqlite:///jobs.sqlite", help="SQLAlchemy's URL of DBOS' system database")
parser.add_argument("--ledger", type=Path, help="a line for each key that was stretched goes here")
args = parser.parse_args()

config = DBOSConfig(
    name="stretcher",
    system_database_url=args.database,
    run_admin_server=False,
    log_level="WARNING",
    application_version="1",
)
DBOS(config=config)
mcp = FastMCP("Workflows")


@DBOS.step()
def stretch(job: str, first: int, behind: int) -> list[dict[str, Any]]:
    """One batch: what a step returns is kept, and the step is not done again."""
    keys = []
    for n in range(first, behind):
        keys.append({"n": n, "key": hashlib.pbkdf2_hmac("sha256", str(n).encode(), b"salt", iterations=5_000).hex()})
        if args.ledger:
            with args.ledger.open("a") as ledger:
                ledger.write(json.dumps({"task": job, "record": n}) + "\n")
    return keys


@DBOS.workflow()
def stretch_all(job: str, total: int, batch: int) -> list[dict[str, Any]]:
    """All batches, one step each; how far it is can be asked for."""
    keys: list[dict[str, Any]] = []
    for first in range(0, total, batch):
        keys += stretch(job, first, min(first + batch, total))
        DBOS.set_event("done", len(keys))
        DBOS.sleep(0.03)
    return keys


@mcp.tool
def start_stretching(job: str, total: int, batch: int) -> dict[str, Any]:
    """Start a workflow; the same job a second time is the same workflow."""
    with SetWorkflowID(job):
        handle = DBOS.start_workflow(stretch_all, job, total, batch)
    return {"workflow": handle.get_workflow_id()}


@mcp.tool
def workflow_status(workflow: str) -> dict[str, Any]:
    """How a workflow stands; its keys once it is done."""
    status = DBOS.get_workflow_status(workflow)
    if status is None:
        raise ValueError(f"there is no workflow {workflow}")
    done = DBOS.get_event(workflow, "done", timeout_seconds=0) or 0
    seen = {"status": status.status, "done": done, "total": status.input["args"][1] if status.input else None}
    return seen | ({"keys": status.output} if status.status == "SUCCESS" else {})


DBOS.launch()  # what was under way when the last process died goes on now
signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn stops by itself; else what stands behind it is not reached
mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
DBOS.destroy()
os._exit(0)
