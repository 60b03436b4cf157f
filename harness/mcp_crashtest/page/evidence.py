"""From a bundle to what its page shows: each run told, with what its processes said and left; bounded in all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_crashtest.files.bundle import GOLDEN, Bundle, saved_profile
from mcp_crashtest.files.ledger import USUAL, in_order
from mcp_crashtest.files.run_folder import RunFolder, last_bytes
from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.errors import CrashtestError
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.observe_spec import LedgerSpec
from mcp_crashtest.model.operation import History, Op, batches_of
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.telling.causes import Left
from mcp_crashtest.telling.lives import SERVER
from mcp_crashtest.telling.plainly import plainly, planned
from mcp_crashtest.telling.run import Executed, Telling, tell
from mcp_crashtest.telling.session import Played, column_of, where
from mcp_crashtest.telling.words import clean
from mcp_crashtest.telling.work import MOST_LINES

_DEPTH = 4
_LOG_BYTES, _STATE_BYTES, _MOST_LOGS, _MOST_FILES = 4000, 1600, 12, 12


@dataclass(frozen=True, slots=True)
class Shown:
    """A run for the page: its line in lists, its telling, and its judgement."""

    played: Played
    telling: Telling
    judgement: Mapping[str, Any]
    path: Path
    claims: Mapping[str, Any]
    workload: Mapping[str, Any]
    server: Mapping[str, Any]
    folder: str
    keys: tuple[str, str] | None = None


@dataclass(slots=True)
class Reading:
    """Reads the runs of a bundle; ``unread`` are those that could not be, and why."""

    bundle: Bundle
    unread: list[str] = field(default_factory=list)
    _tables: dict[str, Table] = field(default_factory=dict)
    _names: dict[Path, LedgerSpec] = field(default_factory=dict)

    def runs(self) -> Iterator[Shown]:
        """Every judged run of a scenario; of a run that cannot be read, why is kept."""
        for run in self.bundle.runs():
            parts = run.path.relative_to(self.bundle.folder).parts
            if len(parts) != _DEPTH or parts[-2] == GOLDEN:  # a golden run, or another that sets a session up
                continue
            try:
                judgement = run.judgement()
                if judgement is not None:
                    yield self._shown(run, self._history(run), judgement)
            except (CrashtestError, OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                self.unread.append(clean(f"{parts[-2]}/{run.name}: {error}", 300))

    def _history(self, run: RunFolder) -> History:
        """The history; a table that many runs share is read once."""

        def load(digest: str) -> Table:
            if digest not in self._tables:
                self._tables[digest] = run.table(digest)
            return self._tables[digest]

        with run.history_file.open(encoding="utf-8") as file:
            return History.from_lines(file, load)

    def _names_of(self, profile: Path) -> LedgerSpec:
        """How a ledger of this profile's subject is read."""
        if profile not in self._names:
            try:
                self._names[profile] = saved_profile(RunFolder(profile / "any" / "run")).observe.ledger or USUAL
            except CrashtestError:
                self._names[profile] = USUAL
        return self._names[profile]

    def _shown(self, run: RunFolder, history: History, judgement: Mapping[str, Any]) -> Shown:
        header = history.header
        plan, wrong = Plan.from_json(header.plan), judgement["verdict"] == "FAIL"
        ledger = _ledger(run, history, self._names_of(run.path.parent.parent))
        broke = sorted({f["invariant"] for f in judgement["findings"]}, key=list(INVARIANTS).index)
        told = tell(history, ledger, wrong=wrong, left=state(run.path) if wrong else (), broke=broke)
        workload = header.workload
        vain = judgement["verdict"] == "INVALID" and not int(judgement["faults_confirmed"])
        late = "it came too late" if told.records.at is not None else "the run ended before that"
        batches = batches_of(workload)
        id_ = f"{header.profile}/{header.scenario}/{run.name}"
        used = [life for lane in told.lanes if lane.who == SERVER for life in lane.lives]
        played = Played(
            id=id_,
            profile=header.profile,
            scenario=header.scenario,
            name=run.name,
            protocol=plan.protocol,
            verdict=str(judgement["verdict"]),
            plan=planned(plan),
            plain=plainly(plan, told.bolts, int(workload["records"]), missed=late if vain else ""),
            victims=tuple(dict.fromkeys(f.victim.value for f in plan.faults if not f.operates)),
            faults=int(judgement["faults_confirmed"]),
            kills=int(judgement["kills_confirmed"]),
            batch=int(workload["batch"]),
            broke=tuple(broke),
            recoveries=tuple(judgement["recoveries_s"]),
            again=told.again,
            reported=told.records.reported if told.records.found is None else told.records.found,
            acks=len(told.acks),
            lives=sum(len(lane.lives) for lane in told.lanes),
            column=column_of(where(plan), batches),
            memory=tuple(life.memory_bytes for life in used if life.memory_bytes is not None),
            written=tuple(life.written_bytes for life in used if life.written_bytes is not None),
        )
        place = str(run.path.relative_to(self.bundle.folder))
        server = header.subject.get("server", {})
        return Shown(played, told, judgement, run.path, header.claims, workload, server, place)


def _ledger(run: RunFolder, history: History, names: LedgerSpec) -> list[Executed] | None:
    seen = next((o.value.get("seen") for o in history.of(Op.EFFECTS)), None) or ()
    lines = in_order(run.ledger, names, most=MOST_LINES, seen=seen)
    return None if lines is None else [Executed(*line) for line in lines]


# --- what processes said, and what the subject left


def logs(shown: Shown) -> list[tuple[str, str]]:
    """The logs of a run, by whom they are, the ends of long ones."""
    found = []
    for path in sorted(shown.path.glob("*.log"))[:_MOST_LOGS]:
        try:
            whole = path.stat().st_size
            text = last_bytes(path, _LOG_BYTES).decode(errors="replace")
        except OSError:
            continue
        cut = f"[{whole - _LOG_BYTES} bytes before this are left out]\n" if whole > _LOG_BYTES else ""
        found.append((_whose(path, shown), cut + clean(text, _LOG_BYTES)))
    return found


def _whose(path: Path, shown: Shown) -> str:
    """A server's log is its life's: it is cut where the life was."""
    kind, _, number = path.stem.rpartition("-")
    for lane in shown.telling.lanes:
        for life in lane.lives:
            server = lane.who == SERVER and kind == "boot" and number == str(life.number)
            if server or (kind and life.name == path.stem):
                return f"{path.name}: {lane.who}, life {life.number}, {life.how}"
    return path.name


def state(run: Path) -> list[Left]:
    """What the subject has left of a run: each file with its size, and the beginning of a text."""
    found: list[Left] = []
    top = RunFolder(run).state_dir
    for path in sorted(top.rglob("*")) if top.is_dir() else ():
        if len(found) >= _MOST_FILES:
            break
        try:
            if path.is_symlink() or not path.is_file():
                continue
            size = path.stat().st_size
            with path.open("rb") as file:
                begun = file.read(_STATE_BYTES)
        except OSError:
            continue
        text = None if b"\0" in begun else clean(begun.decode(errors="replace"), _STATE_BYTES)
        found.append(Left(str(path.relative_to(top)), size, text, size <= _STATE_BYTES))
    return found
