"""What a subject's document shows of a job, where the profile says; and which of the profile's paths show nothing.

A path may find nothing for a while: a count is null until the end, progress begins late. So it is journalled which
paths have not found anything yet, each time that there are others, and never again once all of them have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.contracts.job import Job, Journal
from mcp_crashtest.contracts.words import ENDS, ends, meaning
from mcp_crashtest.model.observe_spec import TOTALS, ObserveSpec, Unit, constant_total
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.paths import find, trace
from mcp_crashtest.model.showing import bounded

_DONE_OF_TOTAL = re.compile(r"([0-9]{1,15}) ?(?:/|of) ?([0-9]{1,15})")
_NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?(%?)")
_WHOLE = re.compile(r"[0-9]{1,15}")
_LARGEST = 1e18
_EXACTLY = 1e-9

Progress = tuple[float, float]
Usable = Callable[[Any], bool]


def progress_in(document: Any, observe: ObserveSpec, records: int) -> Progress | None:
    """Done and total in the subject's unit; a job has ``records``. Text such as "20/50", "40 %" or "40" is one too."""
    done = find(document, observe.path("progress"))
    if isinstance(done, str):
        if both := _DONE_OF_TOTAL.search(done):
            return int(both[1]), int(both[2])
        number = _NUMBER.fullmatch(done.strip())
        if number is None:
            return None
        if number[2]:
            return float(number[1]), TOTALS[Unit.PERCENT]
        done = float(number[1])
    total = _total(document, observe, records)
    return (done, total) if is_number(done) and total is not None else None


def in_records(done: float, total: float, observe: ObserveSpec, records: int, batch: int = 1) -> int:
    """Progress in records. Batches are whole, but for the last one.

    A whole percent stands for all that is rounded to it, up or down: where the end of a batch is among that, it is
    meant.
    """
    found = round(done / total * records)
    if total in TOTALS.values() and records != total:
        percent = done / total * 100
        end = min(round(found / batch) * batch, records)
        if abs(percent - round(percent)) < _EXACTLY and abs(end / records * 100 - percent) < 1:
            return end
    return min(found, records) if observe.unit is Unit.BATCHES and done <= math.ceil(total) else found


def _total(document: Any, observe: ObserveSpec, records: int) -> float | None:
    constant = constant_total(observe, records)
    seen = find(document, observe.path("total")) if constant is None else constant
    if isinstance(seen, str) and (number := _NUMBER.fullmatch(seen.strip())):
        seen = float(number[1])
    return seen if is_number(seen) else None


def is_number(value: Any) -> bool:
    """Whether it is one to count with: no flag, no NaN, nothing beyond all bounds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def as_count(value: Any) -> Any:
    """A text that is a whole number as that number, as some write large ones in JSON; anything else as it is."""
    whole = _WHOLE.fullmatch(value.strip()) if isinstance(value, str) else None
    return value if whole is None else int(whole[0])


def _anything(_value: Any) -> bool:
    return True


def _counts(value: Any) -> bool:
    return isinstance(value, str) or is_number(value)


_USABLE: Mapping[str, Usable] = {"progress": _counts, "total": _counts}


@dataclass(slots=True)
class Sight:
    """What one life of the lab's client has seen so far through the paths of the profile."""

    job: Job
    journal: Journal
    _found: set[str] = field(default_factory=set)
    _unfound: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    _words: set[str] = field(default_factory=set)

    def status(self, document: Any, status: str | None) -> None:
        """A look at the task: where its status, and while it runs its progress, were to be found."""
        observe = self.job.observe
        wanted = {"status": observe.path("status")}
        if status not in ENDS:
            wanted |= {name: path for name, path in observe.written.items() if name in ("progress", "total")}
            if observe.progress is not None and constant_total(observe, self.job.records) is None:
                wanted["total"] = observe.path("total")
            shown = progress_in(document, observe, self.job.records)
            self._found |= {"progress", "total"} if shown else set()
        self.missing("the status document", document, wanted)
        if status is not None and status not in ENDS:
            self._word(status)

    def missing(self, what: str, document: Any, wanted: Mapping[str, str], usable: Usable | None = None) -> None:
        """Note which of these paths, by the profile's key, find nothing in a document that can be used."""
        unfound = {}
        for key, path in wanted.items():
            found = trace(document, path)
            if found.value is not None and (usable or _USABLE.get(key, _anything))(found.value):
                self._found.add(key)
            else:
                unfound[key] = {"path": path, "matched": found.matched, "missing": found.missing}
        self._note(what, unfound, document)

    def lacks(self, what: str, key: str, path: str, document: Any, **more: Any) -> None:
        """Note something that is written in the profile and leads nowhere."""
        self._note(what, {key: {"path": path, "matched": "$", "missing": path, **more}}, document)

    def has(self, what: str, key: str) -> None:
        """Note that it leads somewhere after all."""
        self._found.add(key)
        self._note(what, {}, None)

    def _note(self, what: str, unfound: Mapping[str, dict[str, Any]], document: Any) -> None:
        before = self._unfound.get(what, {})
        after = {key: way for key, way in {**before, **unfound}.items() if key not in self._found}
        if set(after) != set(before):
            self._unfound[what] = after
            self.journal.write(Type.INFO, Op.UNSEEN, what=what, paths=after, document=bounded(document))

    def _word(self, status: str) -> None:
        """A word that nobody knows is journalled once, with those that are known as ends."""
        words = self.job.observe.words
        if status not in self._words and meaning(status, words) is None:
            self._words.add(status)
            self.journal.write(Type.INFO, Op.STATUS, status=status, ends=ends(words))
