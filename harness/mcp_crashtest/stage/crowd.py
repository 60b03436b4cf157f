"""Many jobs at once, of three clients: the others come as soon as the first client has its handle.

The jobs are the clients' by turns. Each client has a size of job of its own, where the call tells the size, and is a
principal of its own, where there are several. Each job is followed over a connection of its own by a process like the
first one's, which meets the server's deaths as that does, and is never killed. The run is over when all have ended.
What was done about each of them stands in the history under a name of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from mcp_crashtest.contracts.job import Job
from mcp_crashtest.model.companions import CLIENTS, MEMBERS, OWN, SECOND, THIRD, Companion, member_of, size_of
from mcp_crashtest.model.offers import Principal
from mcp_crashtest.model.operation import Op, Operation, Type
from mcp_crashtest.model.paths import fill
from mcp_crashtest.model.secrets import meant
from mcp_crashtest.stage.client_process import ClientProcess, Listener
from mcp_crashtest.stage.ending import watch_client
from mcp_crashtest.stage.hosting import Hosting
from mcp_crashtest.stage.moving import Moves
from mcp_crashtest.stage.second_client import SecondClient
from mcp_crashtest.stage.stage import LAB, OUTPUT, Stage
from mcp_crashtest.subjects.subject import Subject

_OF_A_TASK = frozenset({Op.SUBMIT, Op.STATUS, Op.OUTPUT})


@dataclass(slots=True)
class Member:
    """One of the crowd's jobs. ``number`` is from 1; ``principal`` is whose it is, where that is said."""

    number: int
    hosting: Hosting
    principal: Principal | None = None
    process: ClientProcess | None = None
    handle: str | None = None
    moves: Moves = field(default_factory=Moves)
    finished: bool = False

    @property
    def name(self) -> str:
        """Its name in the history."""
        return f"{SECOND}-{self.number}-0"


@dataclass(slots=True, eq=False)
class Crowd:
    """The clients beside the first; ``first_job`` is that one's, as far as it is known by now."""

    subject: Subject
    stage: Stage
    first_job: Callable[[], Job]
    listening: Callable[[str], Listener]
    hosting: Hosting
    members: list[Member] = field(init=False)
    _first_finished: bool = False

    def __post_init__(self) -> None:
        """They come by themselves."""
        self.members = [
            Member(n, Hosting(self.subject, beside=self.hosting), self._whose(n)) for n in range(1, MEMBERS + 1)
        ]
        self.stage.watch(self._come())

    def _whose(self, number: int) -> Principal | None:
        """The principals have the jobs by turns, three of them at most."""
        several = self.subject.profile.principals[:CLIENTS]
        return several[number % CLIENTS % len(several)] if several else None

    def note_expected(self, *expected: Mapping[str, Any] | None) -> None:
        """What jobs of the second size are compared with, and of the third."""
        for name, seen in zip((SECOND, THIRD), expected, strict=False):
            if seen is not None:
                self.stage.write(name, Type.OK, Op.EXPECT, seen)

    async def join(self) -> None:
        """They have come long since."""

    async def _come(self) -> None:
        if not await self.stage.until(lambda: self.first_job().handle is not None):
            return
        for member in self.members:
            log = self.subject.folder.client_log(member.name)
            process = await member.hosting.start(self._job(member), log, self._listener(member))
            member.process = process
            self.stage.write(LAB, Type.OK, Op.CLIENT, {"pid": process.process.pid, "name": member.name})
            present = partial(_is_present, member, process)
            who = "a client of the lab's crowd"
            self.stage.watch(watch_client(self.stage, member.name, process, present, who))

    def _listener(self, member: Member) -> Listener:
        """What it says is said of its principal."""
        tell = self.listening(member.name)
        if (whose := member.principal) is None:
            return tell
        return lambda event: tell(
            replace(event, value={**event.value, "principal": whose.name}) if event.op in _OF_A_TASK else event
        )

    def _job(self, member: Member) -> Job:
        first, size = self.first_job(), size_of(self.stage.plan.to_json(), member.number)
        values = dict(self.subject.values)
        values |= {name: f"{values[name]}-{member.number + 1}" for name in OWN}
        if size:
            values |= {"total_records": size["records"], "batch_size": size["batch"]}
        arguments = fill(self.subject.profile.contract.arguments, values)
        first = first.sized(**size) if size else first
        headers = self.subject.headers_of(member.principal) if member.principal else first.headers
        return replace(first, arguments=arguments, values=values, headers=headers, handle=None, notes="", waits=False)

    def saw(self, operation: Operation) -> bool:
        """An event of one of them; whether it shows that something goes on."""
        member = next((one for one in self.members if one.number == member_of(operation)), None)
        if member is None:
            return False
        if operation.op is Op.SUBMIT and operation.type is Type.OK:
            member.handle = meant(operation.task)
        if operation.op is Op.OUTPUT:
            member.finished = True
            if member.process:
                member.process.expected_to_end = True
            self._end_if_all_have()
        if operation.op is Op.END:
            self.stage.ended = self.stage.ended or "client deadline"
        return member.moves.saw(operation)

    def first_has_finished(self, *, read: bool) -> None:
        """The first client has nothing more to do."""
        del read
        self._first_finished = True
        self._end_if_all_have()

    def _end_if_all_have(self) -> None:
        if self._first_finished and all(member.finished for member in self.members):
            self.stage.ended = self.stage.ended or OUTPUT

    async def close(self) -> None:
        """End them, if they live."""
        for member in self.members:
            if member.process:
                member.process.expected_to_end = True
                await member.process.close()
            member.hosting.close()


def _is_present(member: Member, process: ClientProcess) -> bool:
    return member.process is process and not member.finished


Company = SecondClient | Crowd


def company(
    subject: Subject,
    stage: Stage,
    job: Callable[[], Job],
    listening: Callable[[str], Listener],
    hosting: Hosting,
) -> Company | None:
    """Who comes beside the first client, if the stage's plan has somebody."""
    wanted = stage.plan.companion
    if wanted is Companion.CROWD:
        return Crowd(subject, stage, job, listening, hosting)
    return SecondClient(subject, stage, wanted, job, listening, hosting) if wanted else None
