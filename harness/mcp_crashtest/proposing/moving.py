"""Where status, progress, total and count stand, found out by watching a job's document move from its start to its end.

Progress is a number that never falls and ends at the total; a status is a word that changes once the job is over; what
is the same from the first document to the last is a total or a name.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_crashtest.contracts.observing import as_count
from mcp_crashtest.contracts.words import CANCELLED, COMPLETED, ENDS, FAILED, meaning, worded
from mcp_crashtest.model.paths import find
from mcp_crashtest.model.showing import paths_in
from mcp_crashtest.proposing.offer import Guess, vocabulary, words

_STATUS_NAMES = vocabulary("status state phase stage zustand lage condition lifecycle")
_FLAG_NAMES = vocabulary("finished done complete completed over ended fertig")
_PROGRESS_NAMES = vocabulary(
    "progress done processed current completed finished percent percentage pct fraction fortschritt erledigt step",
    "migrated exported imported written handled verarbeitet ready",
)
_TOTAL_NAMES = vocabulary("total of all gesamt insgesamt size expected target requested records items max")
_COUNT_NAMES = vocabulary(
    "count processed done migrated exported imported total completed written records items rows number anzahl",
    "verarbeitet handled",
)
_NO_NUMBER = vocabulary("at time timestamp ms seconds created updated elapsed duration eta pid port version ttl")
_ONLY_TOTALS = vocabulary("total of all gesamt insgesamt size expected target requested max out wanted limit")
_PERCENT = vocabulary("percent percentage pct prozent")
_OF = re.compile(r"([0-9]{1,15}) ?(?:/|of) ?([0-9]{1,15})")
_NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?%?")
_LONGEST_WORD, _FEW = 40, 2
_HIGHEST_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Where progress stands. ``total`` is a path or a number, ``unit`` a profile's word; ``steps`` what it rose by."""

    path: str
    total: str | float | None
    unit: str | None
    why: str
    sure: bool
    final: float
    size: float | None
    steps: tuple[float, ...] = ()


def scalars(document: Any) -> Iterator[tuple[str, Any]]:
    """The paths of a document's values, those within lists left out."""
    for path, value in paths_in(document):
        if "[" not in path and path != "$" and not isinstance(value, Mapping | list):
            yield path, value


def status_in(documents: Sequence[Any], written: str | None = None) -> Guess | None:
    """The path of the status; None where no value of these documents can be one."""
    if written is not None:
        return Guess(written, "as you say", sure=True)
    rated = sorted(((_status_rating(path, documents), path) for path in _paths(documents)), key=lambda pair: -pair[0])
    if not rated or rated[0][0] <= 0:
        return None
    rating, path = rated[0]
    seen = list(dict.fromkeys(str(worded(find(document, path))) for document in documents))
    return Guess(path, f"a word that went {' -> '.join(seen[:6])}", sure=rating > 4)


def _paths(documents: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(path for document in documents for path, _ in scalars(document)))


def _status_rating(path: str, documents: Sequence[Any]) -> int:
    values = [find(document, path) for document in documents]
    if all(isinstance(value, bool) for value in values):
        named = bool(_FLAG_NAMES.intersection(words(path.rsplit(".", 1)[-1])))
        at_the_end = len(values) > _FEW and values[-1] and not any(values[:-1])
        return 2 * named + (len(set(values)) > 1) if (named or at_the_end) and not values[0] else 0
    if not all(isinstance(value, str) and _is_word(value) for value in values):
        return 0
    known = [meaning(value, {}) is not None for value in values]
    named = bool(_STATUS_NAMES.intersection(words(path.rsplit(".", 1)[-1])))
    changed = len(set(values)) > 1
    if not named and not changed and not all(known):
        return 0
    return 4 * named + 2 * any(known) + changed - path.count(".") // 2 - 2 * (len(set(values)) > 6)


def _is_word(value: str) -> bool:
    return 0 < len(value) <= _LONGEST_WORD and not any(c.isdigit() for c in value) and len(value.split()) <= 3


def has_ended(word: Any) -> bool:
    """Whether this word of a status, or this flag, is known as an end."""
    return word is True or (isinstance(word, str) and meaning(word, {}) in ENDS)


def words_of(first: Sequence[Any], last: Any, *, all_done: bool) -> Guess | None:
    """What ``[observe] words`` has to say about the last word of a job that is over; None where it is known as an end.

    Raises nothing: a word that meant an end all along, or is none, is for the caller to judge.
    """
    if not isinstance(last, str) or has_ended(last):
        return None
    if last in first and not all_done:
        return None
    return Guess({COMPLETED: [last]}, f"the job was at its end when it said {last!r}, a word of its own")


def went_wrong(word: Any) -> bool:
    """Whether a job has ended otherwise than completed."""
    return isinstance(word, str) and meaning(word, {}) in (FAILED, CANCELLED)


# --- progress and total


def progress_in(documents: Sequence[Any], records: int | None) -> Progress | None:
    """Where progress stands; None where nothing in these documents can be it. ``records``: the job's size, if known."""
    candidates = [one for path in _paths(documents) if (one := _progress_at(path, documents, records)) is not None]
    return max(candidates, key=lambda pair: pair[0], default=(0, None))[1]


