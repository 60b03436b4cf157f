"""Recording a run: each event is in the file before the lab acts on it; even a broken run leaves its history."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.operation import Header, History, Op, Operation, Type
from mcp_crashtest.model.secrets import masked_name, without_secrets


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

    def write(
        self, process: str, type_: Type, op: Op, value: Mapping[str, Any], *, life: int = 0, task: str | None = None
    ) -> Operation:
        """Append one event and flush it; the tables that it refers to come first."""
        t = round(time.monotonic() - self._began, 6)
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
