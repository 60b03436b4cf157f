"""Counting a server's system calls before it is killed at them: which engine sees them all, and whether runs are alike.

A baseline is played with the watcher, which misses nothing, and two with the preload, which costs nothing. The preload
serves where it has seen as much; else the watcher does. Two equal baselines make a sweep exhaustive, two different ones
make it a sample. What cannot be counted keeps a scenario from being assessed, by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.calls import ANSWER, ANY, Call, Counted, Engine, Remark, alike, missed, names
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.errors import NotApplicable, NotAssessed
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.planning import calls as planning
from mcp_crashtest.planning.calls import Life
from mcp_crashtest.subjects.syscalls.engines import CannotCount

if TYPE_CHECKING:
    from mcp_crashtest.laboratory.trial import Trial

MOST = 400
"""The most calls of a life that a star is owed: of more a sample is played."""
_A_GUESS = 120  # calls, before anybody has counted them
_FEWEST = 3
_REMARKS = {
    Remark.MAPPED: "the server maps a file of its store into memory and may write to it so (mmap): that is no call",
    Remark.URING: "the server hands calls to the kernel in a ring (io_uring), in which nobody can stand before one",
    Remark.UNREADABLE: "the lab may not read the server's memory: renames, unlinks and answers are not counted; "
    "certify as its user, on a system that allows it (kernel.yama.ptrace_scope)",
    Remark.OVERFLOWN: "the server makes more calls than there is room for: give it a smaller job, [workload] records",
}
_NO_STORE = (
    "no call on {state_dir} or {ledger} was counted: the server keeps its state elsewhere; name {state_dir} in "
    "[subject] command or environment"
)
_NO_ANSWER = "the answer for the job was not seen among its calls (compressed, encrypted, or sent by somebody else)"
UNBUILT = (
    "three stars: this version kills at every call, also of a recovery; a server that is frozen and replaced, many "
    "tasks at once, and sabotage that must be noticed are not built yet, so two stars are the most"
)


@dataclass(slots=True)
class Sweep:
    """What is known of a server's calls. ``plan`` is the baseline; ``missing`` is what keeps it from being assessed."""

    trial: Trial
    plan: Plan
    seen: Life
    missing: list[str] = field(default_factory=list)

    @property
    def way(self) -> str:
        """Whether all calls are tried, or some."""
        whole = self.seen.steady and len(self.seen.calls) <= MOST
        return "exhaustive" if whole else "sampled"

    def before_each(self) -> None:
        """Kill the server before each call, and say what was tried."""
        self.trial.play(planning.before_each(self.plan, self.seen, MOST), core=MOST)
        self._conclude(f"{len(self.seen.calls)} calls of its life")

    def in_recovery(self) -> None:
        """Kill it, and once more before each call of the life that recovers; say what was tried."""
        origins = planning.origins(self.seen)
        if not origins:
            raise NotAssessed("two runs make different calls, so that no two recoveries are the same")
        different: dict[tuple[str, ...], list[Plan]] = {}
        for origin, outcome in zip(origins, baselines(self.trial, planning.killed_at(self.plan, origins)), strict=True):
            calls = _recovery(outcome)
            swept = planning.in_recovery(self.plan, origin, Life(calls, [0] * len(calls), steady=True))
            different.setdefault(tuple(names(calls)), swept)
        self.trial.play(planning.by_turns(different.values()), core=MOST)
        self._conclude(f"{sum(map(len, different))} calls of {len(different)} different recoveries")

    def _conclude(self, counted: str) -> None:
        """Note what was tried; raises NotAssessed where calls are missing."""
        trial, landed, exact = self.trial, 0, 0
        for at, found in _landings(trial.outcomes):
            landed += 1
            exact += self._is_there(at, found)
        trial.notes.append(
            f"{trial.scenario} of {trial.bench.profile.name}: {self.way}, {counted} by {self.plan.engine}; "
            f"{landed} kills just before a call, {exact} of them the very call that the baseline had there"
        )
        trial.notes.append(UNBUILT)
        if self.missing:
            raise NotAssessed("; ".join(self.missing))

    def _is_there(self, at: Syscall, found: str) -> bool:
        """Whether the call was that of the baseline: the words of a coordinate begin with it."""
        if at.name != ANY:
            return found == at.name
        return at.what is not None and at.what.startswith(_said(found))


def sweep(trial: Trial) -> Sweep:
    """Count the calls of a server. Raises NotApplicable and NotAssessed where that cannot be, Violation as a trial."""
    if (why := trial.bench.why_uncounted) is not None:
        raise NotApplicable(why) if trial.bench.profile.client else NotAssessed(why)
    workload = trial.workload
    size = planning.small(workload.records, workload.batch, varies=trial.varies["records"])
    plan = Plan(trial.scenario, trial.protocols[0], (), workload=size, engine=Engine.PRELOAD)
    watching = replace(plan, engine=Engine.WATCH)
    missing: list[str] = []
    watched = _watched(trial, watching, missing)
    preloaded = baselines(trial, [plan, plan])
    shown = [_life(outcome) for outcome in preloaded]
    if watched is not None and (said := _misses(shown, _life(watched))):
        trial.notes.append(f"{trial.scenario} of {trial.bench.profile.name}: {said}: the watcher counts")
        plan, preloaded = watching, [watched, *baselines(trial, [watching])]
        shown = [_life(outcome) for outcome in preloaded]
    calls = shown[0].calls[: planning.shortest([one.calls for one in shown])]
    steady = alike([one.calls[: len(calls)] for one in shown])
    remarks = shown[0].remarks | shown[1].remarks | (_life(watched).remarks if watched else Remark.NONE)
    missing += _missing(calls, remarks)
    if len(calls) < _FEWEST:
        raise NotAssessed("; ".join(missing))
    return Sweep(trial, plan, Life(calls, _batches(trial, preloaded[0], calls), steady), missing)