def tells_all(document: Any, records: int) -> bool:
    """Whether a document says that so many of so many records are done: nothing is left to be followed."""
    done = total = False
    for path, value in scalars(document):
        last = set(words(path.rsplit(".", 1)[-1]))
        if isinstance(value, str) and any(int(one) == int(of) == records for one, of in _OF.findall(value)):
            return True
        if not isinstance(value, bool) and isinstance(value, int | float) and value == records:
            is_total = bool(last & _ONLY_TOTALS)
            total, done = total or is_total, done or not is_total
    return done and total


def _progress_at(path: str, documents: Sequence[Any], records: int | None) -> tuple[int, Progress] | None:
    last_step = set(words(path.rsplit(".", 1)[-1]))
    read = [_amount(find(document, path)) for document in documents]
    seen = [amount for amount in read if amount is not None]
    if len(seen) < 2 or last_step & _NO_NUMBER or (read[-1] is None and seen[-1][1] is None):
        return None  # a message may be gone at the end: then its own total says how far it was
    done = [amount for amount, _ in seen]
    if any(later < earlier for earlier, later in itertools.pairwise(done)) or done[-1] <= done[0]:
        return None
    steps = tuple(later - earlier for earlier, later in itertools.pairwise(done) if later > earlier)
    named = bool(last_step & _PROGRESS_NAMES)
    total, unit, size, fits = _total_of(path, documents, done[-1], seen[-1][1], records)
    if not fits:
        return None
    final = done[-1]
    why = f"it rose from {done[0]:g} to {final:g} in {len(steps)} steps"
    rating = 3 * named + 4 * (records is not None and final == records) + 2 * (size == final) + min(len(steps), 3)
    sure = size == final and (named or records == final)
    return rating - path.count("."), Progress(path, total, unit, why, sure, final, size, steps)


def _amount(value: Any) -> tuple[float, float | None] | None:
    """A value as progress, and the total that stands in it."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value), None
    if not isinstance(value, str):
        return None
    if both := _OF.search(value):
        return float(both[1]), float(both[2])
    number = _NUMBER.fullmatch(value.strip())
    return (float(number[1]), _HIGHEST_PERCENT if "%" in value else None) if number else None


def _total_of(
    path: str, documents: Sequence[Any], final: float, inside: float | None, records: int | None
) -> tuple[str | float | None, str | None, float | None, bool]:
    """The total's path or number, the unit, the total's value, and whether this is progress at all."""
    if inside is not None:
        return None, None, inside, final <= inside
    beside = _constant(documents, path, final)
    if beside is not None:
        return beside, None, final, True
    named_percent = bool(_PERCENT.intersection(words(path.rsplit(".", 1)[-1])))
    if final == _HIGHEST_PERCENT and (named_percent or records != _HIGHEST_PERCENT):
        return None, None if path.lower().endswith(("percent", "percentage", "pct")) else "percent", final, True
    if final == 1.0 and any((_amount(find(d, path)) or (0.0, None))[0] % 1 for d in documents):
        return None, "fraction", final, True
    if records is not None and final == records:
        return None, "records", final, True
    return None, None, None, False


def _constant(documents: Sequence[Any], beside: str, value: float) -> str | None:
    """The path of a number that was the same all along, and is where this progress ended."""
    found = []
    for path, seen in scalars(documents[-1]):
        if path == beside or isinstance(seen, bool) or not isinstance(seen, int | float) or seen != value:
            continue
        if all(find(document, path) in (seen, None) for document in documents) and find(documents[0], path) == seen:
            named = bool(_TOTAL_NAMES.intersection(words(path.rsplit(".", 1)[-1])))
            near = path.rsplit(".", 1)[0] == beside.rsplit(".", 1)[0]
            found.append((2 * named + near, path))
    return max(found, default=(0, None))[1]


def count_in(documents: Sequence[Any], records: int | None, asked: Iterable[str] = ()) -> Guess | None:
    """Where the number of records that were done stands in the last document; None where it stands nowhere.

    What is called as the argument that has ``asked`` for so many says what was asked for.
    """
    if records is None:
        return None
    last, rated = documents[-1], []
    for path, value in scalars(last):
        if isinstance(value, bool) or as_count(value) != records:
            continue
        always = len(documents) > 1 and all(as_count(find(document, path)) == records for document in documents)
        named = bool(_COUNT_NAMES.intersection(words(path.rsplit(".", 1)[-1])))
        only_total = bool({"requested", "expected", "target", "of", "wanted"}.intersection(words(path)))
        echo = path.rsplit(".", 1)[-1] in asked
        rated.append((2 * named - 4 * always - 3 * only_total - 3 * echo - (words(path)[-1:] == ["total"]), path))
    rating, path = max(rated, default=(-9, ""))
    if rating < -1:
        return None
    return Guess(path, f"it is {records} at the end, as many as there are records", sure=rating > 0)
