"""Recording a run: each event is in the file before the lab acts on it; even a broken run leaves its history."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.operation import Header, History, Op, Operation, Type
from mcp_crashtest.model.secrets import masked_name, without_secrets

_ASKED = ("asked_at", "answered_at")


class Recorder:
    """Numbers and times events, appends them without secrets to a run's history, and tells whoever listens."""

    def __init__(self, header: Header, folder: RunFolder, listener: Callable[[Operation], None]) -> None:
        self.header = replace(header, subject=without_secrets(header.subject))
        self._folder = folder
        self._listener = listener
        self._operations: list[Operation] = []
        self._began = time.monotonic()
        self._file = folder.history_file.open("w", encoding="utf-8")
        self._file.write(self.header.to_line() + "\n")

    @property
    def so_far(self) -> Sequence[Operation]:
        """The events up to now."""
        return self._operations

    def seconds(self, at: float) -> float:
        """A time of the monotonic clock in seconds since the run began."""
        return round(at - self._began, 6)

    def times(self, **at: float | None) -> dict[str, float]:
        """Times of the monotonic clock by their names, in the run's seconds; those that nobody knows are left out."""
        return {name: self.seconds(time_) for name, time_ in at.items() if time_ is not None}

    def timed(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """An event's value, with the times at which a question was asked and answered in the run's seconds."""
        return {**value, **self.times(**{name: value[name] for name in _ASKED if name in value})}

    def write(
        self, process: str, type_: Type, op: Op, value: Mapping[str, Any], *, life: int = 0, task: str | None = None
    ) -> Operation:
        """Append one event and flush it; the tables that it refers to come first."""
        t = self.seconds(time.monotonic())
        shown = without_secrets(dict(value))
        operation = Operation(len(self._operations), t, process, type_, op, masked_name(task), life, shown)
        for table in operation.tables:
            self._folder.save_table(table)
        self._operations.append(operation)
        self._file.write(operation.to_line() + "\n")
        self._file.flush()
        self._listener(operation)
        return operation

    def close(self) -> History:
        """Close the file; the history as it stands there."""
        self._file.close()
        return History(self.header, tuple(self._operations))
