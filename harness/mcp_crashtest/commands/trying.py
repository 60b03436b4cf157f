"""``init``'s trial: one job of a server that was reached, and once more elsewhere where it writes beside itself."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from mcp_crashtest.commands.asking import can_ask, chosen_of, say
from mcp_crashtest.commands.relocating import elsewhere, folder_of, told
from mcp_crashtest.commands.way import Reached
from mcp_crashtest.files.stores import stored_in
from mcp_crashtest.files.traces import Traces
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.scouting import Wishes, scout
from mcp_crashtest.laboratory.tryout import Tryout
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.stored import Stored
from mcp_crashtest.proposing.arguments import FILLER, Arguments, arguments_for
from mcp_crashtest.proposing.choosing import FIXTURE, chosen, rated
from mcp_crashtest.proposing.drafting import draft_of
from mcp_crashtest.proposing.offer import Tool
from mcp_crashtest.proposing.sighting import Sighting
from mcp_crashtest.proposing.writing import Draft

_NEWS_S = 10.0
_MOST_NAMED = 12


@dataclass(frozen=True, slots=True)
class Trial:
    """One observed job. ``outlived``: somebody of its server was left when the server's process group was gone."""

    sighting: Sighting
    call: Arguments
    tool: Tool
    outlived: bool

    def draft(self, where: Reached, batch: int) -> Draft:
        """What it has shown as a profile. Raises UsageError for what cannot be found out."""
        return draft_of(where.draft, self.tool, self.call, self.sighting, batch=batch, outlived=self.outlived)


def tried(
    where: Reached, wishes: Wishes, options: argparse.Namespace, laboratory: Laboratory, traces: Traces
) -> tuple[Reached, Trial]:
    """One job, by this way or by a better one. Raises UsageError and SubjectError.

    A server that has written in the user's own folder is tried otherwise; what its trials have left is taken away.
    """
    traces.started = folder_of(where) == traces.folder
    trial = _once(where, wishes, options, laboratory, traces)
    written = traces.left() if folder_of(where) == traces.folder else []
    if not written:
        return where, trial
    _clear(traces, written, options)
    for other in elsewhere(where, written):
        say(options, f"trying it so that each run has its own: {told(other)}")
        try:
            assert where.bench is not None
            other.bench = replace(where.bench, profile=other.profile())  # it speaks what it spoke
            found = _once(other, wishes, options, laboratory, traces)
        except (SubjectError, UsageError):
            traces.clear()
            continue
        if not traces.left():
            return other, found
        traces.clear()
    with suppress(SubjectError, UsageError):  # what it leaves shows a job that is remembered
        return where, _once(where, wishes, options, laboratory, traces)
    return where, trial


def _clear(traces: Traces, written: list[str], options: argparse.Namespace) -> None:
    disturbed = traces.disturbed() if traces.started else []
    taken = traces.clear()
    if traces.passing:
        say(options, f"it writes in its own folder: {_some(written)} (in a copy of it: yours is as it was)")
        return
    removed = f"; what the trial left is removed: {_some(taken)}" if taken else ""
    say(options, f"it writes in its own folder: {_some(written)}{removed}")
    if disturbed:
        say(
            options,
            f"NOTE: {_some(disturbed)} held something before, and holds the trial's job now, which nobody can take out "
            f"again: see to it, and have the server begin elsewhere (a copy of its folder will do) before you go on",
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _once(where: Reached, wishes: Wishes, options: argparse.Namespace, laboratory: Laboratory, traces: Traces) -> Trial:
    assert where.bench is not None
    tryouts: list[Tryout] = []

    async def used(tryout: Tryout) -> tuple[Sighting, Arguments, Tool]:
        tryouts.append(tryout)
        if folder_of(where) == traces.folder:
            tryout.beside = partial(_beside, traces)
        traces.names.update(str(tryout.subject.values[name]) for name in ("client_id", "run_id"))
        return await _seen(tryout, wishes, options)

    sighting, call, tool = laboratory.try_out(where.bench, used)
    traces.names.update({sighting.job} if sighting.job and sighting.job != FILLER else ())
    return Trial(sighting, call, tool, tryouts[0].outlived)


def _beside(traces: Traces) -> Sequence[Stored]:
    return stored_in(traces.folder, "{here}", traces.left())


async def _seen(tryout: Tryout, wishes: Wishes, options: argparse.Namespace) -> tuple[Sighting, Arguments, Tool]:
    tool = _tool(tryout, wishes, options)
    call = arguments_for(tool, wishes.arguments, wishes.records, chosen=True)
    say(options, f"trying {tool.name} {json.dumps(dict(call.template), ensure_ascii=False)[:500]}")
    telling = asyncio.create_task(_telling(partial(say, options)))
    try:
        seen = await scout(tryout, tool, call, wishes)
        if seen.kind is ContractKind.RESUMABLE_TOOL and wishes.kind is None:
            say(options, f"the job is over when {tool.name} answers: {seen.kind} (--contract says another)")
        return seen, call, tool
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _telling(tell: partial[None]) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(_NEWS_S)
        tell(f"... at it since {time.monotonic() - began:.0f} s (--trial-s bounds it; fewer --records end it sooner)")


def _tool(tryout: Tryout, wishes: Wishes, options: argparse.Namespace) -> Tool:
    """The tool that starts the job: as told, as it is plain, or as somebody who is asked says."""
    if wishes.tool is None and can_ask(options):
        ranking = [one.tool.name for one in rated(tryout.offer)][:_MOST_NAMED]
        if ranking and ranking[0] != FIXTURE:
            return _as_tool(chosen(tryout.offer, chosen_of("Which tool starts the long job?", ranking)).value)
    guess = chosen(tryout.offer, wishes.tool)
    tool = _as_tool(guess.value)
    if not guess.sure:
        say(options, f"taking {tool.name} for the tool that starts the job ({guess.why}); --tool NAME says another")
    return tool


def _as_tool(value: object) -> Tool:
    assert isinstance(value, Tool)
    return value
