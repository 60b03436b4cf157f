"""Judging: a history of a million records read and judged, one of many events, and a bundle rechecked.

``python -m benchmarks.judging [--records 1000000] [--events 200000] [--runs 500] [--rounds 2] [--json] [--quick]``

Each is a process of its own, so that its memory is its own, and beside each a floor on the same bytes in the same run:
history and tables hashed, and parsed with json alone. What they read is laid down once, by the lab's own hands.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Goal, Spread, at_most, common, tell
from mcp_crashtest.checkers.judge import CHECKERS, judge
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import Header, History, Op, Operation, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Claims, Workload
from mcp_crashtest.model.verdict import Verdict

ROOT = Path(__file__).resolve().parents[1]
PROFILE = ROOT / "scenarios" / "profiles" / "reference-durable.toml"
PLAN = Plan("server-killed-everywhere", "2026-07-28", (Fault("kill", Victim.SERVER, Batch(1, Phase.OBSERVED)),))
BATCH = 1000
GOALS: dict[str, Goal] = {"records_s": at_most(2.0), "records_mb": at_most(300.0), "recheck_s": at_most(3.0)}
_LONGEST_S = 150.0
_LOOKS = 1000


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process took for it, and what it says of the parts of that."""

    seconds: float
    megabytes: float
    split: dict[str, float]


# --- what is judged


def lay(run: RunFolder, records: int, events: int, *, moved: int = 0, judged: bool = False) -> None:
    """A run that was killed once and came back exact: so many records, and so many looks at its progress.

    The last ``moved`` records have changed places, so that no table is another's and all are compared.
    """
    run.open()
    run.save_plan(PLAN)
    rows = [(f"record-{n:07d}", hashlib.sha256(b"%d" % n).hexdigest()[:16]) for n in range(records)]
    expected = Table.of(rows, width=2)
    last = rows[records - moved :]
    random.Random(0).shuffle(last)
    shown = Table.of([*rows[: records - moved], *reversed(last)], width=2) if moved else expected
    executions = Table.of((("t", key, 1) for key, _ in rows), width=3)
    for table in (expected, shown, executions):
        run.save_table(table)
    claims = asdict(Claims())
    workload = asdict(Workload(records, min(BATCH, records)))
    header = Header(0, PLAN.scenario, PLAN.to_json(), "laid", "", "resource-task", False, claims, workload, {})
    told = enumerate(_events(expected, shown, executions, events))
    operations = tuple(
        Operation(i, i / 1000, who, type_, op, task, life, value) for i, (who, type_, op, task, life, value) in told
    )
    history = History(header, operations)
    with run.history_file.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in history.to_lines())
    if judged:
        run.save_judgement(judge(history).to_json())


Told = tuple[str, Type, Op, str | None, int, dict[str, Any]]


