"""Lanes: the lives of the server, of each client, and of the services, from the first event of each to its proven end.

A fault's end is a band: from the deed to the proof. Where the evidence holds the moments of the signal and of the
corpse, those are told; else the moments at which the lab wrote the deed and its proof down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mcp_crashtest.model.companions import is_of_second
from mcp_crashtest.model.faults import FAIL, KINDS, OPERATION, OVERLAP, REPLACE, ROLL, SIGNALS, Victim
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.proof import GOES_ON
from mcp_crashtest.telling.places import place_in

SERVER, CLIENT, SECOND_CLIENT, SERVICE, RELAY = "server", "client", "second client", "service", "relay"
LIVES = "lives"
_DEATH = "death"
_ENDS = {"interrupt": "left"}
_STOPS = ("terminate", ROLL, "goodbye", OVERLAP, *SIGNALS)


@dataclass(frozen=True, slots=True)
class Life:
    """One life. Times are seconds of the run's clock; ``how`` it ended, or that it lives when the run ends.

    ``proven`` is when its end was proven; ``row`` keeps lives apart that there were at once.
    """

    number: int
    name: str
    began: float
    ended: float
    how: str = LIVES
    ready: float | None = None
    proven: float | None = None
    pid: int | None = None
    row: int = 0
    memory_bytes: int | None = None
    written_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """The lives of one of those who take part, in their order."""

    who: str
    lives: tuple[Life, ...]


@dataclass(frozen=True, slots=True)
class Bolt:
    """A fault, or an operation that a plan has asked for: when it was done, when it was proven, and by what.

    ``events`` are the numbers of those that show it; ``offset`` is how far into a batch it fell, in thousandths;
    ``done`` what a client had been told by then; ``lines`` how many the ledger had at ``counted``, behind the proof.
    """

    number: int
    at: float
    proven: float
    kind: str
    victim: str
    told: str
    landed: bool
    proof: str
    events: tuple[int, ...]
    kills: int = 0
    harm: bool = True
    offset: int | None = None
    done: int | None = None
    lines: int | None = None
    counted: float | None = None
    planned: str = ""

    @property
    def answered(self) -> bool:
        """Whether anything was heard of it once it was begun."""
        return len(self.events) > 1

    @property
    def hits_server(self) -> bool:
        """Whether a life of the server ends, or stands still, by it."""
        return self.harm and Victim(self.victim).hits_server

    @property
    def hits_client(self) -> bool:
        """Whether a life of a client ends by it, or its connections do."""
        return self.harm and Victim(self.victim).hits_client


def bolts(history: History) -> tuple[Bolt, ...]:
    """Every fault that was tried, in order."""
    found: list[Bolt] = []
    for o in history.of(Op.FAULT):
        value = o.value
        if o.type is Type.INVOKE:
            found.append(
                Bolt(
                    int(value.get("number", len(found) + 1)),
                    o.t,
                    o.t,
                    str(value["kind"]),
                    str(value["victim"]),
                    str(value.get("fault", value["kind"])),
                    landed=False,
                    proof="nothing was proven",
                    events=(o.i,),
                    harm=KINDS[str(value["kind"])].family != OPERATION,
                    offset=value.get("offset"),
                    done=value.get("done"),
                    planned=place_in(value.get("at")),
                )
            )
        elif found:
            deed = found[-1]
            found[-1] = replace(
                deed,
                at=_number(value, "signalled_at") or deed.at,
                proven=_number(value, "reaped_at") or o.t,
                landed=o.type is Type.OK,
                proof=str(value.get("reason", "")),
                events=(*deed.events, o.i),
                kills=int(value.get("kills", 0)),
                lines=value.get("ledger_lines"),
                counted=o.t,
            )
    return tuple(found)


def _number(value: Mapping[str, Any], name: str) -> float | None:
    found = value.get(name)
    return float(found) if isinstance(found, int | float) else None


def lanes(history: History, struck: tuple[Bolt, ...]) -> tuple[Lane, ...]:
    """Everybody's lives: the server's, the clients', and those of relay and services where the evidence has them."""
    end = history.operations[-1].t if history.operations else 0.0
    servers = _server_lives(history, struck, end)
    first = _client_lives(history, struck, end, second=False)
    second = _client_lives(history, struck, end, second=True)
    named = [(CLIENT, first), (SECOND_CLIENT, second), (SERVER, servers)]
    return (*(Lane(who, tuple(lives)) for who, lives in named if lives), *_others(history, struck, end))


