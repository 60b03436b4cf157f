"""The engine: the store, those who execute its tasks, and their audience.

At start every unfinished task that nobody executes goes on by itself. Requests for one task attach to its one
execution. Several processes may work on one store: each task is executed by one of them, and when a process dies or
stands still its tasks are taken over.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from reference_server import limits, upkeep
from reference_server.asking import Asking
from reference_server.audience import Audience
from reference_server.counting import Counting
from reference_server.crashpoints import CrashPoints
from reference_server.data_root import DataRoot
from reference_server.database import Place
from reference_server.effects import Effects
from reference_server.errors import Damaged
from reference_server.execution import Execution, Executor
from reference_server.lifecycle import Status
from reference_server.news import News
from reference_server.quotas import Quotas
from reference_server.sqlite_file import place_of
from reference_server.store import Store
from reference_server.task import Submission, Task
from reference_server.watch import Watch

_STOPPING_S = 2.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where an engine keeps what it has, and for how long; ``retention`` None keeps finished tasks for ever."""

    store: Path | Place
    root: DataRoot
    effects: Effects
    points: CrashPoints
    retention: timedelta | None = None
    quotas: Quotas = field(default_factory=Quotas)


class Engine:
    """One engine for one store. ``start`` it in the event loop that it is to run in."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.root = settings.root
        self.place = place_of(settings.store)
        self._executions: dict[str, Execution] = {}
        self._again: set[str] = set()
        self._damaged: set[str] = set()
        self.audience = Audience(self.executes, self._found)
        self._deliveries: set[asyncio.Task[None]] = set()
        self._left = asyncio.Event()
        self._opened = self._stopping = False

    def open(self) -> None:
        """Open the store, and be one of its workers.

        Raises StartError, and OSError or sqlite3.Error where the disk does not take it.
        """
        self.place.prepare()
        self._workers = self.place.work()
        self._asking = Asking(self.place)
        self._opened = True

    async def start(self) -> None:
        """Let every unfinished task go on; opens the store unless it is."""
        if not self._opened:
            self.open()
        self._loop = asyncio.get_running_loop()
        self._asking.begin()
        self._watcher = ThreadPoolExecutor(1, "watch")
        self.counting = Counting()
        self._executor = Executor(
            self.place,
            self._asking.writer,
            self.root,
            self.settings.effects,
            self.settings.points,
            claim=self._claim,
            term=self._workers.term,
            tell=self._told,
            ended=self._ended,
        )
        self._watch = Watch(self, self._workers, self._executor)
        self._news = News(self.audience, self._found, self._let_go)
        self._workers.listen(self._news.hear)
        await self._watch.begin()

    def request_stop(self) -> None:
        """Begin no further batch; calls that wait for a task are answered that the server stops."""
        if self._stopping:
            return
        self._stopping = True
        self._executor.request_stop()
        self.audience.close()

    async def stop(self) -> None:
        """Finish the batches under way and close the store; unfinished tasks stay as they are, for the next life."""
        self.request_stop()
        self._watch.close()
        self._news.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOPPING_S):
                while self._executions:
                    self._left.clear()
                    await self._left.wait()
        self._executor.close()
        self.counting.close()
        await self._asking.close(_STOPPING_S)
        await self.work(self._workers.close)
        self.place.close()
        self._watcher.shutdown(wait=False)

    # --- what requests ask

    async def submit(self, wanted: Submission) -> Task:
        """Store the task, or find the one that there is, and see to it that it runs; raises Refusal."""
        task_id = secrets.token_hex(16)
        admission = self.settings.quotas.admission(wanted.owner)
        task = await self._asking.write(
            lambda store: store.submit(task_id, wanted, most_unfinished=limits.MOST_UNFINISHED, admission=admission),
            alone=self.place.reserves,
        )
        if task.runnable:
            self.ensure_running(task.task_id, task.owner)
        return task

    async def cancel(self, task_id: str) -> bool:
        """Cancel for good; False when there is nothing to cancel."""
        cancelled = await self._halt(task_id, Store.cancel, Status.CANCELLED)
        if cancelled:
            await upkeep.sweep(self, task_id)
        return cancelled

    async def pause(self, task_id: str) -> bool:
        """Let a task stand still after the batch under way; False when it does not run."""
        return await self._halt(task_id, Store.pause, Status.PAUSED)

    async def _halt(self, task_id: str, how: Callable[[Store, str], bool], then: Status) -> bool:
        halted = await self.write(
            lambda store: how(store, task_id),
            again=lambda store: how(store, task_id) or store.get(task_id).status is then,
        )
        if halted:
            if execution := self._executions.get(task_id):
                self._executor.halt(execution)
            await self._announce(task_id)
        return halted

    async def resume(self, task: Task) -> bool:
        """Let a paused task go on; False when it is not paused."""
        resumed = await self.write(
            lambda store: store.resume(task.task_id),
            again=lambda store: store.resume(task.task_id) or store.get(task.task_id).runnable,
        )
        if resumed:
            self.ensure_running(task.task_id, task.owner)
            await self._announce(task.task_id)
        return resumed

    async def forget(self, task: Task) -> bool:
        """Forget a finished task, and its records; False for one that is not finished."""
        forgotten = await self.write(
            lambda store: store.forget(task.task_id),
            again=lambda store: store.forget(task.task_id) or store.find(task.task_id) is None,
        )
        self.settings.quotas.forgotten(task.owner)
        return forgotten

    async def answer(self, task: Task, answers: dict[str, Any]) -> bool:
        """Take answers to open questions; False when none of them was open."""
        taken = await self.write(
            lambda store: store.answer(task.task_id, answers),
            again=lambda store: store.answer(task.task_id, answers) or store.has_answers(task.task_id, answers),
        )
        if taken:
            self.ensure_running(task.task_id, task.owner)
            await self._announce(task.task_id)
        return taken

    def active(self) -> int:
        """How many tasks this process executes, or has waiting for their turn."""
        return len(self._executions)

    def executes(self, task_id: str) -> bool:
        """Whether this process executes a task, or has it waiting for its turn."""
        return task_id in self._executions

    def following(self, task: Task) -> AbstractAsyncContextManager[AsyncIterator[Task]]:
        """The task's states as they come, each dealt with before the next batch begins; ends when the task stops."""
        return self.audience.waiting(task.task_id, lambda: self.ensure_running(task.task_id, task.owner))

    async def read(self, ask: Callable[[Store], T]) -> T:
        """Ask the store, off the event loop; raises Refusal where it cannot be read."""
        return await self._asking.read(ask)

    async def _found(self, task_ids: list[str]) -> list[Task]:
        """Those of the tasks that there are."""
        return await self.read(lambda store: [task for task_id in task_ids if (task := store.find(task_id))])

    async def write(self, ask: Callable[[Store], T], again: Callable[[Store], T] | None = None) -> T:
        """Have the store write; returns when it is on the disk. Raises Refusal where it cannot be written.

        ``again``: what is asked where the answer to the first was lost, and nobody knows whether it was done.
        """
        return await self._asking.write(ask, again)

    async def work(self, ask: Callable[..., T], *arguments: Any) -> T:
        """Do the watch's work on files, off the event loop."""
        return await self._loop.run_in_executor(self._watcher, ask, *arguments)

    # --- execution

    def ensure_running(self, task_id: str, owner: str) -> None:
        """Have the task executed unless it is, or the server stops; where it is about to stop, once more."""
        if self._stopping or task_id in self._damaged:
            return
        if task_id in self._executions:
            self._again.add(task_id)
        else:
            self._executions[task_id] = self._executor.execute(task_id, owner)

    def _claim(self, store: Store, task_id: str) -> tuple[Task, bytes | Damaged | None]:
        return store.claim(task_id, self._workers.me, self._workers.others())

    def _told(self, execution: Execution) -> None:
        """In the writer's thread: a batch is on the disk."""
        self._watch.committed()
        if self.audience.attends(execution.task_id):
            self._loop.call_soon_threadsafe(self._deliver, execution)
        else:
            self._executor.go_on(execution)

    def _deliver(self, execution: Execution) -> None:
        delivery = asyncio.create_task(self._tell(execution))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    async def _tell(self, execution: Execution) -> None:
        """Let the audience deal with the task's state before its next batch."""
        assert execution.task
        await self.audience.tell_of_batch(execution.task)
        await self.settings.points.settle()
        self._executor.go_on(execution)

    async def _announce(self, task_id: str) -> None:
        """Tell of a change that is no batch."""
        for task in await self._found([task_id]):
            self.audience.tell(task)
            if not task.runnable:
                self.audience.release(task_id)

    def _ended(self, execution: Execution) -> None:
        with suppress(RuntimeError):  # the event loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._forget, execution)

    def _forget(self, execution: Execution) -> None:
        task_id = execution.task_id
        del self._executions[task_id]
        if execution.damaged:
            self._damaged.add(task_id)
        self._left.set()
        if task_id in self._again:
            self._again.discard(task_id)
            if execution.task is None or not execution.task.finished:
                self.ensure_running(task_id, execution.owner)
                return
        if execution.task is None:  # it is somebody else's: its audience looks there
            return
        if execution.task.finished or not execution.halted:  # what has halted it was told, and is newer
            self.audience.tell(execution.task)
        self.audience.release(task_id)

    def _let_go(self, task_id: str) -> bool:
        """Execute a task no longer; False where this process does not."""
        if execution := self._executions.get(task_id):
            self._executor.halt(execution)
        return execution is not None
