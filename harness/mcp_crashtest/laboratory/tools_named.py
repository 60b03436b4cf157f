"""Tools that a profile names and the server does not list. One that lists nothing may have anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.model.offers import ANSWER, OPERATIONS
from mcp_crashtest.model.showing import nearest


def of_the_job(bench: Bench) -> Iterator[str]:
    """Those without which there is no job: what is wrong, where it has failed."""
    contract, records = bench.profile.contract, bench.profile.observe.records
    called = {"[contract] tool": contract.tool}
    called |= {"[contract] status.tool": contract.status.tool} if contract.status and contract.status.tool else {}
    called |= {"[observe] records.tool": records.tool} if records and records.tool else {}
    yield from _unlisted(bench, called)


def beside_the_job(bench: Bench) -> Iterator[str]:
    """Those of what is asked beside it: the undisturbed job calls none of them, and would say nothing of it.

    Who lists the tool of the job lists these, too. An answer is given where the job asks, which that run shows.
    """
    if bench.profile.contract.tool not in bench.tools:
        return
    specs = {name: getattr(bench.profile.contract, name) for name in OPERATIONS if name != ANSWER}
    yield from _unlisted(bench, {f"[contract] {n}.tool": spec.tool for n, spec in specs.items() if spec and spec.tool})


def _unlisted(bench: Bench, called: Mapping[str, str]) -> Iterator[str]:
    names = list(bench.tools)
    for place, name in called.items():
        if names and name not in names:
            near = nearest(name, names, 1)
            meant = f'\n\nDid you mean\n\n  tool = "{near[0]}"' if near else ""
            yield f'{place} = "{name}": there is no such tool; the server has {", ".join(names[:30])}{meant}'
