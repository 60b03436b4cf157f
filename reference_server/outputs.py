"""Files that tasks make: each is written beside its place, under a name of its own, and moved there when it is whole.

The name has the task and the epoch of its worker: two workers of a task, one of which was replaced, never write to one
file. What a kill has left there is told by that name, and swept away once nobody can go on with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from reference_server.errors import Damaged
from reference_server.folders import flush_folder
from reference_server.task import Task

_NAME = re.compile(r"\.(?P<task_id>[^.-]+)(-(?P<epoch>[0-9]{1,18}))?\.part")


class Left(NamedTuple):
    """A file that a worker of a task has left beside its place."""

    path: Path
    task_id: str
    epoch: int


def beside(destination: Path, task: Task) -> Path:
    """Where a task's output is written, before it stands in its place. As long for every destination."""
    return destination.with_name(f".{task.task_id}-{task.epoch}.part")


def place(written: Path, destination: Path) -> None:
    """Put an output in its place, whatever stands there, and have that on the disk; raises OSError."""
    written.replace(destination)
    flush_folder(destination.parent)


def discard(destination: Path, task: Task) -> None:
    """Remove what this worker of the task, and those before it, have left beside its destination."""
    mine = [one for one in left_in([destination.parent]) if one.task_id == task.task_id]
    remove(one.path for one in mine if one.epoch <= task.epoch)


def left_in(folders: Iterable[Path]) -> list[Left]:
    """What was left in these folders."""
    return [one for folder in folders for one in _left(folder)]


def is_stale(left: Left, find: Callable[[str], Task | None]) -> bool:
    """Whether nobody goes on with it: its task has ended, or has another worker. A stranger's is none of ours."""
    try:
        task = find(left.task_id)
    except Damaged:
        return False
    return task is not None and (task.finished or left.epoch < task.epoch)


def remove(paths: Iterable[Path]) -> None:
    """Remove what can be removed."""
    for path in paths:
        with suppress(OSError):
            path.unlink()


def _left(folder: Path) -> Iterator[Left]:
    with suppress(OSError):
        for path in folder.iterdir():
            if named := _NAME.fullmatch(path.name):
                yield Left(path, named["task_id"], int(named["epoch"] or 0))
