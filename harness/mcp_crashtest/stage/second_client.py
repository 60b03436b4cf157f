"""The second client on the stage: it comes behind the last fault, with a job of its own or for that of the first.

With a job that is to be under way beside the first one when the server dies it comes before that, and meets it too. It
is a process like the first one's, is never killed, and what it does stands in the history under its own name. A server
that takes one job at a time may refuse a second one while the first goes on: then it is asked for again, and where it
is owed its place behind the first, for as long as a refusal may last. Behind a second job the output of the first is
read once more, in the first client's name: it is what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from mcp_crashtest.contracts.job import Job
from mcp_crashtest.model.companions import AGAIN, OWN, SECOND, Companion, is_of_second, is_refusal
from mcp_crashtest.model.operation import Op, Operation, Type
from mcp_crashtest.model.paths import fill
from mcp_crashtest.model.secrets import meant
from mcp_crashtest.stage.answering import Answering
from mcp_crashtest.stage.client_process import ClientProcess, Listener
from mcp_crashtest.stage.ending import watch_client
from mcp_crashtest.stage.hosting import Hosting
from mcp_crashtest.stage.moving import MOVES, Moves
from mcp_crashtest.stage.operator import Operator
from mcp_crashtest.stage.stage import LAB, OUTPUT, Stage
from mcp_crashtest.subjects.subject import Subject


class SecondClient:
    """It does what ``wanted`` says; ``job`` is the first client's, as far as it is known by now.

    ``listening`` gives whoever takes over what a client of this name journals; over stdio ``hosting`` has whom it
    speaks through.
    """

    def __init__(
        self,
        subject: Subject,
        stage: Stage,
        wanted: Companion,
        job: Callable[[], Job],
        listening: Callable[[str], Listener],
        hosting: Hosting,
    ) -> None:
        self.finished = False
        self._subject = subject
        self._stage = stage
        self._wanted = wanted
        self._first_job = job
        self._listening = listening
        self._first_finished = False
        self._first_read = False
        self._called = False
        self._came_behind = False
        self._looks_again = False
        self._process: ClientProcess | None = None
        self._lives = 0
        self._moves = Moves()
        self._handle: str | None = None
        self._operator = Operator(subject, stage, self._followed, f"{SECOND}-operator", hosting=hosting)
        self._hosting = Hosting(subject, beside=hosting)
        self._answering = Answering(stage, self._operator)
        if wanted is Companion.JOB_BESIDE:
            stage.watch(self._come())

    def note_expected(self, expected: Mapping[str, Any] | None = None, *_: Mapping[str, Any] | None) -> None:
        """What its own job is compared with, where that has a size of its own."""
        if expected is not None:
            self._stage.write(SECOND, Type.OK, Op.EXPECT, expected)

    async def join(self) -> None:
        """Come when it is its time; not at all where the run is over before, or where it has come long since."""
        self._called = True
        if self._wanted is not Companion.JOB_BESIDE:
            await self._come()

    async def _come(self) -> None:
        if await self._stage.until(self._is_time):
            await self._start()

    def _is_time(self) -> bool:
        """Another job is asked for at once, or behind the first; the same one as soon as it has a name.

        What the same call is answered with where nobody is in the way is seen behind the end: a key that is good for
        as long as the job goes on promises nothing that could be judged.
        """
        if self._wanted is Companion.ANOTHER_JOB_LATER:
            return self._first_finished
        if self._wanted is Companion.SAME_CALL and not self._stage.plan.faults:
            return self._first_finished
        job = self._first_job()
        if self._wanted is Companion.JOB_BESIDE:
            return job.handle is not None
        return self._wanted.has_own_job or job.kind.blocking or job.handle is not None or self._first_finished

    async def _start(self) -> None:
        name = f"{SECOND}-{self._lives}"
        self._lives += 1
        self._came_behind = self._first_finished
        await self._begin(name, self._job())

    async def _begin(self, name: str, job: Job) -> None:
        log = self._subject.folder.client_log(name)
        process = await self._hosting.start(job, log, self._listening(name))
        self._process = process
        self._stage.write(LAB, Type.OK, Op.CLIENT, {"pid": process.process.pid, "name": name})
        present = partial(self._is_present, process)
        self._stage.watch(watch_client(self._stage, name, process, present, "the lab's second client"))

    def _is_present(self, process: ClientProcess) -> bool:
        return process is self._process

    def _job(self) -> Job:
        """The first client's job, or one of another key and perhaps another size."""
        first, size = self._first_job(), self._stage.plan.second
        if self._wanted is Companion.SAME_CALL:
            return replace(first, handle=None)
        if not self._wanted.has_own_job:
            return first
        values = dict(self._subject.values)
        values |= {name: f"{values[name]}-2" for name in OWN}
        if size:
            values |= {"total_records": size.records, "batch_size": size.batch}
        arguments = fill(self._subject.profile.contract.arguments, values)
        waits = self._stage.plan.owed and self._first_finished
        own = replace(first, arguments=arguments, values=values, handle=None, waits=waits)
        return own.sized(size.records, size.batch) if size else own

    def _followed(self) -> Job:
        """What it does, with the handle that it was given."""
        return replace(self._job(), handle=self._handle)

    # --- what is seen

    def saw(self, operation: Operation) -> bool:
        """An event of its own; whether it shows that something goes on."""
        if operation.process == AGAIN:
            return self._saw_again(operation)
        assert is_of_second(operation)
        if operation.op is Op.SUBMIT and operation.type is Type.OK:
            self._handle = meant(operation.task)
            if self._wanted is Companion.SAME_CALL and not self._stage.plan.faults:
                self._ends(operation)
        if self._wanted.has_own_job:
            self._answering.saw(operation)
        if operation.op is Op.OUTPUT:
            self._ends(operation)
        if operation.op is Op.END:
            self._stage.ended = self._stage.ended or "client deadline"
        return self._moves.saw(operation)

    def _ends(self, operation: Operation) -> None:
        if self._process:
            self._process.expected_to_end = True
        if is_refusal(operation) and not self._came_behind:
            self._stage.watch(self._again())
        else:
            self.finished = True
            self._end_if_both_have()

    async def _again(self) -> None:
        """It was turned away while the first job went on, or until just behind its end: ask once more behind that.

        Whoever has begun to ask before that end has not waited for a place behind it.
        """
        if await self._stage.until(lambda: self._first_finished):
            await self._start()

    def first_has_finished(self, *, read: bool) -> None:
        """The first client has nothing more to do; whether it has ``read`` its output.

        In an afterlife the run goes on behind that end, and only then a second client comes.
        """
        self._first_finished = True
        self._first_read |= read
        if self._stage.plan.afterlife and not self._called:
            self._stage.ended = self._stage.ended or OUTPUT
        else:
            self._end_if_both_have()

    def _end_if_both_have(self) -> None:
        """Behind a second job the first one's output is read again, where there was one."""
        if not (self.finished and self._first_finished):
            return
        if not (self._wanted.has_own_job and self._first_read):
            self._stage.ended = self._stage.ended or OUTPUT
        elif not self._looks_again:
            self._looks_again = True
            self._stage.watch(self._look_again())

    async def _look_again(self) -> None:
        if self._process:
            await self._process.close()
        await self._begin(AGAIN, self._first_job())

    def _saw_again(self, operation: Operation) -> bool:
        if operation.op is Op.OUTPUT:
            if self._process:
                self._process.expected_to_end = True
            self._stage.ended = self._stage.ended or OUTPUT
        if operation.op is Op.END:
            self._stage.ended = self._stage.ended or "client deadline"
        return operation.op in MOVES and operation.type is not Type.INVOKE

    async def close(self) -> None:
        """End it, if it lives."""
        await self._operator.close()
        if self._process:
            self._process.expected_to_end = True
            await self._process.close()
        self._hosting.close()
