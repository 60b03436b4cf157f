"""Fencing: while a server is away nobody works. What grows between two lives shows somebody whom no kill has reached.

The lab has proven everybody dead whom it can see; in another container, or started by another hand, somebody lives on.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcp_crashtest.model.operation import History, Op
from mcp_crashtest.model.verdict import Finding

_MOST_NAMED = 3


def check(history: History) -> Iterator[Finding]:
    """Judge the times at which no server was alive."""
    for away in history.of(Op.AWAY):
        grew = away.value["grew"]
        if grew:
            number = away.value.get("changed", len(grew))
            more = f" and {number - _MOST_NAMED} more" if number > _MOST_NAMED else ""
            yield Finding(
                "fencing.double-run",
                f"the server was dead for {away.value['away_s']:.2f} s, and somebody worked on: "
                f"{', '.join(grew[:_MOST_NAMED])}{more} changed meanwhile",
                (away.i,),
                {"fault": away.value["fault"], "grew": list(grew)},
            )
            return
