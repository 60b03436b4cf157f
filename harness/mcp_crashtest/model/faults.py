"""Faults: the table of their kinds, and one of them at its coordinate. Pure; landing them is another room's work.

A kind says what a plan, a report and the laboratory have to know of it: whom it can hit, how harsh it is, what it
needs, whether it undoes work, and its colour in pictures. A fault that no kind allows is refused when it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mcp_crashtest.model import coordinates
from mcp_crashtest.model.coordinates import Coordinate
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.losses import POWER, Loss
from mcp_crashtest.model.subject_spec import SubjectSpec


class Victim(StrEnum):
    """Whom a fault hits."""

    SERVER = "server"
    CLIENT = "client"
    BOTH = "both"
    SERVICE = "service"
    SERVER_AND_SERVICE = "server and service"

    @property
    def hits_server(self) -> bool:
        """Whether the server is hit, alone or with another one."""
        return self in (Victim.SERVER, Victim.BOTH, Victim.SERVER_AND_SERVICE)

    @property
    def hits_client(self) -> bool:
        """Whether the client is hit, alone or with its server."""
        return self in (Victim.CLIENT, Victim.BOTH)

    @property
    def hits_service(self) -> bool:
        """Whether a service of the server is hit, alone or with it."""
        return self in (Victim.SERVICE, Victim.SERVER_AND_SERVICE)


OPERATION = "operation"
"""The family of what is no harm: something that a user asks of the server, which is judged by what comes of it."""


OVERLAP = "overlap"
"""The kind in which two lives of a server accept on one socket."""
NO_SOCKET = "an old and a new life side by side accept on one socket: only a command with {listen_fd} is given one"

ROLL = "roll"
"""The kind in which the servers of one store are restarted one after the other; ``servers`` says how many there are."""

REPLACE, TWINS = "replace", "start-two"
"""The kinds in which two servers live on one store: one frozen and replaced, and two that are started at once."""
NO_ADDRESS = (
    "two servers at once need an address each: give [subject] command {listen_fd}, or {port} in command and url"
)

SIGNALS = {"sigint": "as upon Ctrl-C", "sighup": "as upon a terminal that is closed", "sigquit": "as upon Ctrl-\\",
           "sigsegv": "as upon a fault in memory"}  # fmt: skip
"""The kinds in which a server is sent another signal, and where that comes from."""

POISON = "poison"
"""The kind in which a job is asked for that cannot be done."""

NO_POISON = "no job that cannot be done is named: say which tool takes one, [contract] poison = { tool, arguments }"

CUT, SLOW, SILENT = "link-cut", "link-slow", "link-silent"
LINKS = {
    CUT: "the connections to it are reset, and refused for a while",
    SLOW: "what is said to it, and what it says, comes late for a while",
    SILENT: "what it says does not come through for a while, and nobody is told: half-open connections",
}
"""The kinds in which the link between the server and a service fails, and how."""

BEGINS = (CUT, SILENT)
"""Those that can begin with a message of the server's, which is passed on, and whose answer is not."""

NO_LINK = "the server reaches it without the lab: give its [[services]] link = true"

FAIL = "fail"
"""The kind in which a system call of the server's fails."""

GOODBYE = "goodbye"
"""The kind in which a host stops its server on stdio."""

NOT_ON_STDIO = {
    "interrupt": "over stdio a client that leaves takes its server with it: planned-restart has its goodbye",
    "drop": "over stdio there is no connection to lose beside the server's own pipes, whose end is the server's",
    REPLACE: "over stdio a host that starts another server closes the pipes of the first: that is old-and-new-at-once",
    TWINS: "over stdio each server has a host of its own, and the lab's client is one",
}
"""Kinds that make no sense on a server over stdio, and why."""


class Right(StrEnum):
    """What the lab must be allowed, or able, to do; its text is the cap that a certificate names where it is not."""

    SERVER = (
        "no right to kill the server: certify it by command, or say how its owner does it with --start-command, "
        "--stop-command, --kill-command and --alive-command"
    )
    PROCESS = "a server that stands still (server-frozen): commands that stop and start it cannot freeze it"


