"""The regression corpus of a report directory: plans that have failed in its last session, or in an earlier one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Verdict

_MOST = 5  # of one scenario on one subject

Failed = tuple[str, str, str]
"""The name of a profile, that of a scenario, and the text of a plan."""


def corpus_of(bundle: Bundle) -> list[Failed]:
    """Of each scenario on each profile the plans that failed, five at most: those of the newest session first.

    Of one session it is the smallest plan for each broken invariant. A session that cannot be read has none.
    """
    found: dict[tuple[str, str], dict[str, None]] = {}
    for session in (bundle, *bundle.sessions_before()):
        smallest: dict[tuple[str, str, str], Plan] = {}
        for run in session.judged_in_scenarios():
            for place, plan in _failed(run):
                smallest[place] = min(smallest.get(place, plan), plan, key=lambda one: one.size)
        for (profile, scenario, _), plan in sorted(smallest.items()):
            found.setdefault((profile, scenario), {}).setdefault(plan.to_text())
    return [(*place, text) for place, texts in found.items() for text in list(texts)[:_MOST]]


def _failed(run: RunFolder) -> Iterator[tuple[tuple[str, str, str], Plan]]:
    """Each invariant that a run has found broken, with its plan.

    Whether the same call once more may be held against a server is for a session to find out: such a plan is none.
    """
    with suppress(UsageError, OSError, KeyError, TypeError):
        judgement = run.judgement()
        if judgement is None or judgement["verdict"] != Verdict.FAIL.name:
            return
        plan = run.plan()
        if plan.companion is not Companion.SAME_CALL:
            yield from (((*Bundle.origin(run), str(one["invariant"])), plan) for one in judgement["findings"])
