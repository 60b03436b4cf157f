"""Why a run went wrong, in a sentence or two: what the evidence shows of it, and no more.

What is looked at is what the ledger has, in which order and when; what clients had been told; the error of a job that
ended badly; and the files that the subject had left when the run was over, quoted where they say something.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mcp_crashtest.telling.calls import ANSWERED, CUT, REFUSED, Call
from mcp_crashtest.telling.lives import LIVES, SERVER, Bolt, Life
from mcp_crashtest.telling.records import LOST, SAME, TWICE, counted
from mcp_crashtest.telling.steps import Cast
from mcp_crashtest.telling.words import clean, duration, ordinal, plural

# What is broken where work was done again, and where some was not done at all.
_AGAIN = frozenset({"records.duplicated", "records.count", "effects.rework", "fencing.double-run"})
_MISSING = frozenset({"records.lost", "records.count", "task.false-success"})
_MOST, _MOST_REPEATS = 4, 2
_LONGEST, _LONGEST_QUOTE = 200, 70
_NO_STATE = re.compile(r"(?:[-.](?:lock|lck|pid|journal|wal|shm|tmp|log)|~)$", re.IGNORECASE)
_TORN = re.compile(r"json|expecting|unterminated|unexpected end|eof|ran out of input|truncated|pickl", re.IGNORECASE)
_ERROR = re.compile(r'"(\w*(?:error|exception|failure)\w*)"\s*:\s*"((?:[^"\\]|\\.)+)', re.IGNORECASE)
_OF_LEAVING = re.compile(r"cancel|disconnect|interrupt|closed|closing|broken pipe|reset by peer|gone", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Left:
    """A file of the subject's state when the run was over; ``text`` is its beginning, ``whole`` where that is all."""

    name: str
    size: int
    text: str | None = None
    whole: bool = True


def why(cast: Cast, left: Sequence[Left]) -> tuple[str, ...]:
    """What led to the harm, as far as it can be seen; nothing where nothing is wrong, or where nothing shows it."""
    if not cast.wrong:
        return ()
    said = [*_not_resumed(cast), *_unreadable(cast, left), *_kept_error(cast, left)]
    if cast.one_job and cast.is_of(_AGAIN):
        said += [*_beside(cast), *_repeated(cast)]
    if cast.one_job and cast.is_of(_MISSING):
        said += _skipped(cast)
    return tuple(said[:_MOST])


# --- the job ended with an error


def _not_resumed(cast: Cast) -> Iterator[str]:
    if cast.seen.failed is None or not _harm(cast):
        return
    made = [call for call in cast.made if call.outcome == REFUSED]
    whose = f"Call {made[-1].number}" if made else "The client"
    yield f"{whose} was answered with an error instead of going on: “{clean(cast.seen.failed, _LONGEST)}”."
    lived = _lives(cast)
    dates = _dates(cast)
    if len(lived) > 1 and dates and all(date is not None and date < lived[-1].began for date in dates):
        yield (
            f"The server's {ordinal(lived[-1].number)} life executed nothing; {plural(len(dates), 'record')} had been "
            f"executed before it."
        )


def _unreadable(cast: Cast, left: Sequence[Left]) -> Iterator[str]:
    """Files that nobody can read, where the job ended with an error: which may be why."""
    if cast.seen.failed is None:
        return
    speaks = _TORN.search(cast.seen.failed) is not None
    killed = any(bolt.hits_server and bolt.kills for bolt in cast.struck)
    fits = ", as a file is that was being written anew when its writer was killed" if killed else ""
    for file in left:
        if _NO_STATE.search(file.name) or not (speaks or file.name.endswith(".json")):
            continue
        name = clean(file.name, _LONGEST_QUOTE)
        if not file.size:
            yield f"Its state file {name} was empty (0 bytes) when the run was over{fits}."
        elif file.name.endswith(".json") and file.whole and file.text is not None and not _is_json(file.text):
            yield f"Its state file {name} was no whole JSON ({file.size:,} bytes) when the run was over{fits}."


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _kept_error(cast: Cast, left: Sequence[Left]) -> Iterator[str]:
    """An error that the state keeps of a client's leaving, or of anything else."""
    for file in left:
        found = _ERROR.search(file.text or "")
        if not found or not _harm(cast):
            continue
        what = _quoted(found[2])
        said = f"{clean(file.name, _LONGEST_QUOTE)} has {clean(found[1], 40)} “{what}”"
        went = next((bolt for bolt in _harm(cast) if bolt.hits_client and not bolt.hits_server), None)
        if went is not None and _OF_LEAVING.search(what):
            yield f"The server took it for an error that the client went away (fault {went.number}): {said}."
        else:
            yield f"The server has kept an error: {said}."
        return


def _quoted(text: str) -> str:
    shown = clean(text, _LONGEST)
    if len(shown) <= _LONGEST_QUOTE:
        return shown
    return shown[:_LONGEST_QUOTE].rpartition(" ")[0] + " …"


# --- work was done twice


