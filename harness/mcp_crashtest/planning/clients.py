"""Where a client under test is killed: at every window of its conversation, and at random moments of its life."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypothesis import strategies as st

from mcp_crashtest.model.coordinates import Batch, Coordinate, During, Moment, Phase, Since, Window, WindowName
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.planning.exhaustive import places

_QUESTIONS = (1, 2)
_SECOND = 2
_CLOCKS = (Since.FIRST_WORD, Since.FIRST_WORD, Since.FIRST_WORD, Since.START)  # most of a start is of no interest
_SPENT = 970  # of the undisturbed time's thousandths: what is left is the end itself, which is a window


def windows(profile: Profile) -> list[Coordinate]:
    """The windows of the conversation, then the server's crash points.

    A blocking tool's questions are its calls, of which there is one in a life; the answer to it is the end.
    """
    questions = _QUESTIONS[:1] if profile.contract.kind.blocking else _QUESTIONS
    found: list[Coordinate] = [Window(WindowName.ASKING, n) for n in questions]
    found += [Window(WindowName.UNANSWERED), Window(WindowName.ANSWERED), Window(WindowName.ENDED)]
    in_server = [phase for phase in Phase if phase in profile.subject.crash_points and phase.in_server]
    batches = _few(profile.workload.batches)
    return found + [at for at in places(profile.workload, in_server) if at.number in batches]


def _few(batches: int) -> set[int]:
    """The first two batches, the middle one and the last: what a client can have seen does not change between them."""
    return {1, min(2, batches), (batches + 1) // 2, batches}


def kills(scenario: str, protocol: str, victim: Victim, at: Sequence[Coordinate]) -> list[Plan]:
    """One plan for each window, with this one kill."""
    return [Plan(scenario, protocol, (Fault("kill", victim, place),)) for place in at]


def interrupts(scenario: str, protocol: str, at: Sequence[Coordinate]) -> list[Plan]:
    """One plan for each window at which a person may press Ctrl-C."""
    return [Plan(scenario, protocol, (Fault("interrupt", Victim.CLIENT, place),)) for place in at]


def drops(scenario: str, protocol: str, at: Sequence[Coordinate], *, blocking: bool) -> list[Plan]:
    """One plan for each window at which the client surely has a connection to lose.

    Such are those at which one of its requests is held back, and, in a call that blocks, the second batch.
    """
    held = (WindowName.ASKING, WindowName.UNANSWERED)
    places = [
        place
        for place in at
        if (isinstance(place, Window) and place.name in held)
        or (blocking and isinstance(place, Batch) and place.number == _SECOND)
    ]
    return [Plan(scenario, protocol, (Fault("drop", Victim.CLIENT, place),)) for place in places]


def outages(scenario: str, protocol: str, at: Sequence[Coordinate]) -> Iterator[Plan]:
    """The server is killed at each window: the client lives, or is killed while the server is away, once and twice."""
    for place in at:
        gone = Fault("kill", Victim.SERVER, place)
        dies = Fault("kill", Victim.CLIENT, During(1))
        yield Plan(scenario, protocol, (gone,))
        yield Plan(scenario, protocol, (gone, dies))
        yield Plan(scenario, protocol, (gone, dies, dies))


@st.composite
def moments(draw: st.DrawFn, *, scenario: str, protocols: Sequence[str], most: int) -> Plan:
    """One to ``most`` kills of the client, alone and with its server, at moments of its lives."""
    protocol = draw(st.sampled_from(protocols))
    count = draw(st.integers(1, most))
    faults = []
    for _ in range(count):
        victim = draw(st.sampled_from((Victim.CLIENT, Victim.BOTH)))
        share = draw(st.integers(0, 99))  # below 100, for the reason given in planning/randomized.py
        at = Moment(1 + share * _SPENT // (100 * count), draw(st.sampled_from(_CLOCKS)))
        faults.append(Fault("kill", victim, at))
    return Plan(scenario, protocol, tuple(faults))
