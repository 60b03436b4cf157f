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
from mcp_crashtest.model.calls import ANSWER, ANY, Call, Counted, Engine, Remark, alike, missed, names, on_files
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.errors import NotApplicable, NotAssessed, SubjectError, Unproven
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


@dataclass(slots=True)
class Sweep:
    """What is known of a server's calls. ``plan`` is the baseline; ``missing`` is what keeps it from being assessed."""

    trial: Trial
    plan: Plan
    seen: Life
    missing: list[str] = field(default_factory=list)

    def before_each(self) -> None:
        """Kill the server before each call, and say what was tried."""
        self._play(planning.before_each(self.plan, self.seen, MOST), f"{len(self.seen.calls)} calls of its life")

    def in_recovery(self) -> None:
        """Kill it, and once more before each call of the life that recovers; say what was tried."""
        origins = planning.origins(self.seen)
        killed = self._killed_at(origins)
        different: dict[tuple[str, ...], list[Plan]] = {}
        for origin, outcome in zip(origins, killed, strict=True):
            calls = _recovery(outcome)
            swept = planning.in_recovery(self.plan, origin, Life(calls, [0] * len(calls), self.seen.steady))
            different.setdefault(tuple(names(calls)), swept)
        if not any(different):
            raise NotApplicable("no life that recovers makes a call on its store: there is nothing to be killed at")
        counted = f"{sum(map(len, different))} calls of {len(different)} different recoveries"
        self._play(planning.by_turns(different.values()), counted)

    def _killed_at(self, origins: Sequence[Syscall]) -> list[Outcome]:
        """A run for each of these. Where two runs differ, there may be no such call in a third one."""
        try:
            return self.trial.seen_to_pass(planning.killed_at(self.plan, origins))
        except Unproven as error:
            if self.seen.steady:
                raise
            raise NotAssessed(
                f"two runs make different calls, and a place of one was not met again: {error}"
            ) from error

    def _play(self, plans: Sequence[Plan], counted: str) -> None:
        """Play them, and note what was tried; raises NotAssessed where calls are missing, else as a trial."""
        before = len(self.trial.outcomes)
        try:
            self.trial.play(plans, core=MOST)
        finally:
            self.trial.notes += [self._tried(self.trial.outcomes[before:], len(plans), counted)]
        if self.missing:
            raise NotAssessed("; ".join(self.missing))

    def _tried(self, outcomes: Sequence[Outcome], planned: int, counted: str) -> str:
        landings = [list(_landings(outcome)) for outcome in outcomes]
        # several kills in a row may lawfully end early: a recovery that gets on has fewer calls to make
        whole = sum(len(found) >= min(len(o.plan.faults), 2) for o, found in zip(outcomes, landings, strict=True))
        kills = [landing for found in landings for landing in found]
        exact = sum(self._is_there(at, name) for at, name in kills)
        way = "exhaustive" if self.seen.steady and whole == planned else f"sampled, {whole} of {planned} plans"
        return (
            f"{self.trial.scenario} of {self.trial.bench.profile.name}: {way}: {counted}, counted by "
            f"{self.plan.engine}; {len(kills)} kills just before a call, {exact} of them the very one that was meant"
        )

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
    chosen, missing = _baselines(trial, plan, replace(plan, engine=Engine.WATCH))
    shown = [life_of(outcome) for outcome in chosen]
    common = min(len(on_files(one.calls)) for one in shown)
    steady = alike([on_files(one.calls)[:common] for one in shown])
    calls = _first(shown[0].calls, common) if steady else planning.in_both(shown[0].calls, shown[1].calls)
    missing += missing_for(calls, shown[0].remarks | shown[1].remarks)
    if common == 0:
        raise NotAssessed("; ".join(missing))
    return Sweep(trial, chosen[0].plan, Life(calls, batches_of(trial, chosen[0], calls), steady), missing)


