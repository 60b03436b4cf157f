"""A run in a few sentences, each with its moment: the numbers on its picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.faults import FAIL, KINDS, LINKS, OVERLAP, POISON, REPLACE, SIGNALS, TWINS
from mcp_crashtest.model.losses import POWER
from mcp_crashtest.model.operation import History, Op
from mcp_crashtest.telling.calls import Ack, Call
from mcp_crashtest.telling.lives import CLIENT, LIVES, SERVER, Bolt, Lane
from mcp_crashtest.telling.records import CHANGED, LOST, MOVED, SAME, TWICE, UNEXPECTED, Compared, counted
from mcp_crashtest.telling.words import clean, duration, listed, ordinal, plural
from mcp_crashtest.telling.work import Work

FAULT, WRONG, GOOD, PLAIN = "fault", "wrong", "good", ""
_MOST = 24
_WHO = {"server": "The server", "client": "The client", "both": "Server and client", "service": "The service",
        "server and service": "Server and service"}  # fmt: skip
_DEEDS = {
    "kill": "killed (SIGKILL)",
    POWER: "killed (SIGKILL), and what was not synced is lost",
    "terminate": "told to stop (SIGTERM), as in a planned restart",
    "goodbye": "told to stop by the end of its standard input, as by a host",
    OVERLAP: "told to stop, and its next life starts at once",
    "interrupt": "interrupted (SIGINT) in the middle of its work, says goodbye and leaves",
    "freeze": "frozen (SIGSTOP): it stands still and keeps what it holds",
    **{name: f"sent {name.upper()}, {where}" for name, where in SIGNALS.items()},
    POISON: "asks for a job that cannot be done",
    FAIL: "told by its system that a call has failed",
    REPLACE: "frozen (SIGSTOP), and another server is started on its store",
    TWINS: "killed (SIGKILL), and two servers are started at once on its store",
    **{name: f"behind a link that fails: {how}" for name, how in LINKS.items()},
    "drop": "cut off: its connections drop without a word",
}
_FATES = {TWICE: "twice", LOST: "lost", CHANGED: "changed", UNEXPECTED: "unexpected", MOVED: "out of order"}


@dataclass(frozen=True, slots=True)
class Step:
    """One sentence, at ``t`` seconds; ``event`` shows it. ``kind``: a fault, something wrong or good, or neither."""

    t: float
    text: str
    kind: str = PLAIN
    event: int | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """Everything that the sentences are about; ``broke`` are the invariants that are broken, None where nobody said."""

    history: History
    lanes: tuple[Lane, ...]
    struck: tuple[Bolt, ...]
    made: tuple[Call, ...]
    told: tuple[Ack, ...]
    done: Work | None
    seen: Compared
    wrong: bool
    broke: frozenset[str] | None = None

    @property
    def total(self) -> int:
        """How many records there are to be."""
        return self.seen.expected

    @property
    def end(self) -> float:
        """When the run was over."""
        return self.history.operations[-1].t if self.history.operations else 0.0

    @property
    def one_job(self) -> bool:
        """Whether all work is of one job: the lines of a second one may not be told from the first one's."""
        beside = self.history.header.plan.get("companion")
        return not beside or not Companion(beside).has_own_job

    def is_of(self, invariants: frozenset[str]) -> bool:
        """Whether one of these is broken, as far as anybody said which are."""
        return self.broke is None or bool(self.broke & invariants)

    def executed_by(self, t: float) -> int | None:
        """How many lines the ledger had by then, at least."""
        if self.done is None:
            return None
        return sum(1 for date in self.done.dates if date is not None and date <= t)


