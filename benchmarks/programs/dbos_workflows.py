"""Workflows of DBOS: each batch is a step, what it returns is kept, and the workflow goes on behind the last step."""

from __future__ import annotations

import os

from dbos import DBOS, DBOSConfig, SetWorkflowID
from job import Job

JOB = Job()
DBOS(
    config=DBOSConfig(
        name="peer",
        system_database_url=JOB.url or f"sqlite:///{JOB.state}/dbos.sqlite",
        run_admin_server=False,
        log_level="ERROR",
        application_version="1",
    )
)


@DBOS.step()
def batch(task: int, number: int) -> list[str]:
    return JOB.execute(task, number)


@DBOS.workflow()
def run(task: int) -> int:
    return sum(len(batch(task, number)) for number in range(JOB.batches))


DBOS.launch()  # what was under way when the last process died goes on now
handles = []
for task in range(JOB.tasks):
    with SetWorkflowID(f"task-{task}"):
        handles.append(DBOS.start_workflow(run, task))
for handle in handles:
    assert handle.get_result() == JOB.batches * JOB.records
JOB.end()
DBOS.destroy()
os._exit(0)
