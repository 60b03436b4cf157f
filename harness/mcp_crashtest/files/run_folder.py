"""A run's folder: where its plan, history, tables, judgement, logs and the subject's own files lie."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mcp_crashtest.files.atomic import replacing, write_atomically, write_json
from mcp_crashtest.files.copying import free_place
from mcp_crashtest.files.ledger import USUAL, Effects, read_effects
from mcp_crashtest.files.scrubbing import scrub
from mcp_crashtest.model.calls import Call, Counted, Remark
from mcp_crashtest.model.columns import Table, digest_of
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.observe_spec import LedgerSpec
from mcp_crashtest.model.operation import History
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.secrets import spellings
from mcp_crashtest.model.written import Record, records_in

LONGEST_LOG_BYTES, _KEPT_LOG_BYTES = 4 << 20, 256 << 10
_MOST_FILES = 5000
_IGNORED, _NOTES = ("-shm",), ".latest"
_LINES = ".jsonl"
_PLAN, _HISTORY, _JUDGEMENT = "plan.json", "history.jsonl", "judgement.json"

Written = tuple[int, int, int]
"""A file's size, the time of its last change in nanoseconds, and its inode."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run's evidence. ``golden`` is the folder of the golden run, with whose output most outputs are equal.

    ``names`` say where the lines of the ledger name task and record.
    """

    path: Path
    golden: Path | None = None
    names: LedgerSpec = USUAL

    @property
    def name(self) -> str:
        """What tells it apart from the other runs of its scenario."""
        return self.path.name

    # --- the plan, the history and the judgement

    def save_plan(self, plan: Plan) -> None:
        """Keep the plan, before it is played."""
        write_atomically(self.path / _PLAN, plan.to_text())

    def plan(self) -> Plan:
        """The plan; raises UsageError."""
        return Plan.from_json(read_json(self.path / _PLAN))

    @property
    def plan_bytes(self) -> bytes:
        """The plan, byte for byte."""
        return (self.path / _PLAN).read_bytes()

    @property
    def history_file(self) -> Path:
        """Where the history grows."""
        return self.path / _HISTORY

    @property
    def has_begun(self) -> bool:
        """Whether there is a history."""
        return self.history_file.exists()

    def save_table(self, table: Table) -> None:
        """Keep a table beside the history that refers to it; one that the golden run has too is the same file.

        Several may do so at once, and somebody may read it at any moment.
        """
        path = self._table(table.digest)
        if self.golden is not None and not path.exists():
            with suppress(OSError):
                os.link(RunFolder(self.golden)._table(table.digest), path)
        if not path.exists():
            with replacing(path) as file:
                file.writelines(table.pieces())

    def take_over(self, digest: str, known: Iterable[Table]) -> Table:
        """A table that a client has left here. One that is known is held once, and its file is the golden run's."""
        table = next((other for other in known if other.digest == digest), None)
        if table is None:
            return self.table(digest)
        if self.golden is not None:
            self._table(digest).unlink(missing_ok=True)
        self.save_table(table)
        return table

    def history(self) -> History:
        """The history with its tables; raises UsageError, also where a table is not what its name says."""
        with self.history_file.open(encoding="utf-8") as file:
            return History.from_lines(file, cache(self.table))

    def table(self, digest: str) -> Table:
        """The table of this name; raises UsageError, also where it is not what its name says."""
        path = self._table(digest)
        try:
            with path.open(encoding="ascii") as file:
                if digest_of(file) != digest:
                    raise UsageError(f"{path} is not what its name says: the file was changed")
                file.seek(0)
                return Table.from_lines(file)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} cannot be read: {error}") from error

    def _table(self, digest: str) -> Path:
        return self.path / f"{Path(digest).name}.columns"

    def save_judgement(self, judgement: Mapping[str, Any]) -> None:
        """Keep what the run came to."""
        write_json(self.path / _JUDGEMENT, dict(judgement))

    @property
    def is_judged(self) -> bool:
        """Whether it is known what the run came to."""
        return (self.path / _JUDGEMENT).exists()

    def judgement(self) -> Mapping[str, Any] | None:
        """What the run came to; None where it was not judged. Raises UsageError."""
        path = self.path / _JUDGEMENT
        if not path.exists():
            return None
        found = read_json(path)
        if not isinstance(found, dict):
            raise UsageError(f"{path} is not a judgement: expected a JSON object")
        return found

    def forget_judgement(self) -> None:
        """Leave the run as one that was played and proves nothing."""
        (self.path / _JUDGEMENT).unlink(missing_ok=True)

    def make_way(self) -> None:
        """Nothing lies here any more: what was judged goes to the place of another attempt, all else is removed."""
        if self.judgement() is not None:
            self.path.rename(free_place(self.path))
        else:
            shutil.rmtree(self.path, ignore_errors=True)

    # --- the subject's own

    def open(self) -> None:
        """Make the folders."""
        self.state_dir.mkdir(parents=True, exist_ok=True)

    @property
    def state_dir(self) -> Path:
        """The folder in which the subject keeps its state over all lives."""
        return self.path / "state"

    def written(self, apart: str | None = None) -> Mapping[str, Written]:
        """What the subject has written: every file of its state but for the folder ``apart``, and the ledger.

        At what the file system says alone: no file is opened, least of all a database that somebody may have open. What
        is in shared memory only, beside a database, says nothing. Bounded in number.
        """
        found: dict[str, Written] = {}
        for path in (self.ledger, *self._state_files(apart)):
            if len(found) >= _MOST_FILES:
                break
            with suppress(OSError):
                seen = path.stat(follow_symlinks=False)
                found[str(path.relative_to(self.path))] = (seen.st_size, seen.st_mtime_ns, seen.st_ino)
        return found

    def _state_files(self, apart: str | None) -> Iterator[Path]:
        for folder, folders, files in os.walk(self.state_dir):
            if apart in folders and Path(folder) == self.state_dir:
                folders.remove(apart)
            yield from (Path(folder, name) for name in sorted(files) if not name.endswith(_IGNORED))

    def forget_state(self) -> None:
        """Remove what the subject has stored: it is of no interest once the run has passed."""
        shutil.rmtree(self.state_dir, ignore_errors=True)

    @property
    def ledger(self) -> Path:
        """The effects file, outside the state."""
        return self.path / "ledger.jsonl"

    def effects(self) -> Effects | None:
        """What was executed, as the ledger shows it up to now; None without one. Raises SubjectError."""
        return read_effects(self.ledger, self.names)

    def server_log(self, life: int) -> Path:
        """Where the standard output and error of a server's life go."""
        return self.path / f"boot-{life}.log"

    def control_file(self, life: int) -> Path:
        """What the lab and an engine that counts the calls of a server's life say to each other."""
        return self.path / f"calls-{life}"

    def keep_calls(self, life: int, counted: Counted) -> None:
        """Keep what an engine has counted, to be read by anybody, in place of what it was written in."""
        lines = [json.dumps({"remarks": counted.remarks.value, "reached": counted.reached})]
        lines += [call.to_line() for call in counted.calls]
        write_atomically(self.control_file(life).with_suffix(_LINES), "".join(f"{line}\n" for line in lines))
        self.control_file(life).unlink(missing_ok=True)

    def calls(self, life: int) -> Counted:
        """What was counted in a life that is over; raises UsageError."""
        path = self.control_file(life).with_suffix(_LINES)
        try:
            first, *lines = path.read_text(encoding="utf-8").splitlines()
            said = json.loads(first)
            return Counted(tuple(map(Call.from_line, lines)), Remark(said["remarks"]), said["reached"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} does not say which calls were counted: {error!r}") from error

    def keep_writes(self, life: int, records: Sequence[Record], unexplained: Sequence[str]) -> None:
        """Keep what was written in a life, to be read by anybody, beside the records themselves."""
        lines = [json.dumps({"unexplained": list(unexplained)}), *(record.to_line() for record in records)]
        write_atomically(self.writes_file(life).with_suffix(_LINES), "".join(f"{line}\n" for line in lines))

    def writes_file(self, life: int) -> Path:
        """What was written in a server's life, word for word, where that is recorded."""
        return self.path / f"writes-{life}"

    def writes(self, life: int) -> tuple[list[Record], list[str]]:
        """What was recorded of a life that is over, and the names that it does not explain; raises UsageError."""
        path = self.writes_file(life)
        try:
            first, *_ = path.with_suffix(_LINES).read_text(encoding="utf-8").splitlines()
            return list(records_in(path.read_bytes())), [str(name) for name in json.loads(first)["unexplained"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} does not say what was written: {error!r}") from error

    def forget_writes(self) -> None:
        """Remove the data that was written: once a run has passed the list of its writes suffices."""
        for path in self.path.glob("writes-*"):
            if path.suffix != _LINES:
                path.unlink(missing_ok=True)

    def service_log(self, name: str) -> Path:
        """Where the standard output and error of a service's lives go."""
        return self.path / f"service-{name}.log"

    def hook_log(self, name: str) -> Path:
        """Where what an owner's command has said last goes."""
        return self.path / f"hook-{name}.log"

    def bound_logs(self) -> None:
        """Cut every log that has become too long, also while somebody writes to it: what was said last is kept."""
        for log in self.path.glob("*.log"):
            with suppress(OSError):
                if log.stat().st_size > LONGEST_LOG_BYTES:
                    _cut(log)

    def scrub(self) -> None:
        """Take the secrets that are known out of all that was not written by us, once nobody writes any more."""
        ours = [_PLAN, _HISTORY, _JUDGEMENT, *(path.name for path in self.path.glob("*.columns"))]
        scrub(self.path, spellings(), ours)

    @property
    def reset_log(self) -> Path:
        """Where the output of the command goes that puts back what lies elsewhere."""
        return self.path / "reset.log"

    @property
    def home(self) -> Path:
        """The home of a run that has one of its own; it is part of the state."""
        return self.state_dir / ".home"

    def client_log(self, name: str) -> Path:
        """Where the standard error of a client's life goes."""
        return self.path / f"{name}.log"

    def client_notes(self, name: str) -> Path:
        """Where a client notes its latest question while it lives."""
        return self.path / f"{name}{_NOTES}"

    def forget_notes(self) -> None:
        """Remove those notes: what is of interest in them stands in the history."""
        for path in self.path.glob(f"*{_NOTES}"):
            path.unlink(missing_ok=True)

    def client_output(self, name: str) -> Path:
        """Where the standard output of a life of a client under test goes."""
        return self.path / f"{name}.out"


def _cut(log: Path) -> None:
    """Whoever writes appends: what he says meanwhile stands behind what was kept, or is cut with the rest."""
    kept = without_torn(last_bytes(log, _KEPT_LOG_BYTES))
    cut = log.stat().st_size - len(kept)
    os.truncate(log, 0)
    with log.open("ab") as file:
        file.write(b"[the lab has cut %d bytes here]\n" % cut + kept)


def without_torn(kept: bytes) -> bytes:
    """The end of a file without the half of a secret that it may begin with."""
    longest = max(map(len, (text.encode() for text in spellings())), default=1)
    return kept[longest - 1 :]


def last_bytes(path: Path, most: int) -> bytes:
    """What a file ends with."""
    with path.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - most, 0))
        return file.read(most)


def read_json(path: Path) -> Any:
    """The JSON document in a file; raises UsageError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
