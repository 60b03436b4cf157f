"""What a history tells of lives beside faults: who was ready when, who died of what and had used how much.

No checker needs it. It is for whoever looks at a run: what happened between two events, and when exactly.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp_crashtest.contracts.questions import latest_note
from mcp_crashtest.files.stamps import Stamps
from mcp_crashtest.model.operation import Op, Operation, Type
from mcp_crashtest.subjects.life import Life, Mortal
from mcp_crashtest.subjects.services import Service

if TYPE_CHECKING:
    from mcp_crashtest.stage.stage import Stage

LAB = "lab"
SERVER, CLIENT, SERVICE = "server", "client", "service"
_ANSWERS = frozenset({Op.CONNECT, Op.STREAM})  # what the first answer of a life begins
_BETWEEN_LOOKS_S = 0.004


@dataclass(slots=True)
class Chronicle:
    """The chronicle of one stage; it appends to its history. ``stamps`` are those of the ledger's lines.

    ``first_start_s``: how long the first life took to answer somebody.
    """

    stage: Stage
    stamps: Stamps = field(init=False)
    first_start_s: float = field(init=False, default=0.0)
    _ready: int = 0
    _noting: tuple[str, str] | None = None
    _told: float | None = None
    _dead: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Nothing was seen yet."""
        self.stamps = Stamps(self.stage.site.folder.ledger)

    def saw(self, operation: Operation) -> None:
        """An event of the run: a client that has come through shows that this life of the server answers."""
        if operation.type is not Type.OK or not operation.process.startswith(CLIENT):
            return
        answered_s = operation.value.get("answered_at")
        if operation.op in _ANSWERS or (answered_s and answered_s > self.stage.recorder.seconds(self.stage.booted_at)):
            self.answered(operation.process)

    def answered(self, whom: str) -> None:
        """The server has answered, for the first time in a life; of two lives nobody knows which of them it was."""
        stage = self.stage
        if (life := stage.server) is not None and life.number > self._ready and not _any_lives(stage.lives[:-1]):
            self._ready = life.number
            elapsed_s = round(time.monotonic() - stage.booted_at, 6)
            self.first_start_s = self.first_start_s or elapsed_s
            stage.write(LAB, Type.OK, Op.READY, {"elapsed_s": elapsed_s, "to": whom})

    def server_died(self, life: Life) -> None:
        """A life of the server's has ended; said once."""
        if life.number not in self._dead:
            self._dead.add(life.number)
            self.died(SERVER, f"{SERVER}-{life.number}", life, life.number)

    def died(self, of: str, name: str, who: Mortal, number: int | None = None) -> None:
        """Somebody's life has ended; ``number`` is that of the server's life that it is."""
        if who.exited is None:
            return
        trace = who.trace
        told: dict[str, Any] = {"of": of, "name": name, "how": str(who.exited)}
        ended = {"signalled_at": trace.signalled_at, "reaped_at": trace.reaped_at}
        told |= self.stage.recorder.times(stopped_at=trace.stopped_at, **ended)
        used = {"memory_bytes": trace.memory_bytes, "written_bytes": trace.written_bytes}
        told |= {name: value for name, value in used.items() if value is not None}
        life = max(len(self.stage.lives), 1) if number is None else number
        self.stage.recorder.write(LAB, Type.OK, Op.DEATH, told, life=life)

    def service_ready(self, service: Service) -> None:
        """A service has begun a life, and answers."""
        times = self.stage.recorder.times(started_at=service.started_at, ready_at=service.ready_at)
        self.stage.write(LAB, Type.OK, Op.SERVICE, {"name": service.name, **times})

    def relay(self, what: str, **more: Any) -> None:
        """Something was done to the connections between a client under test and its server."""
        self.stage.write(LAB, Type.OK, Op.RELAY, {"what": what, **more})

    # --- what there is at a fault

    def notes_of(self, client: str) -> str:
        """The path at which this client, which the run goes on with, is to note its latest question."""
        path = str(self.stage.site.folder.client_notes(client))
        self._noting = (client, path)
        return path

    def at_fault(self) -> dict[str, int]:
        """What a fault has met: the client's latest question becomes an event; the ledger's length is returned."""
        told = latest_note(self._noting[1]) if self._noting else None
        if self._noting and told and told["asked_at"] != self._told:
            self._told = told["asked_at"]
            self.stage.write(self._noting[0], Type.OK, Op.POLL, self.stage.recorder.timed(told))
        return self.ledger()

    # --- the ledger as it grows

    def ledger(self) -> dict[str, int]:
        """How many lines the ledger has at this moment, as a value of an event; empty without one."""
        self.stamps.look(time.monotonic())
        return {} if self.stamps.lines is None else {"ledger_lines": self.stamps.lines}

    def seen(self) -> dict[str, Any]:
        """When how many lines of the ledger were there, as a value of an event."""
        pairs = [[lines, self.stage.recorder.seconds(at)] for lines, at in self.stamps.seen]
        return {"seen": pairs} if pairs else {}

    async def watch_ledger(self) -> None:
        """Look at the ledger whenever it has grown, until cancelled; as often as is worth it."""
        with self.stamps.changes() as changed:
            while True:
                await changed.wait()
                changed.clear()
                self.stamps.look(time.monotonic())
                await asyncio.sleep(_BETWEEN_LOOKS_S)


def _any_lives(lives: Sequence[Life]) -> bool:
    return any(life.exited is None for life in lives)