def baselines(trial: Trial, plans: Sequence[Plan]) -> list[Outcome]:
    """Play them; raises what a trial raises where they do not pass, CannotCount as NotAssessed."""
    try:
        return trial.seen_to_pass(plans)
    except CannotCount as error:
        raise NotAssessed(str(error)) from error


def _watched(trial: Trial, plan: Plan, missing: list[str]) -> Outcome | None:
    """The watcher's baseline; None where it cannot watch: then nobody knows what the preload does not see."""
    try:
        return trial.seen_to_pass([plan])[0]
    except CannotCount as error:
        missing.append(f"calls that pass the C library by would not be seen: {error}")
        return None


def _misses(preloaded: Sequence[Counted], watched: Counted) -> str | None:
    """What the preload has not seen of what the watcher saw; None for nothing. What comes by chance is no miss."""
    fewer = preloaded[0].calls
    lacking = missed(fewer, watched.calls)
    if not alike([one.calls for one in preloaded]):
        lacking = {name: number for name, number in lacking.items() if name not in planning.classes(fewer)}
    return planning.unseen_by(Engine.PRELOAD, lacking) if lacking else None


def _missing(calls: Sequence[Call], remarks: Remark) -> Iterator[str]:
    yield from (text for remark, text in _REMARKS.items() if remark & remarks)
    if not any(call.kind != ANSWER for call in calls):
        yield _NO_STORE
    elif not any(call.kind == ANSWER for call in calls):
        yield _NO_ANSWER


# --- what the evidence of a run shows of its calls


def _life(outcome: Outcome) -> Counted:
    """The calls of the first life up to the job's output: what comes behind it is not always played."""
    counted, history = outcome.folder.calls(1), outcome.folder.history()
    output = next((event.t for event in history.of(Op.OUTPUT, types=[Type.OK])), None)
    until = None if output is None else output + _clock(history, 1)
    return replace(counted, calls=tuple(call for call in counted.calls if until is None or call.at_s < until))


def _clock(history: History, life: int) -> float:
    """What the calls' clock said when the run began."""
    boot = next(event for event in history.of(Op.BOOT) if event.life == life)
    return float(boot.value["clock"]) - boot.t


def _recovery(outcome: Outcome) -> list[Call]:
    """The calls with which a second life begins, up to the first effect of work that goes on, or an answer."""
    history, found = outcome.folder.history(), []
    began = next(event.t for event in history.of(Op.BOOT) if event.life > 1) + 0.0
    until = next((e.t for e in history.of(Op.PROGRESS) if e.t > began), None)
    until = None if until is None else until + _clock(history, 2)
    for call in outcome.folder.calls(2).calls:
        if call.file == "ledger" or (until is not None and call.at_s > until):
            break
        found.append(call)
    return found


def _batches(trial: Trial, outcome: Outcome, calls: Sequence[Call]) -> list[int]:
    """The batch of each call: by the ledger's lines, which are written as the work is done; else by what was seen."""
    batch = trial.bench.workload(outcome.plan).batch
    ledger = outcome.folder.ledger
    lines = [len(line) for line in ledger.read_bytes().splitlines(keepends=True)] if ledger.exists() else []
    if lines and any(call.file == "ledger" for call in calls):
        ends, written, found = list(accumulate(lines)), 0, []
        for call in calls:
            written += call.size if call.file == "ledger" else 0
            done = sum(end <= written for end in ends)
            found.append(-(-done // batch))
        return found
    history = outcome.folder.history()
    clock = _clock(history, 1)
    seen = [(event.t + clock, event.value["done"]) for event in history.of(Op.PROGRESS)]
    return [max((int(done // batch) + 1 for at, done in seen if at <= call.at_s), default=0) for call in calls]


def _landings(outcomes: Sequence[Outcome]) -> Iterator[tuple[Syscall, str]]:
    """Each kill before a call that has landed: where it was to be, and the name of the call that it was."""
    for outcome in outcomes:
        for event in outcome.folder.history().of(Op.FAULT, types=[Type.OK]):
            at = outcome.plan.faults[event.value["number"] - 1].at if outcome.plan.faults else None
            if isinstance(at, Syscall):
                yield at, str(event.value.get("name", ""))


def _said(name: str) -> str:
    """How a coordinate's words begin for a call of this name, but for its size."""
    kind, _, file = name.partition(" ")
    return str(Call(kind, file, 0)).partition(" of 0 bytes")[0]
