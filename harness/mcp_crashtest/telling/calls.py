"""Calls and acknowledgements: which life of which client asked for the job, and what it was told, when."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mcp_crashtest.model.companions import Companion, is_of_second
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.telling.lives import CLIENT, SECOND_CLIENT, Bolt, Lane

ANSWERED, HANDLE, CUT, REFUSED, OPEN = "answered", "given a handle", "cut", "refused", "open"


@dataclass(frozen=True, slots=True)
class Call:
    """One submission. ``client`` is the lane, ``life`` the client's life, ``server`` the server's, each from 1."""

    number: int
    client: str
    life: int
    server: int
    began: float
    ended: float
    outcome: str
    event: int
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    """So many records are done, as a client was told. ``call`` is the latest of that client."""

    event: int
    t: float
    done: int
    call: int | None
    client: str


def calls(history: History, lanes: tuple[Lane, ...], struck: tuple[Bolt, ...]) -> tuple[Call, ...]:
    """Every submission, in order."""
    end = history.operations[-1].t if history.operations else 0.0
    found: list[Call] = []
    asked: dict[str, int] = {}
    for o in history.of(Op.SUBMIT):
        lane = SECOND_CLIENT if is_of_second(o) else CLIENT
        if o.type is Type.INVOKE:
            asked[o.process] = len(found)
            life, request = _life_of(o, lane, lanes), o.value.get("request")
            found.append(
                Call(len(found) + 1, lane, life, o.life, o.t, end, OPEN, o.i, None if request is None else str(request))
            )
        elif o.process in asked:
            n = asked.pop(o.process)
            found[n] = replace(found[n], ended=o.t, outcome=_outcome(o))
    return tuple(_cut_short(call, lanes, struck) for call in found)


def _outcome(o: Operation) -> str:
    if o.type is Type.OK:
        return HANDLE if o.task else ANSWERED
    return CUT if o.type is Type.INFO else REFUSED


def _life_of(o: Operation, lane: str, lanes: tuple[Lane, ...]) -> int:
    lives = [life for one in lanes if one.who == lane for life in one.lives]
    named = [life.number for life in lives if life.name == o.process]
    return named[-1] if named else max((life.number for life in lives if life.began <= o.t), default=1)


def _cut_short(call: Call, lanes: tuple[Lane, ...], struck: tuple[Bolt, ...]) -> Call:
    """A call that nobody answered has ended where its client or its server did."""
    if call.outcome != OPEN:
        return call
    deaths = [bolt.at for bolt in struck if bolt.at > call.began and (bolt.hits_server or bolt.hits_client)]
    deaths += [life.ended for lane in lanes if lane.who == call.client for life in lane.lives
               if life.number == call.life and life.how != "lives"]  # fmt: skip
    return replace(call, ended=min(deaths), outcome=CUT) if deaths else call


def acks(history: History, made: tuple[Call, ...]) -> tuple[Ack, ...]:
    """What the clients of the first job were told of it."""
    said = history.header.plan.get("companion")
    apart = said is not None and Companion(said).has_own_job
    found = []
    for o in history.of(Op.PROGRESS, types=[Type.OK]):
        if is_of_second(o) and apart:
            continue
        lane = SECOND_CLIENT if is_of_second(o) else CLIENT
        before = [call.number for call in made if call.client == lane and call.began <= o.t]
        done = o.value.get("done")
        if isinstance(done, int | float):
            found.append(Ack(o.i, o.t, int(done), before[-1] if before else None, lane))
    return tuple(found)
