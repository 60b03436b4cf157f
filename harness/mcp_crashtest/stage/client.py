"""A client on the stage: the lab's own, which drives a server on trial, or one that is on trial itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from mcp_crashtest.model.coordinates import Coordinate
from mcp_crashtest.model.operation import Op, Operation
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.subjects.life import Mortal

if TYPE_CHECKING:
    from mcp_crashtest.stage.stage import Stage


class Client(Protocol):
    """One client and its lives. Times are those of ``time.monotonic``.

    ``done`` is the highest progress that it has seen, in records. ``began_at`` is the start of its latest life,
    ``submitted_at`` the first submission of the job in this run, ``moved_at`` its latest progress, or the submission.
    ``halted``: its task was told to stop, by a cancel or a pause; ``at_rest``: its task was cancelled, and it has
    nothing more to do, although the run may go on.
    """

    done: float
    began_at: float
    submitted_at: float | None
    moved_at: float | None
    halted: Op | None
    at_rest: bool

    def passed(self, mark: float) -> bool:
        """Whether the server's present life was seen to get so far, in records, by work of its own."""

    @property
    def connected_at(self) -> float | None:
        """When a server last took it in."""

    @property
    def spoke_at(self) -> float | None:
        """That life's first word to the server; None before anybody has heard it."""

    def enter(self, stage: Stage) -> Any:
        """It belongs to this stage from now on; what its undisturbed self produced, for the history, or None."""

    @property
    def living(self) -> Mortal | None:
        """Its life, if it has one."""

    async def start(self) -> None:
        """Begin another life."""

    async def joined(self) -> None:
        """The plan's faults are behind it: be joined by a second client, where the plan has one."""

    def expect(self, at: Coordinate | None) -> None:
        """The next fault is to land there: hold the conversation at that window."""

    @property
    def reached(self) -> bool:
        """Whether the conversation is at the window that was expected."""

    def server_starts(self) -> None:
        """Another life of the server begins."""

    def meet(self) -> None:
        """That life is there: over stdio who lives is given its pipes."""

    async def hang_up(self, *, politely: bool) -> bool:
        """Over stdio: close the server's standard input, or at once both pipes; False where it has none."""

    def saw(self, operation: Operation) -> bool:
        """An event of the run; whether it shows that something goes on."""

    def expect_end(self) -> None:
        """Its life is about to be ended."""

    async def struck(self) -> bool:
        """It was to be killed: hear what it had to say; False where it had ended by itself before."""

    async def endure(self) -> None:
        """The server is away, and this client lives: let it meet that."""

    async def interrupt(self) -> Proof:
        """Have it leave politely."""

    async def drop(self) -> Proof:
        """Have it lose its connections without a word."""

    async def prepare(self) -> None:
        """Something will be asked about its task: get ready, before its first life."""

    async def operate(self, name: str) -> Proof | None:
        """Have an operation asked for: the proof that it was answered; None where the task had ended before."""

    async def look(self) -> Mapping[str, Any]:
        """What its task shows at this moment: status and done, as far as they are shown."""

    async def close(self) -> bool:
        """End it, if it lives; whether nobody of it can be left."""