def _events(expected: Table, shown: Table, executions: Table, looks: int) -> Iterator[Told]:
    records, fault = len(expected), PLAN.faults[0]
    value = {**fault.to_json(), "number": 1, "fault": str(fault)}
    yield "lab", Type.OK, Op.EXPECT, None, 1, {"records": expected, "count": records}
    yield "lab", Type.OK, Op.BOOT, None, 1, {"pid": 1}
    yield "client-0", Type.INVOKE, Op.SUBMIT, None, 1, {"tool": "start"}
    yield "client-0", Type.OK, Op.SUBMIT, "t", 1, {}
    for n in range(looks):
        life = 1 + (n >= looks // 2)
        if n == looks // 2:
            yield "nemesis", Type.INVOKE, Op.FAULT, None, 1, value
            yield "nemesis", Type.OK, Op.FAULT, None, 1, {**value, "kills": 1, "reason": "killed and reaped"}
            yield "lab", Type.OK, Op.BOOT, None, 2, {"pid": 2}
        done = records * (n + 1) / (looks + 1)
        yield "client-0", Type.OK, Op.PROGRESS, "t", life, {"done": done, "total": records}
    output = {"status": "completed", "count": records, "records": shown}
    yield "client-0", Type.OK, Op.OUTPUT, "t", 2, output
    yield "lab", Type.OK, Op.EFFECTS, None, 2, {"executions": executions, "stretches": 0}
    yield "lab", Type.OK, Op.END, None, 2, {"reason": "output", "silent_s": 0.0, "deadline_s": 10.0}


def lay_bundle(folder: Path, runs: int) -> None:
    """A bundle of so many runs of an ordinary size, each with its own tables."""
    bundle, profile = Bundle(folder), read_profile(PROFILE)
    with bundle.prepare("laid"):
        bundle.save_profile(profile)
        for number in range(1, runs + 1):
            lay(bundle.run(profile, PLAN.scenario, number), 50, 20, judged=True)


# --- what reads it, each in a process of its own


def read_and_judge(folder: Path) -> dict[str, float]:
    """As ``recheck`` does with one run; what a run that was laid down comes to is known."""
    began = time.perf_counter()
    history = RunFolder(folder).history()
    read_s = time.perf_counter() - began
    assert judge(history).verdict is not Verdict.INVALID
    return {"read_s": read_s}


def by_checker(folder: Path) -> dict[str, float]:
    """Where the time of judging goes: seconds of each checker."""
    history = RunFolder(folder).history()
    spent = {}
    for name, checker in CHECKERS.items():
        began = time.perf_counter()
        for _ in checker(history):
            pass
        spent[name] = time.perf_counter() - began
    return spent


def read_bare(folder: Path) -> dict[str, float]:
    """The floor: history and tables hashed, and each line of them parsed, of which one holds a column of a table."""
    for path in (RunFolder(folder).history_file, *folder.glob("*.columns")):
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                json.loads(line)
    return {}


def read_bundle_bare(folder: Path) -> dict[str, float]:
    """The floor of ``recheck``: the same for every run."""
    for run in Bundle(folder).runs():
        read_bare(run.path)
    return {}


PARTS = {"judge": read_and_judge, "checkers": by_checker, "bare": read_bare, "bundle-bare": read_bundle_bare}


def alone(part: str, folder: Path) -> Measured:
    """One of them in a process of its own; raises RuntimeError."""
    words = [sys.executable, "-m", "benchmarks.judging", "--part", part, str(folder)]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=_LONGEST_S, check=False)
    if ended.returncode:
        raise RuntimeError(f"{part} of what was laid down failed: {ended.stderr[-400:]}")
    return Measured(**json.loads(ended.stdout))


def _part(part: str, folder: Path) -> Measured:
    """In that process: the work alone, without the start of Python; the memory with all that it holds."""
    began = time.perf_counter()
    split = PARTS[part](folder)
    return Measured(time.perf_counter() - began, peak_mb(), split)


def peak_mb() -> float:
    """The most memory that this process has held; what getrusage says counts whoever has started it too."""
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(told["VmHWM"].split()[0]) / 1024


def rechecked(folder: Path) -> float:
    """Seconds of the command, from its start to its end; raises RuntimeError."""
    words = [sys.executable, "-m", "mcp_crashtest.cli", "recheck", str(folder)]
    began = time.perf_counter()
    ended = subprocess.run(words, capture_output=True, text=True, timeout=_LONGEST_S, check=False)
    if ended.returncode:
        raise RuntimeError(f"recheck came to exit code {ended.returncode}: {ended.stderr[-400:]}")
    return time.perf_counter() - began