def _baselines(trial: Trial, preload: Plan, watch: Plan) -> tuple[list[Outcome], list[str]]:
    """Two runs with the engine that serves, and what is missing all the same."""
    watched = _with_engine(trial, [watch], planning.guessed(preload, _A_GUESS))
    preloaded = _with_engine(trial, [preload] * 2)
    if isinstance(preloaded, str):
        if isinstance(watched, str):
            raise NotAssessed("; ".join(dict.fromkeys((preloaded, watched))))
        why = f"with the preload it does not work ({preloaded})"
    elif isinstance(watched, str):
        return preloaded, [f"calls that pass the C library by would not be seen: {watched}"]
    else:
        why = _misses([life_of(outcome) for outcome in preloaded], life_of(watched[0])) or ""
        if not why:
            ring = Remark.URING & life_of(watched[0]).remarks  # which the preload cannot see
            return preloaded, [_REMARKS[Remark.URING]] if ring else []
    trial.notes.append(f"{trial.scenario} of {trial.bench.profile.name}: {why}: the watcher counts")
    return [*watched, *trial.seen_to_pass([watch])], []


def _with_engine(trial: Trial, plans: Sequence[Plan], later: Sequence[Plan] = ()) -> list[Outcome] | str:
    """Play undisturbed runs; in words why that cannot be. A server may bear one engine and not the other."""
    try:
        return trial.seen_to_pass(plans, later)
    except (CannotCount, SubjectError, Unproven) as error:
        return str(error).splitlines()[0]


def _misses(preloaded: Sequence[Counted], watched: Counted) -> str | None:
    """What the preload has not seen of what the watcher saw; None for nothing. What comes by chance is no miss."""
    fewer = preloaded[0].calls
    lacking = missed(fewer, watched.calls)
    if not alike([one.calls for one in preloaded]):
        lacking = {name: number for name, number in lacking.items() if name not in planning.classes(fewer)}
    return planning.unseen_by(Engine.PRELOAD, lacking) if lacking else None


def missing_for(calls: Sequence[Call], remarks: Remark) -> Iterator[str]:
    """What keeps these calls from being all that there are, in sentences."""
    yield from (text for remark, text in _REMARKS.items() if remark & remarks)
    if not any(call.kind != ANSWER for call in calls):
        yield _NO_STORE
    elif not any(call.kind == ANSWER for call in calls):
        yield _NO_ANSWER


# --- what the evidence of a run shows of its calls


def life_of(outcome: Outcome) -> Counted:
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
    """The calls with which a second life begins, up to the end of the first batch that it does."""
    history, calls = outcome.folder.history(), on_files(outcome.folder.calls(2).calls)
    worked = [n for n, call in enumerate(calls) if call.file == "ledger"]
    if worked:
        return calls[: worked[1]] if len(worked) > 1 else calls
    seen = [(event.t, event.value["done"]) for event in history.of(Op.PROGRESS)]
    began = next(event.t for event in history.of(Op.BOOT) if event.life > 1)
    before = max((done for at, done in seen if at < began), default=0)
    until = next((at for at, done in seen if at > began and done > before), None)
    return calls if until is None else [call for call in calls if call.at_s < until + _clock(history, 2)]


def batches_of(trial: Trial, outcome: Outcome, calls: Sequence[Call]) -> list[int]:
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


def _first(calls: Sequence[Call], number: int) -> list[Call]:
    """The calls up to so many on files; answers are among them."""
    found: list[Call] = []
    for call in calls:
        number -= call.kind != ANSWER
        if number < 0:
            break
        found.append(call)
    return found


def _landings(outcome: Outcome) -> Iterator[tuple[Syscall, str]]:
    """Each kill before a call that has landed: where it was to be, and the name of the call that it was."""
    for event in outcome.folder.history().of(Op.FAULT, types=[Type.OK]):
        at = outcome.plan.faults[event.value["number"] - 1].at
        if isinstance(at, Syscall):
            yield at, str(event.value.get("name", ""))


def _said(name: str) -> str:
    """How a coordinate's words begin for a call of this name, but for its size."""
    kind, _, file = name.partition(" ")
    return str(Call(kind, file, 0)).partition(" of 0 bytes")[0]
