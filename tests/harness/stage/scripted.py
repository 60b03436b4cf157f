"""A stage without processes: a scripted server and client, in which faults and time are the test's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.coordinates import Coordinate
from mcp_crashtest.model.losses import Loss
from mcp_crashtest.model.operation import Op, Operation, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.pace import Limits, Pace
from mcp_crashtest.stage.stage import Stage
from mcp_crashtest.subjects.life import Mortal
from mcp_crashtest.subjects.process import Exit, KillProof, Remains
from mcp_crashtest.subjects.services import Service
from mcp_crashtest.subjects.syscalls.stores import NotFollowed
from mcp_crashtest.subjects.trace import Trace
from tests.harness.checkers.histories import history

KILLED = Exit(signal=9)


@dataclass(eq=False)
class ScriptedLife:
    """A life that does what it is told, and says so in the log.

    ``escapes``: a kill does not reach it; ``lingers_s``: so long it takes to stop; ``meanwhile``: what happens while it
    is being killed.
    """

    log: list[str]
    name: str
    number: int = 1
    points: Sequence[Coordinate] = ()
    escapes: bool = False
    lingers_s: float = 0
    meanwhile: Callable[[], object] | None = None
    parked: bool = False
    expected_to_end: bool = False
    pid: int = 1
    warm: bool = True
    exited: Exit | None = None
    trace: Trace = field(default_factory=Trace)
    whole: bool = False
    everybody: bool = False
    starved_s: float = 0
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _parking: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, how: Exit) -> None:
        self.exited = how
        self._ended.set()
        self._parking.set()

    def park(self) -> None:
        self.parked = True
        self._parking.set()

    async def begin(self) -> None:
        """It has begun."""

    async def kill(self) -> KillProof:
        self.log.append(f"kill {self.name}")
        if self.meanwhile:
            self.meanwhile()
        if self.exited or self.escapes:
            return KillProof(False, "it got away", self.exited, (), 0.0)
        self.end(KILLED)
        return KillProof(True, "killed", KILLED, (), 0.0)

    async def leave(self) -> bool:
        return (await self.kill()).confirmed

    async def wait_exit(self, deadline_s: float) -> Exit:
        await asyncio.wait_for(self._ended.wait(), deadline_s)
        assert self.exited
        return self.exited

    async def wait_parked(self, deadline_s: float) -> bool:
        await asyncio.wait_for(self._parking.wait(), deadline_s)
        self._parking.clear()
        return self.exited is None

    async def go_on(self) -> bool:
        self.log.append(f"go on {self.name}")
        return self.exited is None

    async def to_be_told(self) -> bool:
        return self.exited is None

    async def terminate(self) -> bool:
        self.log.append(f"terminate {self.name}")
        if self.exited:
            return False
        if self.lingers_s:
            asyncio.get_running_loop().call_later(self.lingers_s, self.end, Exit(code=0))
        else:
            self.end(Exit(code=0))
        return True

    async def left(self, patience_s: float, *, kill: Collection[str] = ()) -> Remains:
        return Remains(False)

    async def freeze(self) -> bool:
        self.log.append(f"freeze {self.name}")
        return not self.escapes

    async def thaw(self) -> bool:
        self.log.append(f"thaw {self.name}")
        return True


@dataclass
class ScriptedSite:
    """Boots scripted lives; those whose number is in ``escaping`` cannot be killed."""

    log: list[str]
    folder: RunFolder
    workload: Workload = field(default_factory=lambda: Workload(6, 2))
    killable: bool = True
    piped: bool = False
    url: str = "http://scripted/mcp"
    ready_deadline_s: float = 1.0
    escaping: frozenset[int] = frozenset()
    lives: list[ScriptedLife] = field(default_factory=list)
    services: Sequence[Service] = ()
    starting_s: float = 0.0
    version: Mapping[str, Any] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    unfollowed: bool = False

    async def boot(self, points: Sequence[Coordinate] = ()) -> ScriptedLife:
        await asyncio.sleep(self.starting_s)
        number = len(self.lives) + 1
        self.log.append(f"boot {number}" + "".join(f" {at}" for at in points))
        life = ScriptedLife(self.log, f"server {number}", number, points, number in self.escaping)
        self.lives.append(life)
        return life

    def change_door(self) -> None:
        self.log.append("change door")

    def log_tail_of(self, life: int) -> str:
        return f"the last words of life {life}"

    def log_tail(self) -> str:
        return "last words"

    def cut_power(self, loss: Loss) -> str:
        self.log.append(f"cut {loss}")
        if self.unfollowed:
            raise NotFollowed("nobody knows")
        return "the power failed"


@dataclass
class ScriptedClient:
    """A client that sees what the test lets it see. ``gets_away``: it ends by itself when it is to be killed."""

    log: list[str]
    done: float = 0
    began_at: float = 0
    spoke_at: float | None = None
    connected_at: float | None = None
    submitted_at: float | None = None
    moved_at: float | None = None
    halted: Op | None = None
    at_rest: bool = False
    reached: bool = False
    gets_away: bool = False
    expected: list[str] = field(default_factory=list)
    life: ScriptedLife | None = None
    lives: int = 0

    def enter(self, stage: Stage) -> Mapping[str, Any] | None:
        self.stage = stage
        return {"records": None}

    @property
    def living(self) -> Mortal | None:
        return self.life if self.life and self.life.exited is None else None

    async def start(self) -> None:
        self.lives += 1
        self.log.append(f"start client {self.lives}")
        self.life = ScriptedLife(self.log, f"client {self.lives}", self.lives)

    async def joined(self) -> None:
        if self.stage.plan.companion:
            self.log.append("a second client joins")

    def expect(self, at: Coordinate | None) -> None:
        self.expected.append(str(at))

    def server_starts(self) -> None:
        pass

    def meet(self) -> None:
        pass

    async def hang_up(self, *, politely: bool) -> bool:
        self.log.append("says goodbye" if politely else "hangs up")
        return self.life is not None

    def saw(self, operation: Operation) -> bool:
        return operation.op in (Op.BOOT, Op.FAULT) and operation.type is not Type.INVOKE

    def expect_end(self) -> None:
        pass

    def passed(self, mark: float) -> bool:
        return self.done >= mark

    async def struck(self) -> bool:
        return not self.gets_away

    async def endure(self) -> None:
        if self.living:
            self.log.append("the client meets a closed door")

    async def interrupt(self) -> Proof:
        self.log.append("interrupt")
        assert self.life
        self.life.end(Exit(code=130))
        return Proof(True, "left")

    async def drop(self) -> Proof:
        self.log.append("drop")
        return Proof(True, "dropped")

    async def prepare(self) -> None:
        self.log.append("prepare")

    async def operate(self, name: str) -> Proof | None:
        self.log.append(name)
        return Proof(True, "acknowledged")

    async def look(self) -> Mapping[str, Any]:
        self.log.append("look")
        return {}

    async def close(self) -> bool:
        self.log.append("close client")
        return True

    def finish(self) -> None:
        """The job is done."""
        self.stage.ended = "output"
        self.stage.stir()

    def sees(self, done: float) -> None:
        self.done = done
        self.stage.stir()


@dataclass
class Scripted:
    """A stage for a plan, with its parts and the log of all that they did."""

    stage: Stage
    site: ScriptedSite
    client: ScriptedClient
    log: list[str]


def scripted(plan: Plan, folder: Path, *, silence_s: float = 5.0, escaping: frozenset[int] = frozenset()) -> Scripted:
    """A stage on which this plan is to be played."""
    log: list[str] = []
    site = ScriptedSite(log, RunFolder(folder), escaping=escaping)
    client = ScriptedClient(log)
    header = replace(history([]).header, plan=plan.to_json())
    pace = Pace(undisturbed_s=0.3, batch_s=0.1, outage_s=0.01)
    return Scripted(Stage(plan, site, client, header, Limits(silence_s, 30.0), pace), site, client, log)
