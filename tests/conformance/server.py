"""The reference server with the tools that the official conformance suite expects to find, for its tasks scenarios.

Engine, store and extension are the reference server's own; what is added is one kind of task, whose jobs wait, fail or
ask as the suite's fixtures must. Run by ``make conformance``.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastmcp.server.providers.local_provider import LocalProvider

from reference_server import app, extension, kinds
from reference_server.__main__ import main
from reference_server.data_root import DataRoot
from reference_server.engine import Engine
from reference_server.errors import Refusal
from reference_server.jobs import Batch, Finish
from reference_server.requests import submission
from reference_server.task import Submission, Task

KIND = "fixture"
_STEPS_PER_SECOND = 10

provider = LocalProvider()


@dataclass(frozen=True, slots=True)
class Fixture:
    """A job that takes some time, asks what it is told to ask, and ends as it is told to end."""

    keys: tuple[str, ...]
    ends: str

    @classmethod
    def of(cls, parameters: dict[str, Any], _: DataRoot) -> Fixture:
        return cls(tuple(parameters["keys"]), parameters["ends"])

    def questions(self, task: Task) -> dict[str, Any]:
        schema = {"type": "object", "properties": {"confirm": {"type": "boolean"}}}
        return {
            key: {
                "method": "elicitation/create",
                "params": {"mode": "form", "message": key, "requestedSchema": schema},
            }
            for key in self.keys
            if key not in task.answers
        }

    def batch(self, task: Task, state: bytes | None) -> Batch:
        if task.progress and self.ends == "refused":
            raise Refusal("it always fails")
        if task.progress and self.ends == "broken":
            raise RuntimeError("it is broken")
        done = task.progress + 1
        return Batch([str(done)], ["{}"], done, f"{done}/{task.total}", rest_s=1 / _STEPS_PER_SECOND)

    def finish(self, task: Task, state: bytes | None, bodies: Iterator[str]) -> Finish:
        return Finish({"done": task.total})


def job(seconds: float = 0, keys: tuple[str, ...] = (), ends: str = "") -> Submission:
    return submission(
        KIND,
        {"keys": list(keys), "ends": ends},
        total=max(1, int(seconds * _STEPS_PER_SECOND)),
        batch_size=1,
        idempotency_key=secrets.token_hex(8),
    )


async def slow_compute(engine: Engine, seconds: float = 1, label: str = "") -> Submission:
    return job(seconds)


async def failing_job(engine: Engine) -> Submission:
    return job(1, ends="refused")


async def protocol_error_job(engine: Engine) -> Submission:
    return job(1, ends="broken")


async def confirm_delete(engine: Engine, filename: str = "") -> Submission:
    return job(keys=("confirm",))


async def multi_input(engine: Engine) -> Submission:
    return job(keys=("one", "two"))


SUBMISSIONS: dict[str, Callable[..., Awaitable[Submission]]] = {
    "slow_compute": slow_compute,
    "failing_job": failing_job,
    "protocol_error_job": protocol_error_job,
    "confirm_delete": confirm_delete,
    "multi_input": multi_input,
}


@provider.tool(name="greet")
async def greet(name: str) -> str:
    """Greet; never a task."""
    return f"Hello, {name}!"


@provider.tool(name="slow_compute")
async def slow_compute_called(seconds: float = 1, label: str = "") -> str:
    """Compute slowly."""
    return "done"


@provider.tool(name="failing_job")
async def failing_job_called() -> str:
    """Fail."""
    raise ValueError("it always fails")


@provider.tool(name="protocol_error_job")
async def protocol_error_job_called() -> str:
    """Break."""
    raise ValueError("it is broken")


@provider.tool(name="confirm_delete")
async def confirm_delete_called(filename: str = "") -> str:
    """Ask, then delete nothing."""
    return "done"


@provider.tool(name="multi_input")
async def multi_input_called() -> str:
    """Ask twice."""
    return "done"


if __name__ == "__main__":
    kinds.KINDS[KIND] = Fixture.of
    extension.SUBMISSIONS.update({name: extension.checked(wanted) for name, wanted in SUBMISSIONS.items()})
    app.PROVIDERS.append(provider)
    main()
