"""Random plans of several faults, by Hypothesis: seeded, and shrinking towards fewer and earlier faults."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload

_RANK = {phase: rank for rank, phase in enumerate(Phase)}
_DIGIT = 100
_THOUSAND, _STEP = 1000, 25

Choice = tuple[str, Victim]


def earliest_after(fault: Fault) -> tuple[int, int]:
    """The first (batch, phase rank) at which another fault can land once this one has, at a phase of a batch.

    A server killed before its commit does that batch again, so the same batch is still ahead; behind a commit the
    next batch is the first. A fault that undoes nothing leaves the rest of its batch ahead.
    """
    at = fault.at
    if not isinstance(at, Batch) or at.phase is None:
        raise UsageError(f"{fault}: only of faults at a phase of a batch is it known what is still ahead")
    if not fault.undoes and at.phase is not Phase.OBSERVED:
        return at.number, _RANK[at.phase] + 1
    return (at.number + 1, 0) if at.phase.durable else (at.number, 0)


def _number(draw: st.DrawFn, least: int, most: int) -> int:
    """A number in this range, in digits below 100.

    Among larger integers Hypothesis mixes constants that it finds in the modules which happen to be loaded: the same
    seed would give other plans under another command.
    """
    if most - least < _DIGIT:
        return least + draw(st.integers(0, most - least))
    high = _DIGIT * _number(draw, 0, (most - least) // _DIGIT)
    return least + high + draw(st.integers(0, min(_DIGIT - 1, most - least - high)))


def _swarm(draw: st.DrawFn, choices: Sequence[Choice]) -> list[Choice]:
    """The choices of one plan: any of them may be left out, but for all. It shrinks towards leaving out none.

    Plans that know few kinds of faults come to states that plans of all kinds hardly reach (Groce et al., Swarm
    Testing, ISSTA 2012). One number says which: a coin for each choice would be in the way of the shrinking.
    """
    left_out = _number(draw, 0, 2 ** len(choices) - 2)
    return [choice for number, choice in enumerate(choices) if not left_out >> number & 1]


@st.composite
def plans(
    draw: st.DrawFn,
    *,
    scenario: str,
    protocols: Sequence[str],
    choices: Sequence[Choice],
    workload: Workload,
    phases: Sequence[Phase],
    most: int,
) -> Plan:
    """Plans of one to ``most`` faults, each of which can land after those before it.

    ``choices`` are the pairs of kind and victim to choose from, the simplest first; a plan knows some of them. A
    subject without crash points is hit anywhere within its batches.
    """
    protocol = draw(st.sampled_from(protocols))
    choices = _swarm(draw, choices)
    if tuple(phases) == (Phase.OBSERVED,):
        return Plan(scenario, protocol, _within_batches(draw, choices, workload.batches, most))
    last = workload.batches
    faults: list[Fault] = []
    earliest = (1, 0)
    for _ in range(draw(st.integers(1, most))):
        possible = [p for p in phases if (last, _RANK[p]) >= earliest]
        if earliest[0] > last or not possible:
            break
        batch = _number(draw, earliest[0], last)
        open_phases = [p for p in phases if (batch, _RANK[p]) >= earliest]
        if not open_phases:
            batch, open_phases = batch + 1, list(phases)
            if batch > last:
                break
        kind, victim = draw(st.sampled_from(choices))
        fault = Fault(kind, victim, Batch(batch, draw(st.sampled_from(open_phases))))
        faults.append(fault)
        earliest = earliest_after(fault)
    return Plan(scenario, protocol, tuple(faults))


def _within_batches(draw: st.DrawFn, choices: Sequence[Choice], batches: int, most: int) -> tuple[Fault, ...]:
    """One to ``most`` faults, each in a later batch than the one before."""
    count = min(draw(st.integers(1, most)), batches)
    faults: list[Fault] = []
    batch = 0
    for left in range(count, 0, -1):
        batch = _number(draw, batch + 1, batches - left + 1)
        kind, victim = draw(st.sampled_from(choices))
        at = Batch(batch, thousandths=_STEP * draw(st.integers(0, _THOUSAND // _STEP - 1)))
        faults.append(Fault(kind, victim, at))
    return tuple(faults)
