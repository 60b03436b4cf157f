"""Crash cycles of the lab: faults a second, CPU a fault, and where a run's time goes, beside the floor.

``python -m benchmarks.cycle [--rounds 2] [--json] [--quick]``

Each round certifies the reference server and a stranger's, in turns, as a user does; the floor is measured before and
behind them, bare, in an image of the same size (``benchmarks.floor``). The phases are read from the histories of all
runs: several run at a time, so that a phase has the time that it took while others had the processors too.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Spread, at_least, at_most, common, tell
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.faults import Victim
from mcp_crashtest.model.operation import History, Op, Operation, Type

ROOT = Path(__file__).resolve().parents[1]
REFERENCE, STRANGER = "the reference server", "a stranger's server"
PROFILES = {
    REFERENCE: ROOT / "scenarios" / "profiles" / "reference-durable.toml",
    STRANGER: ROOT / "tests" / "third_party" / "crashtest.toml",
}
GOALS = {"reference": at_least(15.0), "stranger": at_least(0.5), "kills": at_most(15.0), "look": at_most(25.0)}
_KILLS = 200
_SMALL = ("--quick", "--scenario", "server-killed-everywhere")
_LONGEST_S = 150.0

# The phases of a run, in their order, with what of the floor each is beside.
SETTING_UP = "made ready, up to the first start"
BOOT = "start to the first answer, by the fork server"
COLD = "start to the first answer, cold"
WORK = "the server works, up to where the fault lands or to the output"
STOP = "the fault begins, up to the signal: everybody is made to stand still and seen"
DEATH = "signal to corpse"
PROOF = "corpse to proof: the group is gone, the event is written"
AWAY = "proof to the next start"
LEAVING = "output to the end: read, ended, the ledger read"
JUDGING = "end to the judgement on the disk: evidence, logs, judging"
PHASES = (SETTING_UP, BOOT, COLD, WORK, STOP, DEATH, PROOF, AWAY, LEAVING, JUDGING)
BESIDE = {BOOT: "answer_ms", COLD: "answer_ms", DEATH: "death_ms"}


@dataclass(frozen=True, slots=True)
class Session:
    """One certification: how long it took and what it used, what landed, what it came to, and its runs' phases."""

    elapsed_s: float
    cpu_s: float
    faults: int
    kills: int
    verdict: str
    phases: Mapping[str, Sequence[float]]


def certified(profile: Path, folder: Path, more: Sequence[str] = ()) -> Session:
    """Certify as a user does; raises RuntimeError where the lab comes to no certificate."""
    words = [sys.executable, "-m", "mcp_crashtest.cli", "certify", "--profile", str(profile), "--json"]
    before, began = _cpu_s(), time.perf_counter()
    ended = subprocess.run(
        [*words, "--report-dir", str(folder), *more], capture_output=True, text=True, timeout=_LONGEST_S, check=False
    )
    elapsed_s, cpu_s = time.perf_counter() - began, _cpu_s() - before
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"{profile.name} came to exit code {ended.returncode}: {ended.stderr[-400:]}")
    spent: defaultdict[str, list[float]] = defaultdict(list)
    for run in Bundle(folder).runs_of_scenarios():
        for phase, took_s in phases(run):
            spent[phase].append(1000 * took_s)
    certificate = json.loads(ended.stdout)
    landed = certificate["faults"]
    return Session(elapsed_s, cpu_s, landed["confirmed"], landed["kills"], certificate["verdict"], spent)


def _cpu_s() -> float:
    """Of all children that have ended, with theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def phases(run: RunFolder) -> Iterator[tuple[str, float]]:
    """Every phase of a run with its seconds, as often as it came: from its plan on the disk to its judgement."""
    history = run.history()
    last = history.operations[-1]
    began = run.history_file.stat().st_mtime - last.t  # the run's clock on the file system's
    written = [path.stat().st_mtime - began for path in run.path.glob("*.json")]  # first the plan, last the judgement
    first = next((o for o in history.of(Op.BOOT)), None)
    if first is not None and len(written) > 1:
        yield SETTING_UP, first.t - min(written)
        yield from lives(history)
        if last.op is Op.END:
            yield JUDGING, max(written) - last.t


def lives(history: History) -> Iterator[tuple[str, float]]:
    """The phases of each life, and of the end."""
    answered = output = proven = None
    warm = True
    for o in history.operations:
        if o.op is Op.BOOT:
            warm = bool(o.value.get("warm"))
            if proven is not None:
                yield AWAY, o.t - proven
            proven = None
        elif o.op is Op.READY:
            answered = o.t
            yield BOOT if warm else COLD, float(o.value["elapsed_s"])
        elif o.op is Op.FAULT and Victim(o.value["victim"]).hits_server:
            if o.type is Type.INVOKE and answered is not None:
                yield WORK, o.t - answered
                answered = None
            elif o.type is Type.OK and "reaped_at" in o.value and "signalled_at" in o.value:
                proven = o.t
                yield from _death(o)
        elif o.op is Op.OUTPUT and o.type is Type.OK and output is None:
            output = o.t
            if answered is not None:
                yield WORK, o.t - answered
        elif o.op is Op.END and output is not None:
            yield LEAVING, o.t - output


def _death(fault: Operation) -> Iterator[tuple[str, float]]:
    signalled, reaped = float(fault.value["signalled_at"]), float(fault.value["reaped_at"])
    if "stopped_at" in fault.value:
        yield STOP, signalled - float(fault.value["stopped_at"])
    yield DEATH, reaped - signalled
    yield PROOF, fault.t - reaped


def floor(rounds: int) -> dict[str, Any]:
    """What a cycle costs at least; raises RuntimeError."""
    words = [sys.executable, "-m", "benchmarks.floor", "--rounds", str(rounds)]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=_LONGEST_S, check=False)
    if ended.returncode:
        raise RuntimeError(f"the floor could not be measured: {ended.stderr[-400:]}")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@dataclass(frozen=True, slots=True)
class Found:
    """The certifications of each server, a first look at the stranger's, and the floor of before and behind them."""

    sessions: Mapping[str, Sequence[Session]]
    look: Session
    floors: Mapping[str, Sequence[float]]


