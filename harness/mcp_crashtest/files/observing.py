"""What a profile says about looking: paths that are paths, words that are words, placeholders that somebody fills."""

from __future__ import annotations

import difflib
import math
import shlex
import shutil
from collections.abc import Collection, Iterator
from dataclasses import fields
from typing import Any

from mcp_crashtest.model.assessment import has_ledger
from mcp_crashtest.model.contract_spec import StatusSpec, ToolSpec
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.observe_spec import LEDGER_GROWTH, RecordsSpec
from mcp_crashtest.model.offers import ASKS, ListSpec, StatsSpec
from mcp_crashtest.model.paths import find, placeholders
from mcp_crashtest.model.profile import SITE_NAMES, Profile

_TASK = frozenset({"handle", "task_id"})
_ALSO = {
    "total": "; a total that is always the same is a number, as in total = 100",
    "handle": '; a URI is made of an id so: handle = "task://status/{job_id}"',
}
_CHECKED_ELSEWHERE = "services."
_WORDS = ("completed", "failed", "cancelled", "running", ASKS)


def check_observe(profile: Profile, source: str) -> None:
    """Check [observe], and the placeholders of [contract]; raises UsageError."""
    for complaint in (*_paths(profile), *_records(profile.observe.records), *_meanings(profile), *_unfilled(profile)):
        raise UsageError(f"{source}: {complaint}")


def _paths(profile: Profile) -> Iterator[str]:
    observe, records = profile.observe, profile.observe.records
    paths = dict(observe.written)
    if records:
        paths |= {f"records.{name}": getattr(records, name) or "$" for name in ("items", "next", "key")}
    if observe.handle is not None and not observe.handle.startswith("$") and any(placeholders(observe.handle)):
        del paths["handle"]  # filled from the answer, it is no path
    if observe.progress == LEDGER_GROWTH:
        if not profile.contract.kind.blocking:
            yield f"[observe] progress: {LEDGER_GROWTH} is for calls that come back with the output"
        if not has_ledger(profile):
            told = f"name {LEDGER_GROWTH} in [subject] command or environment"
            yield f"[observe] progress: the ledger's growth shows nothing where nobody writes it: {told}"
    if observe.ledger:
        paths["ledger.record"], paths["ledger.task"] = observe.ledger.record, observe.ledger.task or "$"
    for name, path in paths.items():
        try:
            find(None, path)
        except UsageError as error:
            yield f"[observe] {name}: {error}{_ALSO.get(name, '')}"


def _records(records: RecordsSpec | None) -> Iterator[str]:
    if records is None:
        return
    if len(records.sources) > 1 or (not records.sources and "$." not in records.items):
        found = f" (found {' and '.join(records.sources)})" if records.sources else ""
        yield (
            f"[observe] records needs a file, a resource, or items in the result; or a tool, sqlite, postgres or a "
            f"command{found}"
        )
    if (records.sqlite is None and records.postgres is None) != (records.query is None):
        yield (
            "[observe] records: sqlite is the database's file (postgres: how to reach it), and query what is asked of "
            "it: give both"
        )
    if records.postgres is not None and shutil.which("psql") is None:
        yield (
            "[observe] records: postgres is asked by psql, which is not installed here: install PostgreSQL's client "
            "(apt-get install postgresql-client), or have a command of yours show them: records = { command = ... }"
        )
    if records.command is not None:
        try:
            if not shlex.split(records.command):
                yield "[observe] records: the command is empty"
        except ValueError as error:
            yield f"[observe] records: the command {records.command!r} cannot be split into words: {error}"
    if records.arguments and records.tool is None:
        yield "[observe] records: arguments are those of a tool: give tool too"


def _meanings(profile: Profile) -> Iterator[str]:
    observe = profile.observe
    for meaning, words in observe.words.items():
        if meaning not in _WORDS:
            yield f"[observe] words: {meaning!r} is none of {', '.join(_WORDS)}, which a server may call by other words"
        if not all(word.strip() for word in words):
            yield f"[observe] words: {meaning} has an empty word"
    total = observe.total
    if not isinstance(total, str | None) and not 0 < total < math.inf:
        yield f"[observe] total: a total is greater than 0, found {total}"


def _unfilled(profile: Profile) -> Iterator[str]:
    """A placeholder in a call's arguments that nobody fills; those of records are filled from the answer."""
    contract = profile.contract
    yield from _nobody_fills("[contract] arguments", contract.arguments, SITE_NAMES)
    for field in fields(contract):
        call = getattr(contract, field.name)
        if isinstance(call, ToolSpec | StatusSpec):
            template = [call.arguments, getattr(call, "resource", None)]
            names = SITE_NAMES if contract.kind.blocking else SITE_NAMES | _TASK
            yield from _nobody_fills(f"[contract] {field.name}", template, names)
        elif isinstance(call, ListSpec | StatsSpec):
            template = [call.arguments, call.resource]
            yield from _nobody_fills(f"[contract] {field.name}", template, SITE_NAMES | _TASK | {"next"})


def _nobody_fills(place: str, template: Any, names: Collection[str]) -> Iterator[str]:
    for name in placeholders(template):
        if name not in names and not name.startswith(_CHECKED_ELSEWHERE):
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            meant = f"did you mean {{{near[0]}}}? " if near else ""
            yield (
                f"{place}: nobody fills {{{name}}}; {meant}there are {', '.join(sorted(names))}. Braces that are meant "
                f"as such are doubled: {{{{{name}}}}}"
            )
