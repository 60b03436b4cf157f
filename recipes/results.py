"""docs/results.md, made from what is kept of each recipe.

    python -m recipes.results                  write the page anew from what is kept
    python -m recipes.results --keep NAME      first keep what the last session of this recipe came to (repeatable)
    python -m recipes.results --windows NAME   the same of one that has tried the windows of the third star alone

It tells what was observed against what a server says of itself, and judges no project.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcp_crashtest.files.atomic import write_atomically
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.invariants import INVARIANTS
from recipes.recipe import HERE, Recipe, chosen, recipes
from recipes.summary import keep, kept, plan_of

PAGE = HERE.parent / "docs" / "results.md"
_STAR = "\N{BLACK STAR}"
_HEAD = """# What was observed of others

Servers of third parties, or small ones on top of their libraries, were given a job, killed with SIGKILL, started again
with the same command, and asked for the same job. What follows was seen by the lab with the versions and on the day
that stand beside it. It is held against what each says of itself, and says nothing about a project as a whole: another
version, backend or setting may do otherwise, and SIGKILL shows nothing about a loss of power. Counts hold; times are
those of a machine that had other work beside it, and tell nobody how fast a server is.

`make recipes` plays them again, `make recipes ONLY=NAME` one of them. A plan is the same everywhere: the line behind
"replay" plays the smallest one that has shown it. This page is made from `recipes/*/observed` by
`python -m recipes.results`.
"""
_DEPTHS = {
    "quick": "a first look (`--quick`)",
    "core": "the plans that a star is owed",
    "full": "every plan",
}


def text(found: Sequence[Recipe]) -> str:
    """What is to stand on the page: a table of all, then each."""
    seen = [(recipe, summary) for recipe in found if (summary := kept(recipe)) is not None]
    lines = [_HEAD, *_table(seen)]
    for recipe, summary in seen:
        lines += ["", f"## {recipe.title}", "", *_one(recipe, summary)]
    if unseen := [f"`{recipe.name}`" for recipe in found if kept(recipe) is None]:
        lines += ["", f"Written, and not played yet: {', '.join(unseen)}."]
    return "\n".join(lines) + "\n"


def _table(seen: Sequence[tuple[Recipe, Mapping[str, Any]]]) -> Iterator[str]:
    yield "| recipe | it says that a job goes on | runs | faults | kills | stars | observed |"
    yield "|---|---|--:|--:|--:|---|---|"
    for recipe, summary in seen:
        faults = summary["faults"]
        broken = (
            ", ".join(f"`{finding['invariant']}`" for finding in summary["findings"]) or "nothing against its claims"
        )
        cells = [
            f"[{recipe.name}](../recipes/{recipe.name})",
            "yes" if recipe.resumes else "no",
            str(_runs(summary)),
            str(faults["confirmed"]),
            str(faults["kills"]),
            _STAR * summary["stars"]["earned"] or "none",
            broken,
        ]
        yield f"| {' | '.join(cells)} |"


def _one(recipe: Recipe, summary: Mapping[str, Any]) -> Iterator[str]:
    yield f"{recipe.job}"
    yield ""
    yield f"It says of itself ({recipe.source}):"
    yield from (f"- {claim}" for claim in recipe.claims)
    yield ""
    yield _played(summary)
    yield ""
    if not summary["findings"]:
        yield "Observed: what it says held in every run."
    for finding in summary["findings"]:
        yield from _observed(recipe, finding)
    yield from (f"- {note}" for note in recipe.notes)
    if (windows := kept(recipe, windows=True)) is not None:
        yield from _windows(recipe, summary, windows)
    if summary["caps"]:
        yield ""
        yield "Not assessed, or capped:"
        yield from (f"- {_cell(cap)}" for cap in summary["caps"])


def _windows(recipe: Recipe, before: Mapping[str, Any], summary: Mapping[str, Any]) -> Iterator[str]:
    """What the windows have shown beside what two stars had."""
    yield ""
    yield f"Its windows: {_played(summary)}"
    yield ""
    known = {finding["invariant"] for finding in before["findings"]}
    new = [finding for finding in summary["findings"] if finding["invariant"] not in known]
    if not new:
        yield "Observed: nothing that the session above had not."
    for finding in new:
        yield from _observed(recipe, finding, windows=True)
    yield from (f"- not assessed: {_cell(cap)}" for cap in summary["caps"] if cap not in before["caps"])


def _played(summary: Mapping[str, Any]) -> str:
    """When, with what, how much of it, and how long it took to be back."""
    faults, recovery, at = summary["faults"], summary["recovery_s"], summary["environment"]
    with_ = ", ".join(f"{name} {version}" for name, version in summary["versions"].items())
    told = [
        f"Played on {summary['day']} with {with_}; mcp-crashtest {at['mcp_crashtest']}, Python {at['python']}, "
        f"{at['processors']} processors: {_depth(summary)}, {_runs(summary)} runs, "
        f"{faults['confirmed']} confirmed faults with {faults['kills']} kills by SIGKILL"
    ]
    if "took_s" in summary:
        told.append(f"it took {max(round(summary['took_s'] / 60), 1)} min")
    if faults["unconfirmed"]:
        told.append(f"{faults['unconfirmed']} faults did not land and count for nothing")
    if recovery["p50"] is not None:
        told.append(f"back after a restart within {recovery['p50']} s (median), {recovery['p95']} s (95 %)")
    if faults["violation_chance_below"] and not summary["findings"]:
        told.append(f"chance of a violation per fault below {faults['violation_chance_below']:.2%} (95 %)")
    return "; ".join(told) + "."


def _depth(summary: Mapping[str, Any]) -> str:
    selected = f" of the scenarios {', '.join(summary['selected'])}" if summary["selected"] else ""
    return _DEPTHS[summary["depth"]] + selected + ("" if summary["finished"] else ", cut short")


def _observed(recipe: Recipe, finding: Mapping[str, Any], *, windows: bool = False) -> Iterator[str]:
    """One invariant that did not hold."""
    must = INVARIANTS[finding["invariant"]].statement
    runs = f"in {finding['runs']} run{'s' * (finding['runs'] != 1)} of {', '.join(finding['scenarios'])}"
    yield f"- `{finding['invariant']}` (asked: {must}) did not hold {runs}. One of them: {_cell(finding['message'])}"
    yield f"  - smallest plan: {finding['plan']}, over {finding['protocol']}"
    folder = f"recipes/{recipe.name}"
    plan = f"{folder}/observed/{plan_of(recipe, finding['invariant'], windows=windows).name}"
    yield f"  - replay: `{recipe.program} replay {plan} --profile {folder}/{recipe.profile.name}`"


def _runs(summary: Mapping[str, Any]) -> int:
    return sum(scenario["runs"] for scenario in summary["scenarios"])


def _cell(said: str) -> str:
    """A subject's text on a line of Markdown: no markup of its own, and no line of its own."""
    plain = " ".join(said.split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in plain)


def main() -> int:
    """Write the page; with --keep, from sessions that were just played."""
    parser = argparse.ArgumentParser(prog="python -m recipes.results", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--keep", action="append", default=[], metavar="NAME", help="keep the last session of this recipe"
    )
    parser.add_argument(
        "--windows", action="append", default=[], metavar="NAME", help="keep it as one that has tried windows alone"
    )
    options = parser.parse_args()
    found = recipes()
    try:
        for names, windows in ((options.keep, False), (options.windows, True)):
            for recipe in chosen(found, names, ci=False) if names else ():
                certificate = Bundle(recipe.report).certificate() if recipe.report.is_dir() else None
                if certificate is None:
                    raise UsageError(f"{recipe.name} was not played here: make recipes ONLY={recipe.name}")
                keep(recipe, certificate, windows=windows)
        write_atomically(PAGE, text(found))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
