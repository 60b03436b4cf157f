"""Executing tasks: worker threads take batches in turn, whichever task they are of; the writer commits them.

A task is never executed inside a request: a client that goes away cancels its request, and nothing else. Between two
batches a task waits behind all others that are ready, so none is starved. Of one task there is one batch at a time:
the next is begun when the one before is on the disk and its audience has been told.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference_server import crashpoints
from reference_server.crashpoints import CrashPoints
from reference_server.data_root import DataRoot
from reference_server.effects import Effects
from reference_server.errors import INTERNAL_ERROR, Refusal, Superseded
from reference_server.jobs import Job
from reference_server.kinds import job_of
from reference_server.lifecycle import Status
from reference_server.records import chain
from reference_server.store import Store
from reference_server.task import Checkpoint, Task
from reference_server.writer import Writer

_WORKERS = 2
_GATHERED, _GATHERING_S = 64, 0.002  # how much waits for a flush while other tasks are ready, and how long
_MOST_INTERLEAVED = 256
_PAGE = 1000
_RETRY_S = (0.1, 0.5, 2.0, 5.0)

log = logging.getLogger("reference_server")


@dataclass(slots=True, eq=False)
class Execution:
    """One task in this process, from its claim to wherever it stops. ``halted``: to stop before its next batch."""

    task_id: str
    task: Task | None = None
    job: Job | None = None
    state: bytes | None = None
    rest_s: float = 0.0
    failures: int = 0
    halted: bool = False
    term: int = 0


class _Mine(threading.local):
    """What a thread knows of itself: whether it is a worker, and what it goes on with."""

    works = False
    next: Execution | None = None

    def take(self) -> Execution | None:
        """What to go on with, once."""
        taken, self.next = self.next, None
        return taken


Told = Callable[[Execution], None]


class Executor:
    """Executes tasks of one store for one worker.

    ``claim`` makes this process a task's worker, for as long as ``term`` stays what it was.
    ``tell`` is called in the writer's thread after each commit, and has ``go_on`` called when all have been told.
    ``ended`` is called in some thread when a task stops, for whatever reason.
    """

    def __init__(
        self,
        path: Path,
        writer: Writer,
        root: DataRoot,
        effects: Effects,
        points: CrashPoints,
        *,
        claim: Callable[[Store, str], tuple[Task, bytes | None]],
        term: Callable[[], int],
        tell: Told,
        ended: Told,
    ) -> None:
        self._path = path
        self._writer = writer
        self._root = root
        self._effects = effects
        self._points = points
        self._claim = claim
        self._term = term
        self._tell = tell
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._ready: queue.SimpleQueue[Execution | None] = queue.SimpleQueue()
        self._waiting: deque[Execution] = deque()
        self._resting: dict[Execution, asyncio.TimerHandle] = {}
        self._interleaved = 0
        self._lock = threading.Lock()
        self._mine = _Mine()
        self._stopping = False
        self._threads = [threading.Thread(target=self._work, name=f"worker-{n}", daemon=True) for n in range(_WORKERS)]
        for thread in self._threads:
            thread.start()

    def execute(self, task_id: str) -> Execution:
        """Let a task be claimed and executed when it is its turn."""
        execution = Execution(task_id)
        with self._lock:
            if self._interleaved >= _MOST_INTERLEAVED:
                self._waiting.append(execution)
                return execution
            self._interleaved += 1
        self._ready.put(execution)
        return execution

    def request_stop(self) -> None:
        """Begin no further batch; nobody rests any longer. To be called in the event loop."""
        self._stopping = True
        for execution, timer in list(self._resting.items()):
            timer.cancel()
            del self._resting[execution]
            self._ready.put(execution)

    def close(self) -> None:
        """End the worker threads; those that are in the middle of something end when it is over."""
        for _ in self._threads:
            self._ready.put(None)

    def go_on(self, execution: Execution) -> None:
        """Everybody has been told of the last batch: the next may begin."""
        task = execution.task
        assert task
        self._points.reach(crashpoints.ACKNOWLEDGED, task.step)
        if self._stopping or task.status is not Status.RUNNING:
            self._end(execution)
        elif execution.rest_s and task.progress < task.total:
            self._loop.call_soon_threadsafe(self._rest, execution, execution.rest_s)
        else:
            self._be_ready(execution)

    # --- in the worker threads

    def _work(self) -> None:
        self._mine.works, written_at = True, time.monotonic()
        while execution := self._mine.take() or self._ready.get():
            try:
                self._step(execution)
            except Exception as error:
                self._trouble(execution, error)
            if self._ready.empty() or self._writer.waiting >= _GATHERED or time.monotonic() - written_at > _GATHERING_S:
                self._writer.write_all()
                written_at = time.monotonic()

    def _be_ready(self, execution: Execution) -> None:
        """It is this task's turn when all who are ready have had theirs; if there are none, this thread goes on."""
        if self._mine.works and self._mine.next is None and self._ready.empty():
            self._mine.next = execution
        else:
            self._ready.put(execution)

    def _step(self, execution: Execution) -> None:
        """Whatever is next for this task."""
        task = execution.task
        if self._stopping or execution.halted:
            self._end(execution)
        elif task is None or execution.term != self._term():
            self._claim_it(execution)
        elif execution.job is None:
            execution.job = job_of(task.kind, task.parameters, self._root)
            questions = execution.job.questions(task) if task.step == 0 else {}
            if questions:
                self._writer.leave(
                    lambda store: store.ask(task, questions), self._then(execution, self._stopped(execution))
                )
            else:
                self._be_ready(execution)
        elif task.progress < task.total:
            self._batch(execution, execution.job, task)
        else:
            self._finish(execution, execution.job, task)

    def _claim_it(self, execution: Execution) -> None:
        term = self._term()

        def claimed(found: tuple[Task, bytes | None]) -> None:
            execution.task, execution.state = found
            execution.term, execution.job = term, None
            self._be_ready(execution)

        self._writer.leave(lambda store: self._claim(store, execution.task_id), self._then(execution, claimed))

    def _batch(self, execution: Execution, job: Job, task: Task) -> None:
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

        def committed(task: Task) -> None:
            self._points.reach(crashpoints.COMMITTED, number)
            execution.task, execution.rest_s = task, batch.rest_s
            execution.state = batch.state or execution.state
            self._tell(execution)

        self._writer.leave(commit, self._then(execution, committed))

    def _finish(self, execution: Execution, job: Job, task: Task) -> None:
        with closing(Store(self._path)) as store:
            made = job.finish(task, execution.state, _all_bodies(store, task))

        def complete(store: Store) -> Task:
            return store.complete(task, made.result, keep=made.keep, place=made.place)

        self._writer.leave(complete, self._then(execution, self._stopped(execution)), alone=True)

    def _fail(self, execution: Execution, error: str) -> None:
        task = execution.task
        if task is None:
            self._end(execution)
        else:
            self._writer.leave(lambda store: store.fail(task, error), self._then(execution, self._stopped(execution)))

    def _then(self, execution: Execution, next_: Callable[[Any], None]) -> Callable[[Any, BaseException | None], None]:
        """What is called in the writer's thread, once it is known what came of a write."""

        def done(value: Any, error: BaseException | None) -> None:
            if error is not None:
                self._trouble(execution, error)
                return
            execution.failures = 0
            next_(value)

        return done

    def _stopped(self, execution: Execution) -> Callable[[Task], None]:
        """The task has ended, or waits for somebody."""

        def stopped(task: Task) -> None:
            execution.task = task
            self._end(execution)

        return stopped

    def _trouble(self, execution: Execution, error: BaseException) -> None:
        if isinstance(error, Superseded):
            log.info("task %s was cancelled, or taken over", execution.task_id)
            self._end(execution)
        elif isinstance(error, Refusal):
            self._fail(execution, str(error))
        elif isinstance(error, OSError | sqlite3.Error):
            self._retry(execution, error)
        else:
            log.error("task %s failed", execution.task_id, exc_info=error)
            self._fail(execution, f"{INTERNAL_ERROR} ({type(error).__name__}); the server's log has the details")

    def _retry(self, execution: Execution, error: BaseException) -> None:
        """Storage fails: what was committed is kept, and the task goes on when it works again."""
        if execution.failures == 0:
            log.error("task %s has to wait: storage fails (%s); what was committed is kept", execution.task_id, error)
        wait_s = _RETRY_S[min(execution.failures, len(_RETRY_S) - 1)]
        execution.failures += 1
        self._loop.call_soon_threadsafe(self._rest, execution, wait_s)

    def _rest(self, execution: Execution, wait_s: float) -> None:
        """In the event loop: let the task wait, and then go on."""

        def over() -> None:
            del self._resting[execution]
            self._ready.put(execution)

        self._resting[execution] = self._loop.call_later(0 if self._stopping else wait_s, over)

    def _end(self, execution: Execution) -> None:
        with self._lock:
            following = self._waiting.popleft() if self._waiting else None
            if following is None:
                self._interleaved -= 1
        if following:
            self._ready.put(following)
        self._ended(execution)


def _all_bodies(store: Store, task: Task) -> Iterator[str]:
    for first in range(0, task.progress, _PAGE):
        yield from store.bodies(task.task_id, first, _PAGE)