def _beside(cast: Cast) -> Iterator[str]:
    """Who were at work at once: their lines are mixed, or two calls were under way when work was done again."""
    done = cast.done
    if done is None or len(done.passes) < 2:
        return
    at = done.passes[1][0]
    date = _dates(cast)[at]
    since = cast.end if date is None else date
    if not done.side_by_side and len(_under_way(cast, since)) < 2:
        return
    from_ = f"from ledger line {at + 1} on{'' if date is None else f' ({duration(date)})'} work is done again"
    calls = [call for call in cast.made if _may_work(call, cast, since)] if cast.history.header.blocking else []
    alive = [life for life in _lives(cast) if life.began <= since and (life.how == LIVES or life.ended > since)]
    if len(calls) > 1:
        who = ", and ".join(_called(call, since) for call in calls)
        sure = "" if len(calls) == 2 else ", or two of them"
        yield f"Two were at work on one job at once: {who}{sure}; {from_}."
    elif len(alive) > 1:
        who = " and ".join(f"the server's {ordinal(life.number)} life" for life in alive)
        yield f"Two were at work on one job at once, {who}; {from_}."
    else:
        life = f"the server's {ordinal(alive[0].number)} life" if alive else "one life of the server"
        yield f"Two were at work on one job at once, both in {life}; {from_}."


def _under_way(cast: Cast, t: float) -> list[Call]:
    """The calls whose client still waits for an answer then; only where a call does the work itself."""
    made = cast.made if cast.history.header.blocking else ()
    return [call for call in made if call.outcome != REFUSED and call.began <= t < call.ended]


def _may_work(call: Call, cast: Cast, t: float) -> bool:
    """Whether a call may be at work then: nobody has refused or answered it, and its server is alive."""
    if call.outcome == REFUSED or call.began > t or (call.outcome == ANSWERED and call.ended < t):
        return False
    life = next((life for life in _lives(cast) if life.number == call.server), None)
    return life is None or life.how == LIVES or life.ended > t


def _called(call: Call, t: float) -> str:
    if call.outcome == CUT and call.ended <= t:
        return f"call {call.number}, whose client had gone"
    return f"call {call.number} of the {call.client}"


def _repeated(cast: Cast) -> Iterator[str]:
    """Where somebody began anew, behind what was there already."""
    done, kinds = cast.done, counted(cast.seen.hunks)
    other = cast.seen.failed is not None or (set(kinds) - {SAME} and TWICE not in kinds)
    if done is None or done.side_by_side or other or any(_beside(cast)):
        return
    for begin, end in done.passes[1 : _MOST_REPEATS + 1]:
        known = {line.place for line in done.lines[:begin] if line.place >= 0}
        again = [line.place for line in done.lines[begin:end] if line.place in known]
        writing = done.writing(begin)
        who = (
            f"Call {writing.call}" if writing.call
            else f"The server's {ordinal(writing.server)} life" if writing.server
            else "Somebody"
        )  # fmt: skip
        before = done.server(begin - 1)
        first = writing.call or (writing.server and before and before != writing.server)
        began = "began" if first else "began again"
        yield (
            f"{who} {began} at record {again[0] + 1} of {cast.total}, although {len(known)} had been executed"
            f"{_acknowledged(cast, _began(cast, begin), len(known))}: so {_batches(cast, again)} done again."
        )


def _began(cast: Cast, at: int) -> float | None:
    """When whoever wrote this line began: as it was seen, or else when his call or his life began."""
    if cast.done is None:
        return None
    writing = cast.done.writing(at)
    calls = [call.began for call in cast.made if call.number == writing.call]
    lives = [life.began for life in _lives(cast) if life.number == writing.server]
    return next(iter([*([writing.by] if writing.seen else []), *calls, *lives]), None)


def _acknowledged(cast: Cast, by: float | None, executed: int) -> str:
    """How many of those executed were acknowledged by then; nothing where nobody knows when that was."""
    if by is None:
        return ""
    told = max((ack.done for ack in cast.told if ack.t < by), default=0)
    if told >= executed:
        return " and acknowledged"
    return f", {told or 'none'} of them acknowledged"


def _batches(cast: Cast, places: Sequence[int]) -> str:
    batch = max(int(cast.history.header.workload.get("batch", 1)), 1)
    first, last = places[0] // batch + 1, places[-1] // batch + 1
    return f"batch {first} was" if first == last else f"batches {first} to {last} were"


def _skipped(cast: Cast) -> Iterator[str]:
    """Records that nobody executed, where somebody began behind them."""
    done = cast.done
    lost = next((hunk for hunk in cast.seen.hunks if hunk.kind == LOST), None)
    if done is None or lost is None or any(line.place == lost.first for line in done.lines):
        return
    at = next((n for n, line in enumerate(done.lines) if line.place > lost.first), None)
    dates = _dates(cast)
    if not at or dates[at] is None or dates[at - 1] is None:
        return
    between = [bolt for bolt in _harm(cast) if bolt.at <= (dates[at] or 0.0) and (dates[at - 1] or 0.0) <= bolt.proven]
    if between:
        yield (
            f"After fault {between[-1].number} the work went on at record {done.lines[at].place + 1} of {cast.total}, "
            f"although only {at} had been executed: what lies between was never done."
        )


# --- what is asked of a run


def _harm(cast: Cast) -> list[Bolt]:
    return [bolt for bolt in cast.struck if bolt.harm and bolt.landed]


def _lives(cast: Cast) -> list[Life]:
    return [life for lane in cast.lanes if lane.who == SERVER for life in lane.lives]


def _dates(cast: Cast) -> list[float | None]:
    """When each line of the ledger was there, at the latest."""
    done = cast.done
    if done is None:
        return []
    return [line.seen_s if line.seen_s is not None else date for line, date in zip(done.lines, done.dates, strict=True)]
