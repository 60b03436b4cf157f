"""The table of all benchmarks as a page: a section each, a row a figure, and the reason behind every goal not met.

Pure: from what ``benchmarks.table`` has collected to text. A benchmark that failed has a section that says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.figures import Figure, told

_HEAD = """# How fast it is, side by side

Written by `make bench`, which measures everything anew; benchmarks.json beside this page has the same figures. Each
ratio is of two things that took turns on one machine in one run, so that what else the machine had to do slowed both.
A row has the median, and the quartiles of its samples (of fewer than four, the least and the most).
"""


def text(table: Mapping[str, Any]) -> str:
    """What is to stand on the page."""
    machine, sections = table["machine"], table["sections"]
    lines = [_HEAD, f"Measured on {_machine(machine)}.", ""]
    if table["quick"]:
        lines += ["**Small sizes (`--quick`): these figures show that it runs, and nothing else.**", ""]
    goals = [figure.met for section in sections for figure in _figures(section) if figure.goal]
    lines += [f"{sum(map(bool, goals))} of {len(goals)} goals are met.", ""]
    for section in sections:
        lines += [f"## {section['benchmark']}", "", *_section(section), ""]
    return "\n".join(lines).rstrip() + "\n"


def _machine(machine: Mapping[str, Any]) -> str:
    return f"{machine['cores']} cores ({machine['architecture']}), {machine['kernel']}, Python {machine['python']}"


def _figures(section: Mapping[str, Any]) -> list[Figure]:
    return [Figure.from_json(data) for data in section["figures"]]


def _section(section: Mapping[str, Any]) -> Iterator[str]:
    yield section["about"]
    yield ""
    before, after = section["load"]
    yield (
        f"`python -m benchmarks.{section['benchmark']}` took {section['took_s']:.0f} s on {section['day']}; "
        f"load {before:.1f} before it, {after:.1f} after it."
    )
    if section["error"]:
        yield ""
        yield f"**It failed, and has no figures: {_cell(section['error'])}**"
        return
    figures = _figures(section)
    yield ""
    yield "| figure | median | quartiles | samples | goal | measured |"
    yield "|---|--:|---|--:|---|---|"
    yield from map(_row, figures)
    if said := [f"- {_cell(note)}" for note in section["notes"]]:
        yield ""
        yield from said
    if missed := [figure for figure in figures if figure.met is False]:
        yield ""
        for figure in missed:
            yield f"- Not met, {_cell(figure.name)}: {_cell(figure.reason) or 'why was not measured'}."


def _row(figure: Figure) -> str:
    spread = figure.spread
    goal = "" if figure.goal is None else f"{figure.goal}: {'met' if figure.met else '**not met**'}"
    cells = [
        _cell(figure.name),
        f"{told(spread.median)} {figure.unit}",
        f"{told(spread.low)} to {told(spread.high)}",
        str(spread.samples),
        goal,
        _cell(figure.beside),
    ]
    return f"| {' | '.join(cells)} |"


def _cell(said: str) -> str:
    """On one line, and within its cell."""
    return " ".join(said.replace("|", "/").split())
