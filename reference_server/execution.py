"""Executing tasks, step by step: claim it, ask its owner, do a batch, finish it.

A task is never executed inside a request: a client that goes away cancels its request, and nothing else. Of one task
there is one step at a time. A step is a generator: up to its ``yield`` it runs in a worker thread, when it is the
task's turn; what it yields is written, perhaps in one transaction with other tasks' writes; the rest of it runs in the
thread that has written, and says what comes then. A batch is followed by another when it is on the disk and its
audience has been told.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any, NamedTuple

from reference_server import crashpoints
from reference_server.crashpoints import CrashPoints
from reference_server.data_root import DataRoot
from reference_server.database import Place
from reference_server.effects import Effects
from reference_server.errors import INTERNAL_ERROR, Damaged, Refusal, Superseded, Unknown
from reference_server.jobs import Job
from reference_server.kinds import job_of
from reference_server.lifecycle import Status
from reference_server.records import chain
from reference_server.store import Store
from reference_server.task import Checkpoint, Task
from reference_server.turns import Turns
from reference_server.writer import Writer

_PAGE = 1000
_RETRY_S = (0.1, 0.5, 2.0, 5.0)

log = logging.getLogger("reference_server")


@dataclass(slots=True, eq=False)
class Execution:
    """One task in this process, from its claim to wherever it stops. ``halted``: to stop before its next batch.

    ``damaged``: it is not what was written, and nobody is to claim it.
    """

    task_id: str
    owner: str
    task: Task | None = None
    job: Job | None = None
    state: bytes | None = None
    rest_s: float = 0.0
    failures: int = 0
    halted: bool = False
    damaged: bool = False
    term: int = 0


class Write(NamedTuple):
    """What a step has the store do; ``alone``: in a transaction of its own."""

    ask: Callable[[Store], Any]
    alone: bool = False


class Then(Enum):
    """What comes after a step."""

    NEXT_STEP = auto()
    AUDIENCE = auto()
    END = auto()


Step = Generator[Write, Any, Then]
Told = Callable[[Execution], None]


class Executor:
    """Executes tasks of one store for one worker.

    ``claim`` makes this process a task's worker, for as long as ``term`` stays what it was.
    ``tell`` is called in the writer's thread after each commit, and has ``go_on`` called when all have been told.
    ``ended`` is called in some thread when a task stops, for whatever reason.
    """

    def __init__(
        self,
        place: Place,
        writer: Writer,
        root: DataRoot,
        effects: Effects,
        points: CrashPoints,
        *,
        claim: Callable[[Store, str], tuple[Task, bytes | Damaged | None]],
        term: Callable[[], int],
        tell: Told,
        ended: Told,
    ) -> None:
        self._place = place
        self._writer = writer
        self._root = root
        self._effects = effects
        self._points = points
        self._claim = claim
        self._term = term
        self._tell = tell
        self._ended = ended
        self._turns: Turns[Execution] = Turns(writer, self._turn, lambda execution: execution.owner)
        self._turns.start()

    def execute(self, task_id: str, owner: str) -> Execution:
        """Let a task be claimed and executed when it is its turn, which it has as one of its owner's."""
        execution = Execution(task_id, owner)
        self._turns.enter(execution)
        return execution

    def halt(self, execution: Execution) -> None:
        """Have a task stop before its next batch: at once when it rests, or waits for a place."""
        execution.halted = True
        if self._turns.withdraw(execution):
            self._ended(execution)

    def resting(self) -> list[Execution]:
        """Those that rest, between two batches or because storage fails."""
        return self._turns.resting()

    def request_stop(self) -> None:
        """Begin no further batch; nobody rests any longer. To be called in the event loop."""
        self._turns.request_stop()

    def close(self) -> None:
        """End the worker threads; those that are in the middle of something end when it is over."""
        self._turns.close()

    def go_on(self, execution: Execution) -> None:
        """Everybody has been told of the last batch: the next may begin."""
        task = execution.task
        assert task
        self._points.reach(crashpoints.ACKNOWLEDGED, task.step)
        if self._turns.stopping or task.status is not Status.RUNNING:
            self._end(execution)
        elif execution.rest_s and task.progress < task.total:
            self._rest(execution, execution.rest_s)
        else:
            self._turns.again(execution)

    # --- the steps

    def _next(self, execution: Execution) -> Step | None:
        """Whatever is next for this task; None when it is to stop."""
        task = execution.task
        if self._turns.stopping or execution.halted:
            return None
        if task is None or execution.term != self._term():
            return self._claim_it(execution)
        if execution.job is None:
            return self._begin(execution, task)
        if task.progress < task.total:
            return self._batch(execution, execution.job, task)
        return self._finish(execution, execution.job, task)

    def _claim_it(self, execution: Execution) -> Step:
        term = self._term()
        execution.task, state = yield Write(lambda store: self._claim(store, execution.task_id))
        if isinstance(state, Damaged):
            raise state
        execution.term, execution.job, execution.state = term, None, state
        return Then.NEXT_STEP

    def _begin(self, execution: Execution, task: Task) -> Step:
        execution.job = job_of(task.kind, task.parameters, self._root.of(task.owner))
        questions = execution.job.questions(task) if task.step == 0 else {}
        if not questions:
            return Then.NEXT_STEP
        execution.task = yield Write(lambda store: store.ask(task, questions))
        return Then.END

    def _batch(self, execution: Execution, job: Job, task: Task) -> Step:
        number = task.step + 1
        batch = job.batch(task, execution.state)
        if not batch.bodies:
            raise Refusal(f"the source has only {task.progress} of {task.total} records")
        self._effects.append(task.task_id, batch.names, task.epoch)
        self._points.reach(crashpoints.BEFORE_WRITE, number)
        after = Checkpoint(batch.cursor, chain(task.digest, batch.bodies), batch.message, batch.state)

        def commit(store: Store) -> Task:
            written = lambda: self._points.reach(crashpoints.WRITTEN, number)  # noqa: E731
            return store.commit_batch(task, batch.bodies, after, written if self._points.armed else None)

        committed = yield Write(commit)
        self._points.reach(crashpoints.COMMITTED, number)
        execution.task, execution.rest_s = committed, batch.rest_s
        execution.state = batch.state or execution.state
        return Then.AUDIENCE

    def _finish(self, execution: Execution, job: Job, task: Task) -> Step:
        with closing(Store(self._place)) as store:
            made = job.finish(task, execution.state, _all_bodies(store, task))
        try:
            if made.has_output:
                yield Write(lambda store: store.settle(task))
            execution.task = yield Write(
                lambda store: store.complete(task, made.result, keep=made.keep, place=made.place), alone=True
            )
        finally:
            made.discard()
        return Then.END

    def _fail(self, execution: Execution, error: str) -> Step:
        task = execution.task
        if task is not None:
            execution.task = yield Write(lambda store: store.fail(task, error))
        return Then.END

    # --- taking them

    def _turn(self, execution: Execution) -> None:
        """In a worker thread: it is this task's turn."""
        try:
            if step := self._next(execution):
                self._take(execution, step)
            else:
                self._end(execution)
        except Exception as error:
            self._trouble(execution, error)

    def _take(self, execution: Execution, step: Step, written: Any = None) -> None:
        """Take a step up to its write, or from it to its end."""
        try:
            reached: Write | Then = step.send(written)
        except StopIteration as end:
            reached = end.value
        match reached:
            case Write(ask, alone):
                self._writer.leave(ask, partial(self._written, execution, step), alone=alone)
            case Then.NEXT_STEP:
                self._turns.again(execution)
            case Then.AUDIENCE:
                self._tell(execution)
            case Then.END:
                self._end(execution)

    def _written(self, execution: Execution, step: Step, value: Any, error: BaseException | None) -> None:
        """In the writer's thread: it is known what came of a write."""
        if error is not None:
            step.close()
            self._trouble(execution, error)
            return
        execution.failures = 0
        self._take(execution, step, value)

    def _trouble(self, execution: Execution, error: BaseException) -> None:
        if isinstance(error, Superseded):
            log.info("task %s was cancelled, or taken over", execution.task_id)
            self._end(execution)
        elif isinstance(error, Damaged) and execution.task is None:
            log.error("%s", error)
            execution.damaged = True
            self._end(execution)
        elif isinstance(error, Refusal):
            self._take(execution, self._fail(execution, str(error)))
        elif isinstance(error, OSError | sqlite3.Error):
            self._retry(execution, error)
        else:
            log.error("task %s failed", execution.task_id, exc_info=error)
            text = f"{INTERNAL_ERROR} ({type(error).__name__}); the server's log has the details"
            self._take(execution, self._fail(execution, text))

    def _retry(self, execution: Execution, error: BaseException) -> None:
        """Storage fails: what was committed is kept, and the task goes on, with this step, when it works again.

        Where the answer to a commit was lost it asks the store where it stands, which is to claim it again.
        """
        if execution.failures == 0:
            log.error("task %s has to wait: storage fails (%s); what was committed is kept", execution.task_id, error)
        wait_s = _RETRY_S[min(execution.failures, len(_RETRY_S) - 1)]
        execution.failures += 1
        if isinstance(error, Unknown):
            execution.task = None
        self._rest(execution, wait_s)

    def _rest(self, execution: Execution, rest_s: float) -> None:
        """Rest without a place, and without what the job holds in memory: any number may rest. The job is made anew."""
        execution.job = None
        self._turns.rest(execution, rest_s)
        if execution.halted:  # perhaps only just before, when there was nobody yet to withdraw
            self.halt(execution)

    def _end(self, execution: Execution) -> None:
        self._turns.leave(execution)
        self._ended(execution)


def _all_bodies(store: Store, task: Task) -> Iterator[str]:
    for first in range(0, task.progress, _PAGE):
        yield from store.bodies(task.task_id, first, _PAGE)
