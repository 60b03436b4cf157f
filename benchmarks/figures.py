"""What a benchmark has found, in one shape for all: a median with its spread, and the goal that it is held against.

A figure is a ratio of two things that were measured side by side, in turns, in one run of one process; where a goal is
of seconds or megabytes, the figure is too, and a ratio to a floor stands in a row of its own. ``reason`` is what was
measured as the cause where a goal is not met; it stands in the benchmark's source, beside the goal, and is told only
where the goal is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of some samples, and the quartiles around it; of fewer than four, the least and the most."""

    median: float
    low: float
    high: float
    samples: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one sample; raises ValueError without any."""
        if not values:
            raise ValueError("nothing was measured")
        low, high = min(values), max(values)
        if len(values) >= 4:
            low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(statistics.median(values), low, high, len(values))


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure is to be: at least so much, or at most."""

    bound: float
    at_most: bool = False

    def met(self, value: float) -> bool:
        """Whether this is enough."""
        return value <= self.bound if self.at_most else value >= self.bound

    def __str__(self) -> str:
        return f"at {'most' if self.at_most else 'least'} {told(self.bound)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. ``beside``: what the ratio is made of, in numbers with units; ``unit``: what the spread is in."""

    name: str
    spread: Spread
    unit: str = "times"
    goal: Goal | None = None
    reason: str = ""
    beside: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the goal; None where there is none."""
        return None if self.goal is None else self.goal.met(self.spread.median)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the table's JSON; the reason only where it is owed."""
        spread = self.spread
        return {
            "name": self.name,
            "unit": self.unit,
            "median": spread.median,
            "low": spread.low,
            "high": spread.high,
            "samples": spread.samples,
            "goal": None if self.goal is None else {"at_most" if self.goal.at_most else "at_least": self.goal.bound},
            "met": self.met,
            "reason": self.reason if self.met is False else "",
            "beside": self.beside,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Figure:
        """Raises KeyError, TypeError or ValueError for anything else."""
        median, low, high = (float(data[name]) for name in ("median", "low", "high"))
        spread = Spread(median, low, high, int(data["samples"]))
        goal = None
        if data["goal"] is not None:
            ((word, bound),) = data["goal"].items()
            goal = Goal(float(bound), at_most={"at_most": True, "at_least": False}[word])
        return cls(data["name"], spread, data["unit"], goal, data["reason"], data["beside"])


def at_least(bound: float) -> Goal:
    """More is better."""
    return Goal(bound)


def at_most(bound: float) -> Goal:
    """Less is better."""
    return Goal(bound, at_most=True)


def told(number: float) -> str:
    """Three digits that matter, without an exponent."""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"


def common(parser: argparse.ArgumentParser) -> None:
    """The options that every benchmark has."""
    parser.add_argument("--json", action="store_true", help="print JSON, as the table reads it")
    parser.add_argument("--quick", action="store_true", help="so small that it only shows that it runs")


def tell(found: Mapping[str, Any], figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print what was found: all of it as JSON, or the figures for people."""
    if as_json:
        print(json.dumps({**found, "figures": [figure.to_json() for figure in figures]}))
        return
    for figure in figures:
        print(line(figure))


def line(figure: Figure) -> str:
    """A figure on the console."""
    spread = figure.spread
    said = f"{figure.name}: {told(spread.median)} {figure.unit} ({told(spread.low)} to {told(spread.high)})"
    if figure.goal is not None:
        said += f", goal {figure.goal}: {'met' if figure.met else 'not met'}"
    return f"{said}; {figure.beside}" if figure.beside else said
