"""The engine: runs every task once, batch by batch, and tells whoever follows.

A task is executed in the background, never inside a request: a client that goes away cancels its request, and nothing
else. Requests for one task attach to its one execution. At start every unfinished task goes on by itself.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any, TypeVar

from reference_server import crashpoints
from reference_server.crashpoints import CrashPoints
from reference_server.effects import Effects
from reference_server.errors import Refusal, Superseded
from reference_server.followers import Follower
from reference_server.jobs import Job, job_of
from reference_server.records import chain
from reference_server.sealed import DataRoot
from reference_server.store import Checkpoint, Store, Task, prepare

MOST_RUNNING = 8
_WORKERS = 2
_TELLING_S = 1.0
_STOPPING_S = 2.0
_PAGE = 1000

T = TypeVar("T")
log = logging.getLogger("reference_server")


class Engine:
    """One engine for one store. ``start`` it in the event loop that it is to run in."""

    def __init__(self, store: Path, root: DataRoot, effects: Effects, points: CrashPoints) -> None:
        self.root = root
        self._path = store
        self._effects = effects
        self._points = points
        self._running: dict[str, asyncio.Task[None]] = {}
        self._followers: dict[str, set[Follower]] = {}
        self._slots = asyncio.Semaphore(MOST_RUNNING)
        self._stopping = False

    async def start(self) -> None:
        """Open the store and let every unfinished task go on; raises StartError."""
        prepare(self._path)
        self._writing = ThreadPoolExecutor(1, "store-writer")
        self._reading = ThreadPoolExecutor(1, "store-reader")
        self._working = ThreadPoolExecutor(_WORKERS, "worker")
        self._writer = await self._in(self._writing, Store, self._path)
        self._reader = await self._in(self._reading, Store, self._path)
        for task_id in await self.read(Store.unfinished):
            self.ensure_running(task_id)

    def request_stop(self) -> None:
        """Begin no further batch; requests that follow a task are answered that the server stops."""
        self._stopping = True
        for followers in self._followers.values():
            for follower in followers:
                follower.close()

    async def stop(self) -> None:
        """Finish the batches under way and close the store; unfinished tasks stay as they are, for the next life."""
        self.request_stop()
        if self._running:
            _, late = await asyncio.wait(self._running.values(), timeout=_STOPPING_S)
            for execution in late:
                execution.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._in(self._writing, self._writer.close)
        await self._in(self._reading, self._reader.close)
        for threads in (self._writing, self._reading, self._working):
            threads.shutdown(wait=False)

    # --- what requests ask

    async def submit(
        self,
        kind: str,
        submission: str,
        parameters: dict[str, Any],
        *,
        total: int,
        batch_size: int,
        target: str | None = None,
    ) -> Task:
        """Store the task, or find the one that there is, and see to it that it runs; raises Refusal."""
        task_id = secrets.token_hex(16)

        def submit(store: Store) -> Task:
            return store.submit(
                task_id, kind, submission, parameters, total=total, batch_size=batch_size, target=target
            )

        task = await self.write(submit)
        if not task.finished:
            self.ensure_running(task.task_id)
        return task

    async def cancel(self, task_id: str) -> bool:
        """Cancel for good; False when there is nothing to cancel."""
        cancelled = await self.write(lambda store: store.cancel(task_id))
        execution = self._running.get(task_id)
        if cancelled and execution:
            self._close_followers(task_id)
        return cancelled

    def active(self) -> int:
        """How many tasks are being executed, or wait for their turn."""
        return len(self._running)

    @asynccontextmanager
    async def following(self, task_id: str) -> AsyncIterator[AsyncIterator[Task]]:
        """The task's states as they come, each delivered before the next batch begins; ends with its execution."""
        follower = Follower()
        self._followers.setdefault(task_id, set()).add(follower)
        try:
            self.ensure_running(task_id)
            if task_id not in self._running:
                follower.close()
            yield follower.updates()
        finally:
            follower.close()
            self._followers[task_id].discard(follower)
            if not self._followers[task_id]:
                del self._followers[task_id]

    async def read(self, ask: Callable[[Store], T]) -> T:
        """Ask the store, off the event loop."""
        return await self._in(self._reading, ask, self._reader)

    async def write(self, ask: Callable[[Store], T]) -> T:
        """Have the store write, off the event loop; writes follow one another."""
        return await self._in(self._writing, ask, self._writer)

    async def work(self, ask: Callable[..., T], *arguments: Any) -> T:
        """Do work that takes time off the event loop."""
        return await self._in(self._working, ask, *arguments)

    @staticmethod
    async def _in(threads: ThreadPoolExecutor, ask: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, ask, *arguments)

    # --- execution

    def ensure_running(self, task_id: str) -> None:
        """Start the task's execution unless it has one, or the server stops."""
        if task_id in self._running or self._stopping:
            return
        execution = asyncio.create_task(self._execute(task_id), name=task_id)
        self._running[task_id] = execution
        execution.add_done_callback(lambda _: self._ended(task_id))

    def _ended(self, task_id: str) -> None:
        del self._running[task_id]
        self._close_followers(task_id)

    def _close_followers(self, task_id: str) -> None:
        for follower in self._followers.get(task_id, ()):
            follower.close()

    async def _execute(self, task_id: str) -> None:
        async with self._slots:
            if self._stopping:
                return
            try:
                task = await self.write(lambda store: store.claim(task_id))
            except Superseded:
                return
            try:
                await self._batches(task)
            except Superseded:
                log.info("task %s was cancelled, or taken over", task_id)
            except (OSError, sqlite3.Error):
                log.exception("task %s has to wait: storage fails; what was committed is kept", task_id)
            except Refusal as error:
                await self._fail(task, str(error))
            except Exception as error:
                log.exception("task %s failed", task_id)
                await self._fail(task, f"internal error ({type(error).__name__}); the server's log has the details")

    async def _fail(self, task: Task, error: str) -> None:
        with suppress(Superseded):
            await self.write(lambda store: store.fail(task, error))

    async def _batches(self, task: Task) -> None:
        job = await self.work(job_of, task.kind, task.parameters, self.root)
        while task.progress < task.total:
            if self._stopping:
                return
            task = await self._batch(job, task)
        if not job.ends_with_last_batch:
            result, place = await self.work(self._finish, job, task)
            done, message = task, job.message(task.progress, task.total)
            task = await self.write(lambda store: store.complete(done, result, message, place))
            await self._tell(task)

    async def _batch(self, job: Job, task: Task) -> Task:
        """One batch, from its source to whoever follows."""
        number = task.step + 1
        batch = await self.work(job.batch, task)
        if not batch.bodies:
            raise Refusal(f"the source has only {task.progress} of {task.total} records")
        self._effects.append(task.task_id, batch.names, task.epoch)
        self._points.reach(crashpoints.BEFORE_WRITE, number)
        done = task.progress + len(batch.bodies)
        after = Checkpoint(batch.cursor, chain(task.digest, batch.bodies), job.message(done, task.total))
        last = done == task.total and job.ends_with_last_batch
        before = task

        def commit(store: Store) -> Task:
            written = lambda: self._points.reach(crashpoints.WRITTEN, number)  # noqa: E731
            return store.commit_batch(before, batch.bodies, after, written=written, last=last)

        task = await self.write(commit)
        self._points.reach(crashpoints.COMMITTED, number)
        await self._tell(task)
        self._points.reach(crashpoints.ACKNOWLEDGED, number)
        return task

    async def _tell(self, task: Task) -> None:
        """Let all followers deal with this state before the next batch, for a second at most."""
        followers = list(self._followers.get(task.task_id, ()))
        for follower in followers:
            follower.tell(task)
        if followers:
            await asyncio.wait([asyncio.create_task(f.dealt_with()) for f in followers], timeout=_TELLING_S)
        await self._points.settle()

    def _finish(self, job: Job, task: Task) -> tuple[dict[str, Any], Callable[[], None]]:
        with closing(Store(self._path)) as store:
            return job.finish(task, _all_bodies(store, task))


def _all_bodies(store: Store, task: Task) -> Iterator[str]:
    for first in range(0, task.progress, _PAGE):
        yield from store.bodies(task.task_id, first, _PAGE)