def rights_on(subject: SubjectSpec) -> frozenset[Right]:
    """What the lab may do to a subject."""
    if subject.command is not None:
        return frozenset(Right)
    return frozenset({Right.SERVER}) if subject.hooked else frozenset()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    ``harshness`` orders kinds for shrinking, the gentle ones first. ``needs`` are rights beside that to touch the
    server, which every fault on it needs. ``undoes``: with these victims the server may do again the batch that was
    under way. ``colour`` is a CSS colour.
    """

    name: str
    family: str
    meaning: str
    victims: frozenset[Victim]
    harshness: int
    colour: str
    needs: frozenset[Right] = frozenset()
    undoes: frozenset[Victim] = frozenset()


_SERVER, _CLIENT, _BOTH = frozenset({Victim.SERVER}), frozenset({Victim.CLIENT}), frozenset({Victim.BOTH})
_SERVICE = frozenset({Victim.SERVICE, Victim.SERVER_AND_SERVICE})
_WHICH, _MESSAGE = "service", "message"
_THOUSAND = 1000

_TABLE = (
    Kind("kill", "process", "SIGKILL of the whole group, then started again", _SERVER | _CLIENT | _BOTH | _SERVICE, 2,
         "#c0392b", undoes=_SERVER | _BOTH | _SERVICE),
    Kind(POWER, "storage", "SIGKILL, and what was not synced is lost, wholly or in part, as when the power fails; then "
         "started again", _SERVER, 3, "#2c3e50", undoes=_SERVER),
    Kind("terminate", "process", "SIGTERM, then started again: a planned restart", _SERVER, 0, "#2980b9",
         undoes=_SERVER),
    Kind(ROLL, "process", "SIGTERM to one of several servers, then started again, and so on to the last: a rolling "
         "restart", _SERVER, 0, "#2e86c1", undoes=_SERVER),
    Kind(OVERLAP, "process", "SIGTERM, or over stdio both pipes closed, and started again at once, while the old life "
         "still winds down", _SERVER, 1, "#1f618d", undoes=_SERVER),
    Kind(GOODBYE, "process", "over stdio the host closes the server's standard input; SIGTERM two seconds later, "
         "SIGKILL ten behind that; then started again", _SERVER, 0, "#5dade2", undoes=_SERVER),
    Kind("interrupt", "client", "the client says goodbye as upon a person's Ctrl-C; then it is started again", _CLIENT,
         0, "#8e44ad"),
    Kind("freeze", "process", "SIGSTOP of the whole group for a while, then SIGCONT", _SERVER, 1, "#16a085",
         needs=frozenset({Right.PROCESS})),
    Kind(POISON, "client", "a job is asked for that raises, ends its server, or never returns; started again where it "
         "ends", _CLIENT, 1, "#6c3483", needs=frozenset({Right.SERVER}), undoes=_CLIENT),
    Kind(FAIL, "call", "a system call on the store fails; started again where the server ends of that", _SERVER, 1,
         "#7d6608", needs=frozenset({Right.PROCESS}), undoes=_SERVER),
    *(Kind(name, "process", f"{name.upper()} to the whole group, {where}; started again where it ends", _SERVER, 1,
           "#ca6f1e", needs=frozenset({Right.PROCESS}), undoes=_SERVER) for name, where in SIGNALS.items()),
    Kind(REPLACE, "process", "SIGSTOP of the whole group, and another server is started on the same store; once that "
         "works, SIGCONT", _SERVER, 3, "#117a65", needs=frozenset({Right.PROCESS})),
    Kind(TWINS, "process", "SIGKILL of the whole group, then two servers are started at once on its store", _SERVER, 3,
         "#922b21", needs=frozenset({Right.PROCESS}), undoes=_SERVER),
    *(Kind(name, "link", how, frozenset({Victim.SERVICE}), 1, "#5d6d7e", undoes=_SERVICE)
      for name, how in LINKS.items()),
    Kind("drop", "client", "the client loses its connections without a word, and connects again", _CLIENT, 1,
         "#d35400"),
    Kind("cancel", OPERATION, "the task is cancelled", _CLIENT, 0, "#7f8c8d"),
    Kind("pause", OPERATION, "the task is paused", _CLIENT, 0, "#95a5a6"),
    Kind("resume", OPERATION, "two batches later the paused task is told to go on", _CLIENT, 0, "#27ae60"),
    Kind("answer", OPERATION, "the task is given what it asks for, once it asks", _CLIENT, 0, "#48c9b0"),
    Kind("list", OPERATION, "the tasks are listed and counted", _CLIENT, 0, "#bdc3c7"),
    Kind("trespass", OPERATION, "another principal lists, reads and cancels", _CLIENT, 0, "#f39c12"),
)  # fmt: skip

KINDS = {kind.name: kind for kind in _TABLE}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing done to one victim at one coordinate.

    ``until``: where it is healed; None for at once, or behind the last fault that lands while it lasts. ``settings``
    are numbers that its kind knows by name; ``service`` is which one is hit, from 1, in the profile's order. A link's
    ``message`` is the one behind which it fails, from its place on: so many thousandths of those that a batch has.
    Raises UsageError for a kind that there is not, or that cannot hit this victim, or begin so.
    """

    kind: str
    victim: Victim
    at: Coordinate
    until: Coordinate | None = None
    settings: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Refuse an impossible fault."""
        if self.kind not in KINDS:
            raise UsageError(f"there is no fault {self.kind!r}; there are {', '.join(KINDS)}")
        if self.victim not in KINDS[self.kind].victims:
            hit = " or ".join(sorted(KINDS[self.kind].victims))
            raise UsageError(f"{self.kind} can hit the {hit}, and is to hit {self.victim}")
        if _MESSAGE in self.settings and not self._begins_with_a_message():
            raise UsageError(f"{' or '.join(BEGINS)} begin 1 to {_THOUSAND} thousandths into a batch's messages")
        if self.kind == POWER:
            try:
                Loss.from_settings(self.settings)
            except ValueError as error:
                raise UsageError(f"{self.kind}: {error}") from error

    def _begins_with_a_message(self) -> bool:
        share = self.settings[_MESSAGE]
        return self.kind in BEGINS and 1 <= share <= _THOUSAND and share == int(share)

    @property
    def needs(self) -> frozenset[Right]:
        """The rights without which it cannot be done."""
        touches = self.victim.hits_server or self.victim.hits_service
        own = frozenset({Right.SERVER}) if touches else frozenset[Right]()
        return own | KINDS[self.kind].needs

    @property
    def loss(self) -> Loss | None:
        """What a power cut leaves; None for any other fault."""
        return Loss.from_settings(self.settings) if self.kind == POWER else None

    @property
    def undoes(self) -> bool:
        """Whether the server may do again the batch that was under way."""
        return self.victim in KINDS[self.kind].undoes

    @property
    def service(self) -> int | None:
        """Which service is hit, from 1; None where none is."""
        return int(self.settings.get(_WHICH, 1)) if self.victim.hits_service else None

    @property
    def message(self) -> int | None:
        """Behind which message it begins, in thousandths of a batch's; None where it begins at its place."""
        return int(self.settings[_MESSAGE]) if _MESSAGE in self.settings else None

    @property
    def operates(self) -> bool:
        """Whether it is an operation, and no harm."""
        return KINDS[self.kind].family == OPERATION

    @property
    def harshness(self) -> int:
        """The order of shrinking: gentler faults first."""
        return KINDS[self.kind].harshness + (self.victim in (Victim.BOTH, Victim.SERVER_AND_SERVICE))

    def __str__(self) -> str:
        """As a person says it: ``kill server at batch 3, acknowledged``."""
        healed = f", until {self.until}" if self.until else ""
        which = f" {self.service}" if _WHICH in self.settings else ""
        hit = self.kind if self.operates else f"{self.kind} {self.victim}{which}"
        lost = f", {self.loss}" if self.kind == POWER else ""
        behind = f", behind {self.message}/1000 of a batch's messages from there on" if self.message else ""
        return f"{hit} at {self.at}{lost}{behind}{healed}"

    def to_json(self) -> dict[str, Any]:
        """Encode."""
        data: dict[str, Any] = {"kind": self.kind, "victim": self.victim, "at": coordinates.to_json(self.at)}
        if self.until is not None:
            data["until"] = coordinates.to_json(self.until)
        return data | ({"settings": dict(self.settings)} if self.settings else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fault:
        """Decode; raises KeyError, ValueError, TypeError, OverflowError or UsageError on anything else."""
        until, settings = data.get("until"), data.get("settings", {})
        return cls(
            str(data["kind"]),
            Victim(data["victim"]),
            coordinates.from_json(data["at"]),
            None if until is None else coordinates.from_json(until),
            {str(name): float(value) for name, value in settings.items()},
        )
