"""What the user sees while tasks run: bars on a terminal, plain lines elsewhere, and nothing but trouble for scripts.

Text that comes from a server never reaches a terminal as it is: ``shown`` has cleaned it, and rich takes it as text
without markup. NO_COLOR is honoured by rich.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from reference_client.events import Event, JobChanged
from reference_client.state import Job
from reference_client.text import printed, shown

_WIDE_CELLS = 140
_BAR_CELLS = 30
_NARROW_BAR_CELLS = 12
_NARROW_NAME_CELLS = 14
_LINE_S = 1.0
_NAME_CELLS = 26
_MESSAGE_CELLS = 60


class Display(Protocol):
    """One way to show what happens."""

    def event(self, event: Event) -> None:
        """Something has happened."""

    def close(self) -> None:
        """Nothing more will."""


def display_for(*, as_json: bool) -> Display:
    """The way that fits where standard output goes."""
    if as_json:
        return Quiet()
    return Bars() if sys.stdout.isatty() else Lines()


class Quiet:
    """For scripts: notices go to standard error, and nothing else anywhere."""

    def event(self, event: Event) -> None:
        """See Display."""
        if not isinstance(event, JobChanged):
            say(event.text)

    def close(self) -> None:
        """See Display."""


class Lines:
    """A line for each change, one a second at most for each job."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[float, str | None, float]] = {}

    def event(self, event: Event) -> None:
        """See Display."""
        if not isinstance(event, JobChanged):
            say(event.text)
            return
        job, now_s = event.job, time.monotonic()
        before_s, status, progress = self._said.get(job.job_id, (0.0, None, -1.0))
        if job.status == status and (job.progress == progress or now_s - before_s < _LINE_S):
            return
        self._said[job.job_id] = now_s, job.status, job.progress
        print(printed(line(job)), flush=True)

    def close(self) -> None:
        """See Display."""


class _Rate(ProgressColumn):
    """Steps a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="progress.data.speed")


class Bars:
    """A bar for each job, with count, rate and time left."""

    def __init__(self) -> None:
        self._bars: dict[str, TaskID] = {}
        console = Console(highlight=False)
        narrow = console.width < _WIDE_CELLS
        columns: list[ProgressColumn] = [
            TextColumn("{task.description}", markup=False),
            BarColumn(_NARROW_BAR_CELLS if narrow else _BAR_CELLS),
            TextColumn("{task.fields[count]}", markup=False),
            _Rate(),
            TimeRemainingColumn(),
        ]
        if not narrow:
            columns.append(TextColumn("{task.fields[message]}", markup=False))
        self._progress = Progress(*columns, console=console)
        self._name_cells = _NARROW_NAME_CELLS if narrow else _NAME_CELLS

    def event(self, event: Event) -> None:
        """See Display."""
        if not isinstance(event, JobChanged):
            self._progress.console.print(Text(printed(event.text), style="yellow" if event.trouble else ""))
            return
        job = event.job
        message = shown(job.message or job.status or "", _MESSAGE_CELLS)
        if job.job_id not in self._bars:
            self._progress.start()
            self._bars[job.job_id] = self._progress.add_task(
                name(job, self._name_cells),
                total=job.total,
                completed=int(job.progress),
                count=count(job),
                message=message,
            )
        bar = self._bars[job.job_id]
        self._progress.update(bar, total=job.total, completed=job.progress, count=count(job), message=message)

    def close(self) -> None:
        """See Display."""
        if self._bars:
            self._progress.refresh()
            self._progress.stop()


def say(text: str) -> None:
    """Tell the person at the terminal, on standard error."""
    with suppress(OSError):
        print(printed(text), file=sys.stderr, flush=True)


def name(job: Job, cells: int = _NAME_CELLS) -> str:
    """The job in a few words."""
    return f"{job.tool.removeprefix('start_')[:cells]} ({job.job_id[:12]})"


def count(job: Job) -> str:
    """Where it is: percent and steps, as far as they are known."""
    if job.percent is None:
        return f"{job.progress:g}" if job.progress else ""
    return f"{job.percent:5.1f}% ({job.progress:g}/{job.total:g})"


def line(job: Job) -> str:
    """The job in one line."""
    parts = [name(job), job.status or job.phase.value, count(job).strip()]
    message = shown(job.message, _MESSAGE_CELLS) if job.message else ""
    return ": ".join([parts[0], " ".join(filter(None, parts[1:]))]) + (f" - {message}" if message else "")
