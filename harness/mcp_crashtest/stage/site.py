"""What a stage asks of where the server lives, and of the door to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.coordinates import Coordinate
from mcp_crashtest.model.losses import Loss
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.subjects.life import Life
from mcp_crashtest.subjects.services import Service


class Site(Protocol):
    """Where the server lives."""

    workload: Workload
    folder: RunFolder

    @property
    def services(self) -> Sequence[Service]:
        """What the server needs beside itself."""

    @property
    def killable(self) -> bool:
        """Whether the lab may stop and start it."""

    @property
    def piped(self) -> bool:
        """Whether it is spoken to over its standard streams, which whoever starts it has."""

    @property
    def version(self) -> Mapping[str, Any]:
        """Which version of the server its latest life is, where there are several."""

    @property
    def call(self) -> Mapping[str, Any]:
        """Before which of its system calls its latest life stands still, where they are counted."""

    @property
    def url(self) -> str:
        """Where it is reached."""

    @property
    def ready_deadline_s(self) -> float:
        """How long a start may take."""

    def cut_power(self, loss: Loss) -> str:
        """Its latest life is dead: leave in its store what a power cut leaves. In words; raises NotFollowed."""

    def change_door(self) -> None:
        """Give lives that begin from now on another address; or the first one again, when two had one each."""

    def log_tail_of(self, life: int) -> str:
        """The last lines that one of its lives has written."""

    async def boot(self, points: Sequence[Coordinate] = ()) -> Life:
        """Begin another life, with these crash points armed."""

    def log_tail(self) -> str:
        """The last lines that the latest life has written."""


class Door(Protocol):
    """What stands between a client under test and its server."""

    async def open(self, deadline_s: float) -> None:
        """Open once the server accepts connections; raises TimeoutError."""

    def shut(self) -> None:
        """Refuse connections from now on."""

    async def cut(self) -> int:
        """Cut all connections, as a crash does; how many there were."""
