"""Figures of a session: how long recoveries took, where kills fell, what work was done again, what lives have used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_crashtest.telling.session import Played

_MOST_DOTS = 200


@dataclass(frozen=True, slots=True)
class Spread:
    """Values of one scenario, in order, and the middle and the highest one of all of them."""

    name: str
    values: tuple[float, ...]
    median: float
    most: float
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures. ``claim_s``: the recovery deadline that is claimed, None where none is; ``fell``: kills and restarts
    for each tenth of a batch; ``covered``: the cells that were owed, with their hits; ``allowed``: records that one
    fault may cost; bytes are for each life of a server.
    """

    recovery: tuple[Spread, ...]
    claim_s: float | None
    fell: tuple[int, ...]
    covered: tuple[Mapping[str, Any], ...]
    rework: tuple[Spread, ...]
    allowed: int
    memory: tuple[Spread, ...]
    written: tuple[Spread, ...]


def figures(certificate: Mapping[str, Any], runs: Sequence[Played], claims: Mapping[str, Any], batch: int) -> Figures:
    """Work them out; of one profile's runs."""
    claim = claims.get("recovery_deadline_s")
    deadline = float(claim) if isinstance(claim, int | float) else None
    redone = [run for run in runs if run.again is not None and run.faults]
    return Figures(
        _spreads(((run.scenario, value) for run in runs for value in run.recoveries), deadline),
        deadline,
        tuple(map(sum, zip(*(s["fell"] for s in certificate["scenarios"] if s.get("fell")), strict=True))),
        tuple(
            {"scenario": s["id"], **cell}
            for s in certificate["scenarios"]
            for cell in s.get("coverage") or ()
            if cell["owed"]
        ),
        _spreads(((run.scenario, (run.again or 0) / run.faults) for run in redone), batch),
        batch,
        _spreads(((run.scenario, value) for run in runs for value in run.memory), None),
        _spreads(((run.scenario, value) for run in runs for value in run.written), None),
    )


def _spreads(said: Iterable[tuple[str, float]], limit: float | None) -> tuple[Spread, ...]:
    by_name: dict[str, list[float]] = {}
    for name, value in said:
        by_name.setdefault(name, []).append(value)
    return tuple(_spread(name, sorted(values), limit) for name, values in by_name.items())


def _spread(name: str, values: list[float], limit: float | None) -> Spread:
    """Of many values as many as can be told apart, the lowest and the highest among them."""
    beyond = sum(value > limit for value in values) if limit is not None else 0
    shown = values
    if len(values) > _MOST_DOTS:
        step = (len(values) - 1) / (_MOST_DOTS - 1)
        shown = [values[round(n * step)] for n in range(_MOST_DOTS)]
    rounded = tuple(round(value, 4) for value in shown)
    return Spread(name, rounded, round(values[(len(values) - 1) // 2], 4), round(values[-1], 4), beyond)
