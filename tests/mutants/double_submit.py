"""A call that is repeated after a crash starts a second task beside the first.

Taken from the second seed system, where a lost answer and one retry run two migrations: every call gets an id of its
own, and what the client sends to be known by is not looked at. The result is exact; the job was done twice.

Must be caught by: task.duplicated (the effects file names two tasks).
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastmcp import Context, FastMCP

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.common import TaskStore, options, serve

where = options()
store = TaskStore(where)
mcp: FastMCP[Any] = FastMCP("double submit")


@mcp.tool
async def process_records(ctx: Context, total_records: int, batch_size: int, client_id: str) -> dict[str, Any]:
    """Process the records; called again with the same arguments, claim to continue."""
    task_id, _ = store.submit(uuid4().hex, total_records, batch_size)
    task = {"task_id": task_id, "total": total_records, "batch": batch_size}
    for first in range(0, total_records, batch_size):
        end = min(first + batch_size, total_records)
        await store.do_batch(task, first, acknowledge=partial(ctx.report_progress, end, total_records))
    records = store.records(task_id)
    return {"task_id": task_id, "client_id": client_id, "total_processed": len(records), "records": records}


if __name__ == "__main__":
    serve(mcp, where)
