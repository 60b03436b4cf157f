"""What every run has, whoever is on trial: a server with its lives, a client, a record, limits, and an end.

The stage starts, restarts and ends; it knows no fault and no contract. Waiting is always for a predicate, and always
ends: with the end of the run, however it came, or with a run that nothing moves any more ("stalled").
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.model.coordinates import Coordinate
from mcp_crashtest.model.faults import Victim
from mcp_crashtest.model.operation import Header, History, Op, Operation, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.stage.away import stay_away
from mcp_crashtest.stage.chronicle import LAB as LAB
from mcp_crashtest.stage.chronicle import Chronicle
from mcp_crashtest.stage.client import Client
from mcp_crashtest.stage.ending import bound_logs, ended_by_itself, has_left
from mcp_crashtest.stage.heartbeat import Heartbeat
from mcp_crashtest.stage.outage import Outage, start_again, watch_service
from mcp_crashtest.stage.pace import Limits, Pace
from mcp_crashtest.stage.recorder import Recorder
from mcp_crashtest.stage.silence import Silence
from mcp_crashtest.stage.site import Door, Site
from mcp_crashtest.subjects.life import Life, Mortal
from mcp_crashtest.subjects.proc import tells_waiting
from mcp_crashtest.subjects.services import Service

NEMESIS = "nemesis"
OUTPUT = "output"  # how a run ends that ends well
AT_REST = "at rest"  # or one whose task was told to stop, and does not move any more
_LONGEST_WORDS, _THOUSAND = 2000, 1000


@dataclass(slots=True)
class Stage:
    """One run's state. ``stray``: somebody may have got away from a fault; ``ended``: how the run has ended.

    ``landed`` counts the faults that have landed; ``failure`` is whose fault it is that there is nothing to judge.
    """

    plan: Plan
    site: Site
    client: Client
    header: Header
    limits: Limits
    pace: Pace
    door: Door | None = None
    lives: list[Life] = field(default_factory=list)
    landed: int = 0
    ended: str | None = None
    failure: Exception | None = None
    stray: bool = False
    recorder: Recorder = field(init=False)
    outage: Outage = field(init=False)
    chronicle: Chronicle = field(init=False)
    booted_at: float = field(init=False, default=0)
    _silence: Silence = field(init=False)
    _heartbeat: Heartbeat = field(init=False, default_factory=Heartbeat)
    _stir: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _watches: list[asyncio.Task[None]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """Nothing is away yet."""
        self.outage, self.chronicle = Outage(self.limits.silence_s), Chronicle(self)
        self._silence = Silence(self.limits.silence_s, self._starved_s)

    # --- the record

    def write(
        self, process: str, type_: Type, op: Op, value: Mapping[str, Any] | None = None, task: str | None = None
    ) -> None:
        """Append an event of the server's present life to the history.

        Where a client hears something later after a restart than is claimed, it says how long the server starved.
        """
        if self._is_late() and self.landed and process.startswith("client") and type_ in (Type.OK, Type.FAIL):
            value = {**(value or {}), "starved_s": round(self.server.starved_s, 6) if self.server else 0.0}
        self.recorder.write(process, type_, op, value or {}, life=max(len(self.lives), 1), task=task)

    def _is_late(self) -> bool:
        claimed_s = self.header.claims.get("recovery_deadline_s")
        return claimed_s is not None and time.monotonic() - self.booted_at > claimed_s and tells_waiting()

    def _heard(self, operation: Operation) -> None:
        if self.client.saw(operation):
            self._silence.moved()
        self.chronicle.saw(operation)
        self.stir()

    def stir(self) -> None:
        """Something has changed: whoever waits looks again."""
        self._stir.set()

    # --- waiting

    @property
    def over(self) -> bool:
        """Whether the run has ended, however."""
        return self.ended is not None or self.failure is not None

    async def until(self, reached: Callable[[], bool], at: float | None = None) -> bool:
        """Wait until ``reached``, which may turn true at a time; False when the run is over before, however."""
        while not self.over:
            if reached():
                return True
            now, silent_at = time.monotonic(), self._silence.too_long_at()
            if now >= silent_at:
                if self._silence.starves():
                    continue
                self.ended = "stalled"
                break
            wake_at = min(silent_at, at) if at is not None and at > now else silent_at
            self._stir.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stir.wait(), wake_at - now)
        return False

    def _starved_s(self) -> float:
        return max((o.starved_s for o in (self.server, self.client.living) if o), default=0.0)

    async def until_time(self, at: float) -> bool:
        """Wait for a time: there is nothing else to wait for. False when the run is over before."""
        return await self.until(lambda: time.monotonic() >= at, at)

    def watch(self, watching: Coroutine[Any, Any, None]) -> None:
        """Run something beside the run, until its end."""
        self._watches.append(asyncio.create_task(watching))

    # --- from the beginning to the end

    async def begin(self) -> None:
        """Open the history; start the server and its client. Raises SubjectError."""
        self.recorder = Recorder(self.header, self.site.folder, self._heard)
        self._silence.moved()
        expected = self.client.enter(self)
        if expected is not None:
            self.write(LAB, Type.OK, Op.EXPECT, expected)
        self.client.expect(self._next())
        self.watch(self._heartbeat.beat())
        self.watch(bound_logs(self.site.folder))
        self.watch(self.chronicle.watch_ledger())
        await self.boot()
        for service in self.site.services:
            self.chronicle.service_ready(service)
            self.watch(watch_service(self, service))
        if self.plan.operates:
            await self.client.prepare()
        await self.client.start()

    def fault_landed(self, number: int) -> None:
        """The plan's fault with this number (from 1) has landed; the next one is expected."""
        self.landed = number
        self.client.expect(self._next())

    def _next(self) -> Coordinate | None:
        return self.plan.faults[self.landed].at if self.landed < len(self.plan.faults) else None

    async def go_on_after_the_end(self) -> None:
        """The output has come, and the run goes on: the server was killed, and a client asks it once more."""
        self.ended = None
        self._silence.moved()
        if self.plan.companion is None or self.site.piped:  # a second job comes to a life that nobody has asked
            await self.client.start()

    async def end(self) -> History:
        """Note how the run ended, end what is left of it, and read the ledger. The whole history."""
        reason = str(self.failure) if self.failure else self.ended or "broken off"
        silent_s = self._silence.elapsed_s
        self.client.expect_end()
        for life in self.lives:
            life.expected_to_end = True
        await self._stop_watching()
        if self.door:
            self.door.shut()
        self.stray |= not await self.client.close()
        for life in self.lives:
            if life.exited is None:
                self.stray |= not await has_left(life, piped=self.site.piped)
            self.chronicle.server_died(life)
        if self.door:
            await self.door.cut()
        if (effects := self.site.folder.effects()) is not None:
            self.write(LAB, Type.OK, Op.EFFECTS, {**effects.to_json(), **self.chronicle.seen()})
        value = {
            "reason": reason,
            "silent_s": silent_s,
            "deadline_s": self.limits.silence_s,
            "starved_s": round(self._silence.starved_s, 6),
            **self._heartbeat.told,
            "batch_s": round(self.pace.batch_s, 6),
        }
        if reason == "stalled" and self.lives:
            value["last_words"] = self.last_words()
        self.write(LAB, Type.OK, Op.END, value)
        return self.recorder.close()

    def executions(self) -> dict[str, int]:
        """How often any record was executed up to now, by the ledger; empty without one."""
        effects = self.site.folder.effects()
        return {} if effects is None else {"executions": sum(times for _, _, times in effects.executions)}

    async def _stop_watching(self) -> None:
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    # --- the server

    @property
    def server(self) -> Life | None:
        """The server's latest life, while it lasts."""
        return self.lives[-1] if self.lives and self.lives[-1].exited is None else None

    async def boot(self) -> None:
        """Begin another life of the server, with the crash points armed at which faults are still to land."""
        if not self.site.killable:
            return
        self.client.server_starts()
        if self.lives and self.client.halted:
            self.write(LAB, Type.OK, Op.WORKED, self.executions())  # while nobody lives
        points = [f.at for f in self.plan.faults[self.landed :] if f.at.parks]
        with self._silence.ours():
            life = await self._started(points)
        if points:
            self.watch(self._watch_park(life))
        if self.door:
            try:
                await self.door.open(self.site.ready_deadline_s)
            except TimeoutError:
                self.ended = self.ended or f"nothing accepts connections at {self.site.url}"

    async def _started(self, points: Sequence[Coordinate]) -> Life:
        life = await self.site.boot(points)
        self.booted_at = time.monotonic()
        self.lives.append(life)
        self.client.meet()
        told = {"pid": life.pid, "warm": life.warm, "url": self.site.url, **self.site.version}
        self.write(LAB, Type.OK, Op.BOOT, told)
        self.watch(self._watch_end(life))
        await life.begin()
        return life

    async def _watch_end(self, life: Life) -> None:
        ended = await life.wait_exit(self.limits.total_s)
        self.chronicle.server_died(life)
        if life.expected_to_end:
            return
        if self.outage.forgives and self.outage.starts_again():
            await start_again(self, life, str(ended))
            return
        ended_by_itself(self, life, str(ended))

    def service_is_back(self, service: Service) -> None:
        """A service that was dead is ready again: whoever waited for it goes on."""
        self.chronicle.service_ready(service)
        self.outage.end()
        self.watch(watch_service(self, service))
        self.stir()

    def last_words(self) -> str:
        """What the server's latest life said last; bounded."""
        return self.site.log_tail()[-_LONGEST_WORDS:]

    async def _watch_park(self, life: Life) -> None:
        if await life.wait_parked(self.limits.total_s):
            self.stir()

    def offset(self) -> int | None:
        """How far into a batch the job is now, in thousandths, as far as its client knows; None before it has begun."""
        if self.client.moved_at is None:
            return None
        batches = (time.monotonic() - self.client.moved_at) / self.pace.batch_s
        within = min(batches, 1.0) if self.pace.shown else batches % 1.0
        return min(int(within * _THOUSAND), _THOUSAND - 1)

    def let_go(self) -> None:
        """Have a parked server go on; where more crash points are armed it parks again."""
        life = self.server
        if life and life.parked:
            life.parked = False
            more = any(fault.at.parks for fault in self.plan.faults[self.landed :])
            self.watch(self._go_on(life, more))

    async def _go_on(self, life: Life, more: bool) -> None:
        if await life.go_on() and more:
            await self._watch_park(life)

    # --- what faults do

    @contextlib.asynccontextmanager
    async def striking(self, victim: Victim) -> AsyncIterator[list[Mortal]]:
        """Whom a fault on this victim ends: their end is no surprise, and their connections are cut behind it."""
        server, client = self.server, self.client.living
        if server and (victim.hits_server or self.site.piped):  # a host takes the server's pipes with it
            server.expected_to_end = True
            if self.door:
                self.door.shut()
        if victim.hits_client:
            self.client.expect_end()
        hit = ((victim.hits_server, server), (victim.hits_client, client))
        yield [life for is_hit, life in hit if is_hit and life]
        if self.door:
            await self.door.cut()
        self.client.expect(None)

    async def revive(self, victim: Victim) -> None:
        """Start again what was hit. A client that lives meets the server's absence; one that left stays away."""
        if victim.hits_client and self.site.piped:
            self.let_go()
        elif victim.hits_server and self.server is None:
            if self.client.living:
                await self.client.endure()
            await self.boot()
            if self.client.at_rest and not self.over and self.landed <= len(self.plan.faults):
                await self.client.start()
        else:
            self.let_go()
        if victim.hits_client and not self.client.living and not self.over:
            await stay_away(self)
            if self.site.piped:  # who comes back starts it anew, beside what his dead self has left
                await self.boot()
            await self.client.start()