def steps(cast: Cast) -> tuple[Step, ...]:
    """The sentences in order; what is too much of it is left out in the middle."""
    said = [*_faults(cast), *_calls(cast), *_ends(cast), *_progress(cast), *_again(cast), *_outcome(cast)]
    said.sort(key=lambda step: step.t)
    if len(said) <= _MOST:
        return tuple(said)
    kept = [*said[: _MOST // 2], *said[-_MOST // 2 + 1 :]]
    left = plural(len(said) - len(kept), "step")
    middle = Step(said[_MOST // 2].t, f"And so on: {left} more, which the events below tell one by one.")
    return (*kept[: _MOST // 2], middle, *kept[_MOST // 2 :])


def _faults(cast: Cast) -> Iterator[Step]:
    for bolt in cast.struck:
        if not bolt.harm:
            outcome = "it is acknowledged" if bolt.landed else f"not done: {clean(bolt.proof, 200)}"
            yield Step(bolt.at, f"{KINDS[bolt.kind].meaning.capitalize()}: {outcome}.", PLAIN, bolt.events[0])
            continue
        deed = _DEEDS.get(bolt.kind, KINDS[bolt.kind].meaning)
        verb = "are" if " and " in _WHO[bolt.victim] else "is"
        known = bolt.done is not None and cast.total
        told = f", with {bolt.done} of {cast.total} records acknowledged" if known else ""
        planned = f" (fault {bolt.number}; planned: {bolt.planned})" if bolt.planned else f" (fault {bolt.number})"
        yield Step(bolt.at, f"{_WHO[bolt.victim]} {verb} {deed}{told}{planned}. {_proof(bolt)}.", FAULT, bolt.events[0])


def _proof(bolt: Bolt) -> str:
    if not bolt.answered:
        return "It came too late: the run was over before anything was heard of it"
    if not bolt.landed:
        return f"Not proven: {clean(bolt.proof, 300)}"
    had = f"; the ledger had {plural(bolt.lines, 'line')} when that was known" if bolt.lines is not None else ""
    return f"Proof: {clean(bolt.proof, 200)}, {duration(max(bolt.proven - bolt.at, 0))} later{had}"


def _calls(cast: Cast) -> Iterator[Step]:
    lives = max((len(lane.lives) for lane in cast.lanes if lane.who == CLIENT), default=1)
    for call in cast.made:
        by = (
            f"The {call.client}"
            if lives < 2 and call.client == CLIENT
            else f"The {call.client}'s {ordinal(call.life)} life"
        )
        again = "" if call.number == 1 else " again" if call.client == CLIENT else " too"
        refused = " and is refused" if call.outcome == "refused" else ""
        yield Step(call.began, f"{by} asks for the job{again} (call {call.number}){refused}.", PLAIN, call.event)


def _ends(cast: Cast) -> Iterator[Step]:
    for lane in cast.lanes:
        for life in lane.lives:
            if lane.who == SERVER and life.how not in (LIVES, "killed", "stopped", "end not proven"):
                yield Step(life.ended, f"The server's {ordinal(life.number)} life has {clean(life.how, 200)}.", WRONG)


def _progress(cast: Cast) -> Iterator[Step]:
    """Between two faults: what is acknowledged first, against what was before, and what is acknowledged last."""
    marks = [bolt.proven for bolt in cast.struck if bolt.harm]  # what came before the proof was on its way
    before = 0
    for begin, stop in pairwise([0.0, *marks, cast.end + 1]):
        within = [ack for ack in cast.told if begin <= ack.t < stop]
        if not within:
            continue
        first, last = within[0], within[-1]
        if begin and first.done:
            yield _first_after(cast, first, before)
        if stop <= cast.end and last.done and (last is not first or not begin):
            yield Step(last.t, f"{last.done} of {cast.total} records are done and acknowledged.", PLAIN, last.event)
        before = max(before, last.done)


def _first_after(cast: Cast, ack: Ack, before: int) -> Step:
    told = f"the client is told that {ack.done} of {cast.total} are done"
    if ack.done < before:
        return Step(
            ack.t,
            f"{told[0].upper()}{told[1:]}; it had been told {before} before: progress went back.",
            WRONG,
            ack.event,
        )
    if ack.done == before:
        return Step(ack.t, f"The first word after the fault: {told}, as many as before it.", PLAIN, ack.event)
    return Step(ack.t, f"The first word after the fault: {told}; before the fault it was {before}.", PLAIN, ack.event)


def _again(cast: Cast) -> Iterator[Step]:
    """Where work was done again: at the first line of each pass behind the first."""
    done = cast.done if cast.one_job else None
    if done is not None and done.side_by_side and len(done.passes) > 1:
        begin = done.passes[1][0]
        again = len(done.lines) - len({line.place for line in done.lines})
        date = done.writing(begin).by
        text = (
            f"From here on two work on the job at once: {plural(again, 'record')} of ledger lines {begin + 1} to "
            f"{len(done.lines)} had been executed before."
        )
        yield Step(cast.end if date is None else date, text, WRONG if cast.wrong else PLAIN)
        return
    for n, (begin, end) in enumerate(done.passes if done else ()):
        if n == 0 or done is None or n > 3:
            continue
        known = {line.place for line in done.lines[:begin]}
        again = 0
        while begin + again < end and done.lines[begin + again].place in known:
            again += 1
        begun, last = done.writing(begin), done.writing(begin + again - 1)
        t = last.by if last.by is not None else cast.end
        author = (
            f"Call {begun.call} does them again" if begun.call
            else f"The server's {ordinal(begun.server)} life does them again" if begun.server
            else "They are done again, by whom the ledger does not tell"
        )  # fmt: skip
        batch = max(int(cast.history.header.workload.get("batch", 1)), 1)
        allowed = "" if cast.wrong else f": a crash may cost the batch under way, and a batch has {batch}"
        text = (
            f"{plural(again, 'record')} had been executed before. {author}: ledger lines {begin + 1} to "
            f"{begin + again}{allowed}."
        )
        yield Step(t, text, WRONG if cast.wrong else PLAIN)


def _outcome(cast: Cast) -> Iterator[Step]:
    seen = cast.seen
    if seen.at is None:
        end = next((o.value.get("reason") for o in cast.history.of(Op.END)), "broken off")
        yield Step(cast.end, f"The run ends without an output: {clean(end, 300)}.", WRONG if cast.wrong else PLAIN)
    elif seen.failed is not None:
        yield Step(
            seen.at, f"The job ends as failed: {clean(seen.failed, 300)}", WRONG if cast.wrong else PLAIN, seen.event
        )
    else:
        yield Step(seen.at, _ending(cast), WRONG if cast.wrong else GOOD, seen.event)


def _ending(cast: Cast) -> str:
    seen = cast.seen
    if seen.differences:
        differs = plural(len(seen.differences), "value")
        return f"The client ends, and {differs} of its result are not the undisturbed run's."
    if seen.of_client:
        return "The client ends with the undisturbed run's result."
    if seen.found is None:
        told = "" if seen.reported is None else f" The server reports {plural(seen.reported, 'record')}."
        return f"The job ends as completed.{told}"
    harm = {_FATES[kind]: n for kind, n in counted(seen.hunks).items() if kind != SAME}
    if not harm:
        return f"The job ends: {seen.found} of {cast.total} records, each of them once."
    reported = "" if seen.reported is None else f"The server reports {plural(seen.reported, 'record')}, "
    holds = f"{reported}the output holds {seen.found}; the workload has {cast.total}"
    return f"The job ends as completed. {holds}: {listed(f'{n} {kind}' for kind, n in harm.items())}."