def _start_s() -> float:
    """Seconds in which the command imports what it needs."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import mcp_crashtest.cli"], timeout=_LONGEST_S, check=True)
    return time.perf_counter() - began


# --- the table


def large(name: str, run: Path, rounds: int, *, owed: bool) -> list[Figure]:
    """One large history: seconds, memory, and how often the floor. ``owed``: the goals are of it."""
    judged, bare = [], []
    for _ in range(rounds):
        judged.append(alone("judge", run))
        bare.append(alone("bare", run))
    size_mb = sum(path.stat().st_size for path in run.iterdir()) / 1e6
    read_s = statistics.median(one.split["read_s"] for one in judged)
    whole_s, floor_s = (statistics.median(one.seconds for one in some) for some in (judged, bare))
    beside = f"reading {read_s:.2f} s, judging {whole_s - read_s:.2f} s; {size_mb:.0f} MB on the disk"
    spent = alone("checkers", run).split
    most = ", ".join(f"{key} {spent[key]:.2f} s" for key in sorted(spent, key=lambda key: -spent[key])[:3])
    why = (
        f"hashing and parsing alone take {floor_s:.2f} s; the rest of the reading, {max(read_s - floor_s, 0):.2f} s, "
        f"makes events and columns of what was parsed, and of the checkers most take {most}, row by row in Python"
    )
    floor_mb = statistics.median(one.megabytes for one in bare)
    held = f"hashing and parsing alone hold {floor_mb:.0f} MB: a column is parsed whole before it is packed"
    ratios = [one.seconds / other.seconds for one, other in zip(judged, bare, strict=True)]
    quick, small = (GOALS["records_s"], GOALS["records_mb"]) if owed else (None, None)
    return [
        Figure(name, Spread.of([one.seconds for one in judged]), "s", quick, why, beside),
        Figure(f"{name}: memory", Spread.of([one.megabytes for one in judged]), "MB", small, held),
        Figure(f"{name}: against hashing and parsing alone", Spread.of(ratios), beside=f"{floor_s:.2f} s alone"),
    ]


def measure(folder: Path, options: argparse.Namespace) -> list[Figure]:
    """Run the benchmark."""
    rows = []
    name, many = f"a history of {options.records:,} records", options.records
    for what, records, events, moved, rounds, owed in (
        (f"{name}, exact", many, _LOOKS, 0, options.rounds, True),
        (f"{name}, of which two changed places", many, _LOOKS, 2, options.rounds, True),
        (f"{name}, all in another order", many, _LOOKS, many, 1, False),
        (f"a history of {options.events:,} events", 50, options.events, 0, 1, False),
    ):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            lay(RunFolder(Path(place)), records, events, moved=moved)
            rows += large(what, Path(place), rounds, owed=owed)
    lay_bundle(folder / "bundle", options.runs)
    took_s, bare_s, start_s = [], [], []
    for _ in range(options.rounds):
        start_s.append(_start_s())
        took_s.append(rechecked(folder / "bundle"))
        bare_s.append(alone("bundle-bare", folder / "bundle").seconds)
    ratios = [one / other for one, other in zip(took_s, bare_s, strict=True)]
    start, bare = statistics.median(start_s), statistics.median(bare_s)
    beside = f"the start of the command {start:.2f} s, hashing and parsing alone {bare:.2f} s"
    name = f"recheck of {options.runs:,} runs, the command from its start to its end"
    rest = statistics.median(took_s) - start - bare
    why = f"{1000 * rest / options.runs:.1f} ms a run beside these: files are opened, and every checker goes through it"
    return [
        *rows,
        Figure(name, Spread.of(took_s), "s", GOALS["recheck_s"], why, beside),
        Figure(f"recheck of {options.runs:,} runs: against hashing and parsing alone", Spread.of(ratios)),
    ]


def main() -> None:
    """Measure and print; what is to be reached stands in the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--records", type=int, default=1_000_000)
    add("--events", type=int, default=200_000)
    add("--runs", type=int, default=500)
    add("--rounds", type=int, default=2)
    add("--part", choices=PARTS, help=argparse.SUPPRESS)
    add("folder", nargs="?", type=Path, help=argparse.SUPPRESS)
    common(parser)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(asdict(_part(options.part, options.folder))))
        return
    if options.quick:
        options.records, options.events, options.runs, options.rounds = 2000, 1000, 3, 1
    with tempfile.TemporaryDirectory(prefix="judging-") as folder:
        tell({}, measure(Path(folder), options), as_json=options.json)


if __name__ == "__main__":
    main()
