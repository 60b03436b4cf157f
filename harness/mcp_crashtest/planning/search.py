"""Play random plans, and where one fails, look for the smallest one that fails too.

Hypothesis generates and shrinks; playing is the caller's. The search is bounded in examples and, once a plan has
failed, in further runs. A subject is a real system and may fail only now and then: what was seen to fail is kept,
whatever Hypothesis thinks of it ("flaky").
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from mcp_crashtest.model.plan import Plan

_PROVIDERS, _CONSTANTS = "hypothesis.internal.conjecture.providers", "_get_local_constants"


class _Violation(Exception):
    """Tells Hypothesis that the plan failed."""


class _Over(BaseException):
    """Ends the search: a BaseException, so that Hypothesis lets it through."""


def search(
    strategy: SearchStrategy[Plan],
    fails: Callable[[Plan], bool],
    *,
    seed: int,
    examples: int,
    shrink_runs: int,
    known: Mapping[str, bool] | None = None,
) -> Plan | None:
    """The smallest plan that was seen to fail, or None after ``examples`` plans that did not.

    ``fails`` plays a plan. Plans already played, ``known`` ones by their text among them, are not played again. After
    the first failure at most ``shrink_runs`` further plans are played.

    What ``fails`` raises ends the search: it is raised here, unless a plan was seen to fail before.
    """
    seen: dict[str, bool] = dict(known or {})
    smallest: list[Plan] = []
    left = shrink_runs
    broken: list[Exception] = []

    def body(plan: Plan) -> None:
        nonlocal left
        key = plan.to_text()
        if key not in seen:
            if smallest:
                if left == 0:
                    raise _Over
                left -= 1
            try:
                seen[key] = fails(plan)
            except Exception as error:
                broken.append(error)
                raise _Over from error
        if seen[key]:
            if not smallest or plan.size < smallest[0].size:
                smallest[:] = [plan]
            raise _Violation

    with contextlib.suppress(_Violation, _Over, Flaky):
        _given(strategy, body, seed=seed, examples=examples, phases=(Phase.generate, Phase.shrink))
    if smallest:
        return smallest[0]
    if broken:
        raise broken[0]
    return None


def draw(strategy: SearchStrategy[Plan], *, seed: int, examples: int) -> list[Plan]:
    """The distinct plans that ``search`` would begin with, at most ``examples``; the same seed gives the same ones."""
    drawn: dict[str, Plan] = {}
    _given(
        strategy,
        lambda plan: drawn.setdefault(plan.to_text(), plan),
        seed=seed,
        examples=examples,
        phases=(Phase.generate,),
    )
    return list(drawn.values())


def _given(
    strategy: SearchStrategy[Plan],
    body: Callable[[Plan], object],
    *,
    seed: int,
    examples: int,
    phases: tuple[Phase, ...],
) -> None:
    def test(plan: Plan) -> None:
        body(plan)

    play = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )(hypothesis.seed(seed)(hypothesis.given(strategy)(test)))
    with _without_constants():
        play()


@contextlib.contextmanager
def _without_constants() -> Iterator[None]:
    """Keep Hypothesis from reading the source of every module that is loaded, which takes it half a second.

    It looks there for numbers to try, and keeps them in a folder where we were called. A plan is drawn in numbers below
    a hundred, for which it takes none of them.
    """
    providers: Any = sys.modules.get(_PROVIDERS)
    if not all(hasattr(providers, name) for name in (_CONSTANTS, "Constants", "CONSTANTS_CACHE")):
        yield  # nobody has promised that they are there
        return
    wanted = getattr(providers, _CONSTANTS)
    setattr(providers, _CONSTANTS, providers.Constants)
    try:
        yield
    finally:
        setattr(providers, _CONSTANTS, wanted)
        providers.CONSTANTS_CACHE.cache.clear()  # others are to have theirs