def measure(rounds: int, more: Sequence[str] = ()) -> Found:
    """All of it, the servers in turns."""
    sessions: dict[str, list[Session]] = {name: [] for name in PROFILES}
    floors = [floor(30)]
    with tempfile.TemporaryDirectory(prefix="cycle-") as folder:
        for number in range(rounds):
            for name, profile in PROFILES.items():
                sessions[name].append(certified(profile, Path(folder) / f"{profile.stem}-{number}", more))
        look = certified(PROFILES[STRANGER], Path(folder) / "look", more or ("--quick",))
    floors.append(floor(30))
    return Found(sessions, look, {key: [ms for one in floors for ms in one[key]] for key in floors[0]})


def figures(found: Found) -> list[Figure]:
    """What of it stands in the table."""
    sessions, floors = found.sessions, found.floors
    reference, stranger = sessions[REFERENCE], sessions[STRANGER]
    ours, theirs = ([one.faults / one.elapsed_s for one in all_] for all_ in (reference, stranger))
    ratios = [one / other for one, other in zip(theirs, ours, strict=True)]
    kills_s = [_KILLS * one.elapsed_s / one.kills for one in reference]
    looks = f"a first look (--quick) at {STRANGER}"
    rows = [
        Figure(
            f"faults a second, {REFERENCE}, whole certification",
            Spread.of(ours),
            "a second",
            GOALS["reference"],
            _where(reference),
            _used(reference),
        ),
        Figure(
            f"faults a second, {STRANGER} against {REFERENCE}",
            Spread.of(ratios),
            goal=GOALS["stranger"],
            reason=_where(stranger),
            beside=_used(stranger),
        ),
        Figure(f"{_KILLS} kills of {REFERENCE}", Spread.of(kills_s), "s", GOALS["kills"], _where(reference)),
        Figure(looks, Spread.of([found.look.elapsed_s]), "s", GOALS["look"], _where([found.look]), _used([found.look])),
    ]
    least_ms = statistics.median(floors["cycle_cpu_ms"])
    for name, all_ in sessions.items():
        spent = [1000 * one.cpu_s / one.faults / least_ms for one in all_]
        beside = f"{statistics.median(one.cpu_s / one.faults for one in all_):.2f} s and {least_ms:.1f} ms"
        rows.append(Figure(f"CPU a fault against the floor's cycle, {name}", Spread.of(spent), beside=beside))
    names = {"fork_exit_ms": "fork and exit", "bind_ms": "bind and listen", "answer_ms": "fork to an answer"}
    for key, name in {**names, "death_ms": "signal to corpse"}.items():
        rows.append(Figure(f"floor: {name}", Spread.of(floors[key]), "ms"))
    for name, all_ in sessions.items():
        rows += _phase_rows(name, all_, floors)
    return rows


def _phase_rows(name: str, all_: Sequence[Session], floors: Mapping[str, Sequence[float]]) -> Iterator[Figure]:
    whole_ms = sum(sum(took) for one in all_ for took in one.phases.values())
    for phase in PHASES:
        took = [ms for one in all_ for ms in one.phases.get(phase, ())]
        if not took:
            continue
        beside = f"{100 * sum(took) / whole_ms:.0f} % of all runs' time"
        if phase in BESIDE:
            beside += f"; {statistics.median(took) / statistics.median(floors[BESIDE[phase]]):.1f} times the floor"
        yield Figure(f"{name}: {phase}", Spread.of(took), "ms", beside=beside)


def _used(all_: Sequence[Session]) -> str:
    elapsed_s, cpu_s = (statistics.median(getattr(one, key) for one in all_) for key in ("elapsed_s", "cpu_s"))
    return f"{all_[0].faults} faults in {elapsed_s:.1f} s, {cpu_s:.1f} s of CPU"


def _where(all_: Sequence[Session]) -> str:
    """Where most of the time goes: the measured reason."""
    sums = {phase: sum(sum(one.phases.get(phase, ())) for one in all_) for phase in PHASES}
    whole_ms = sum(sums.values()) or 1.0
    most = sorted(sums, key=lambda phase: -sums[phase])[:3]
    busy = statistics.median(one.cpu_s / one.elapsed_s for one in all_)
    shares = "; ".join(f"{100 * sums[phase] / whole_ms:.0f} % {phase}" for phase in most)
    return f"{busy:.1f} processors were busy, and of all runs' time went {shares}"


def main() -> None:
    """Measure and print; exit code 0, since what is to be reached stands in the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=2, help="certifications of each (default: %(default)s)")
    common(parser)
    options = parser.parse_args()
    found = measure(1, _SMALL) if options.quick else measure(options.rounds)
    all_ = [(name, one) for name, sessions in found.sessions.items() for one in sessions]
    notes = [f"{name} came to {one.verdict} once" for name, one in all_ if one.verdict != "PASS"]
    tell({"notes": notes}, figures(found), as_json=options.json)
    if not options.json:
        print("\n".join(dict.fromkeys(notes)))


if __name__ == "__main__":
    main()
