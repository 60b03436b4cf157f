"""An outage: a service of the server's is dead, and for a while behind that nobody is blamed for what comes of it.

A server that ends then is started again once the service is back, as whoever runs it would do; a client that was told
of an error asks again. What is seen meanwhile is written down as what nobody knows the worth of. Behind it everything
counts as ever: the job has to come out exactly.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.operation import Op, Operation, Type
from mcp_crashtest.stage.chronicle import SERVICE
from mcp_crashtest.subjects.life import Life
from mcp_crashtest.subjects.services import Service

if TYPE_CHECKING:
    from mcp_crashtest.stage.client_process import ClientProcess
    from mcp_crashtest.stage.stage import Stage

_MOST_RESTARTS = 5
_LEAVING_S = 5.0
_AGAIN_S = 0.2
_FAILED = "failed"


@dataclass(slots=True)
class Outage:
    """The outages of a run. ``grace_s``: so long behind its end a server may still be about to recover.

    ``tells_failure``: nothing is away, but calls have failed: a job that says that it has failed has come to its end.
    """

    grace_s: float
    tells_failure: bool = False
    _lasting: int = 0
    _forgiven_until: float = field(default=0.0)
    _restarts: int = 0

    @property
    def lasts(self) -> bool:
        """Whether a service is away now."""
        return self._lasting > 0

    def hears_out(self, reason: object) -> bool:
        """Whether a job that ended so is not asked for again."""
        return self.tells_failure and reason == _FAILED

    @property
    def forgives(self) -> bool:
        """Whether errors and ends are the outage's."""
        return self.lasts or time.monotonic() < self._forgiven_until

    def begin(self) -> None:
        """A service is about to die."""
        self._lasting += 1

    def end(self) -> None:
        """It is back."""
        self._lasting -= 1
        self._forgiven_until = time.monotonic() + self.grace_s

    def starts_again(self) -> bool:
        """Whether a server that has ended by itself may be started once more; counted, and bounded."""
        self._restarts += 1
        return self._restarts <= _MOST_RESTARTS


def forgive(stage: Stage, process: str, event: Operation) -> None:
    """Write down an error that a client was told, as one of which nobody knows what it is worth."""
    stage.write(process, Type.INFO, Op.OUTAGE, {"what": event.op, **event.value}, event.task)


async def ask_again(stage: Stage, ended: ClientProcess, start: Callable[[], Awaitable[None]]) -> None:
    """A client that has ended with such an error begins another life once the service is back."""
    await ended.ended(_LEAVING_S)
    if await stage.until(lambda: not stage.outage.lasts) and await stage.until_time(time.monotonic() + _AGAIN_S):
        await start()


async def start_again(stage: Stage, life: Life, how: str) -> None:
    """A server that could not live without its service is started once that is back."""
    value = {"what": Op.EXIT, "how": how, "last_words": stage.last_words()}
    stage.recorder.write("server", Type.INFO, Op.OUTAGE, value, life=life.number)
    if await stage.until(lambda: not stage.outage.lasts) and stage.server is None:
        await stage.boot()


async def watch_service(stage: Stage, service: Service) -> None:
    """See to it that a service ends by our hand alone: whose own end it is, is not the server's."""
    how = await service.wait_exit(stage.limits.total_s)
    stage.chronicle.died(SERVICE, service.name, service)
    if not service.expected_to_end:
        stage.failure = stage.failure or SubjectError(
            f"the service {service.name} ended by itself with {how}; its last words:\n{service.log_tail()}"
        )
        stage.stir()