def _server_lives(history: History, struck: tuple[Bolt, ...], end: float) -> list[Life]:
    lives: list[Life] = []
    for o in history.operations:
        if o.op is Op.BOOT:
            lives.append(Life(o.life, f"life {o.life}", o.t, end, pid=o.value.get("pid")))
        elif lives and o.op in (Op.READY, Op.CONNECT) and o.type is Type.OK and lives[-1].ready is None:
            lives[-1] = replace(lives[-1], ready=o.t)
        elif lives and o.op is Op.EXIT:
            _close(
                lives, o.life, replace(_life(lives, o.life), ended=o.t, how=f"ended by itself: {o.value.get('how')}")
            )
    for bolt in struck:
        spared = bolt.kind in ("freeze", REPLACE, FAIL) or GOES_ON in bolt.proof
        if bolt.hits_server and bolt.answered and not spared:
            hit = [n for n, life in enumerate(lives) if life.began <= bolt.at and life.how == LIVES]
            for n in hit[-1:]:
                how = "stopped" if bolt.kind in _STOPS else "killed" if bolt.landed else "end not proven"
                ended = bolt.proven if bolt.kind in _STOPS else bolt.at
                lives[n] = replace(lives[n], ended=ended, how=how, proven=bolt.proven)
    return _in_rows([_with_use(life, history) for life in lives])


def _with_use(life: Life, history: History) -> Life:
    """With what it has used, where its death tells."""
    for o in history.operations:
        if o.op.value == _DEATH and o.value.get("of") == SERVER and o.life == life.number:
            used = {name: o.value.get(name) for name in ("memory_bytes", "written_bytes")}
            return replace(life, memory_bytes=used["memory_bytes"], written_bytes=used["written_bytes"])
    return life


def _life(lives: list[Life], number: int) -> Life:
    return next((life for life in lives if life.number == number), lives[-1])


def _close(lives: list[Life], number: int, closed: Life) -> None:
    lives[lives.index(_life(lives, number))] = closed


def _in_rows(lives: list[Life]) -> list[Life]:
    """Two lives at once lie in rows of their own."""
    free: list[float] = []
    placed = []
    for life in lives:
        row = next((n for n, until in enumerate(free) if until <= life.began), len(free))
        free[row : row + 1] = [max(life.ended, life.proven or 0)]
        placed.append(replace(life, row=row))
    return placed


def _client_lives(history: History, struck: tuple[Bolt, ...], end: float, *, second: bool) -> list[Life]:
    lives: list[Life] = []
    for o in _of_clients(history, second=second):
        if o.op is Op.CLIENT and o.process == "lab":
            if lives and lives[-1].how == LIVES:
                lives[-1] = replace(lives[-1], ended=o.t, how="gone")
            lives.append(Life(len(lives) + 1, str(o.value["name"]), o.t, end, pid=o.value.get("pid")))
        elif lives and lives[-1].ready is None and (o.value.get("ready") or o.op in (Op.CONNECT, Op.SUBMIT)):
            lives[-1] = replace(lives[-1], ready=o.t)
    for bolt in struck:
        if bolt.hits_client and bolt.kind != "drop" and bolt.answered:
            hit = [n for n, life in enumerate(lives) if life.began <= bolt.at and life.ended > bolt.at]
            for n in hit[-1:]:
                how = _ENDS.get(bolt.kind, "killed") if bolt.landed else "end not proven"
                lives[n] = replace(lives[n], ended=bolt.at, how=how, proven=bolt.proven)
    return lives


def _of_clients(history: History, *, second: bool) -> Iterator[Operation]:
    """What the lab did with one of the two clients, and what he did himself."""
    for o in history.operations:
        if o.op is Op.CLIENT and o.process == "lab":
            if str(o.value.get("name", "")).startswith("second") == second:
                yield o
        elif o.process not in ("lab", "nemesis", "server") and is_of_second(o) == second:
            yield o


def _others(history: History, struck: tuple[Bolt, ...], end: float) -> Iterator[Lane]:
    """Relay and services: what the evidence says of them, or that a fault has hit one."""
    told: dict[str, list[Life]] = {}
    for o in history.operations:
        name = str(o.value.get("name", RELAY))
        if o.op.value == SERVICE:
            lives, began = told.setdefault(name, []), _number(o.value, "started_at")
            ready = _number(o.value, "ready_at")
            lives.append(Life(len(lives) + 1, name, o.t if began is None else began, end, ready=ready))
        elif o.op.value == _DEATH and o.value.get("of") == SERVICE and told.get(name):
            signalled, reaped = (_number(o.value, key) for key in ("signalled_at", "reaped_at"))
            ended = o.t if signalled is None else signalled
            told[name][-1] = replace(told[name][-1], ended=ended, how=str(o.value.get("how", "dead")), proven=reaped)
        elif o.op.value == RELAY:
            lives, what = told.setdefault(RELAY, []), str(o.value.get("what"))
            if lives and lives[-1].how == LIVES:
                lives[-1] = replace(lives[-1], ended=o.t, how=what)
            if what == "open":
                lives.append(Life(len(lives) + 1, RELAY, o.t, end))
    for name, lives in told.items():
        yield Lane(name, tuple(lives))
    hit = [bolt for bolt in struck if bolt.harm and Victim(bolt.victim).hits_service]
    if hit and not set(told) - {RELAY}:
        yield Lane(SERVICE, tuple(_between(hit, end)))


def _between(hit: list[Bolt], end: float) -> Iterator[Life]:
    began = 0.0
    for number, bolt in enumerate(hit, start=1):
        yield Life(number, f"life {number}", began, bolt.at, "killed", proven=bolt.proven)
        began = bolt.proven
    yield Life(len(hit) + 1, f"life {len(hit) + 1}", began, end)
