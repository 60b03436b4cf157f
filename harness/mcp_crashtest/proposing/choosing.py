"""Which of a server's tools starts the long job."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.proposing.arguments import arguments_for
from mcp_crashtest.proposing.following import NAMES_ID, NAMES_JOB, TELLS_BEST
from mcp_crashtest.proposing.offer import Guess, Offer, Tool, share, vocabulary, words

FIXTURE = "crashtest_process_records"
"""The tool that an author adds for us: docs/fixture-tool.md."""

_STARTS = vocabulary(
    "start run process submit launch begin create enqueue queue schedule execute migrate migration import export",
    "train training convert index ingest sync generate build crunch stretch resumable batch job long crawl scan",
    "transform compute analyze analyse render backup copy replicate starte verarbeite verarbeiten importiere",
    "exportiere trigger dispatch process_records build make produce compile encode embed collect reindex",
)
_ASKS = vocabulary(
    "get list status state check cancel pause resume stop stats statistics describe read fetch show health ping",
    "delete remove info answer result results forget abort clear reset help search find poll progress wait",
    "inspect query view download retry echo zeige hole liste abbrechen stand fortschritt session",
    "server version",
)
_OF_LONG_JOBS = vocabulary(
    "background long batch batches resume resumes resumable checkpoint progress records job jobs task items hours",
    "minutes durable hintergrund while chunk chunks",
)
_ABOUT_A_JOB = (NAMES_ID | NAMES_JOB) - {"token"}
_LIKELY, _LIKELY_ALONE, _MOST_NAMED = 4, 2, 30


@dataclass(frozen=True, slots=True)
class Rated:
    """A tool, and how likely it is the one."""

    tool: Tool
    likely: int


def rated(offer: Offer) -> list[Rated]:
    """All tools, the likeliest first."""
    found = [Rated(tool, _likely(tool) + _LIKELY * offer.makes_tasks(tool)) for tool in offer.tools]
    return sorted(found, key=lambda one: -one.likely)


def chosen(offer: Offer, wanted: str | None = None) -> Guess:
    """The tool that starts the job. Raises UsageError where nobody can know, or there is none of that name."""
    names = ", ".join(tool.name for tool in offer.tools[:_MOST_NAMED])
    if wanted is not None:
        tool = offer.tool(wanted)
        if tool is None:
            raise UsageError(f"--tool {wanted}: there is no such tool; the server has {names}")
        return Guess(tool, "as you say", sure=True)
    ranking = rated(offer)
    least = _LIKELY if len(ranking) > 1 else _LIKELY_ALONE
    if not ranking or ranking[0].likely < least:
        if (left := _left_over(offer)) is not None:
            return left
        raise UsageError(
            f"cannot find out which tool starts a long job: give --tool NAME; the server has {names}. Where none does, "
            f"add {FIXTURE} to it: docs/fixture-tool.md"
        )
    first, second = ranking[0], ranking[1].likely if len(ranking) > 1 else 0
    others = [one.tool.name for one in ranking[1:] if one.likely >= _LIKELY]
    why = "its name and arguments are those of a job" + (f"; or is it {' or '.join(others[:3])}?" if others else "")
    return Guess(first.tool, why, sure=first.likely - second > 1)


def _left_over(offer: Offer) -> Guess | None:
    """The only tool that can start a job, whatever its name; None where several can, or nothing speaks of jobs."""
    able = [tool for tool in offer.tools if tool.properties and not _asks(tool) and not _is_about_a_job(tool)]
    sized = [tool for tool in able if _takes_a_size(tool)]
    others = "the others take a job's id alone, or nothing, or ask by their names"
    if len(able) == 1 and (sized or any(_is_about_a_job(tool) or _follows(tool) for tool in offer.tools)):
        return Guess(able[0], f"it is the only one that can: {others}")
    if len(sized) == 1:
        return Guess(sized[0], f"it is the only one that can and takes a number of records; {others}")
    long = [tool for tool in able if _works_for_long(tool)]
    if len(long) == 1:
        return Guess(long[0], f"it is the only one that can and tells of long work; {others}")
    called_by = {name for name, tools in offer.asked_by.items() if tools > 1}
    left = [tool for tool in able if not _is_needed_alone(tool, called_by)]
    if len(left) == 1 and called_by:
        return Guess(left[0], f"it is the only one that takes more than {' or '.join(sorted(called_by))}")
    return None


def _works_for_long(tool: Tool) -> bool:
    """Whether it takes the size of a batch, or its description speaks of batches, progress or time."""
    try:
        parts = arguments_for(tool, {}, 1).parts.values()
    except UsageError:
        return False
    return "batch" in parts or bool(_OF_LONG_JOBS.intersection(words(tool.description)))


def _asks(tool: Tool) -> bool:
    return share(tool.name, _ASKS)


def _is_about_a_job(tool: Tool) -> bool:
    """Whether it takes a job's id, and nothing else that it cannot do without."""
    needed = tool.needed
    return bool(needed) and all(share(name, _ABOUT_A_JOB) for name in needed) and not _takes_a_size(tool)


def _is_needed_alone(tool: Tool, called_by: Collection[str]) -> bool:
    """Whether it cannot do without one of these names of a job, and needs nothing else."""
    return len(tool.needed) == 1 and tool.needed[0] in called_by


def _follows(tool: Tool) -> bool:
    """Whether it tells by its name how something goes on, of which it takes the name, whatever that is called."""
    return share(tool.name, TELLS_BEST) and len(tool.needed) == 1 and not _takes_a_size(tool)


def _takes_a_size(tool: Tool) -> bool:
    try:
        return "total" in arguments_for(tool, {}, 1).parts.values()
    except UsageError:
        return False


def _likely(tool: Tool) -> int:
    if tool.name == FIXTURE:
        return 100
    said = words(tool.name)
    rating = 2 * sum(word in _STARTS for word in said[:3]) - 2 * sum(word in _ASKS for word in said)
    rating -= 3 * (bool(said) and said[0] in _ASKS)
    rating += min(len(_OF_LONG_JOBS.intersection(words(tool.description))), 3)
    try:
        call = arguments_for(tool, {}, 1)
    except UsageError:
        return rating
    parts = set(call.parts.values())
    rating += 3 * ("total" in parts) + 2 * ("batch" in parts) + ("key" in parts and "total" in parts)
    return rating - sum(why == "a file of this run's own" for why in call.guesses.values())
