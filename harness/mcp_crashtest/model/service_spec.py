"""What a subject needs beside itself: a database or a broker, one for each run, and a victim of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ServiceKind(StrEnum):
    """What a service is: one that the lab knows how to start, or whatever a command starts."""

    COMMAND = "command"
    REDIS = "redis"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One service, which stands in ``{services.NAME.port}``, ``{services.NAME.url}`` and ``{services.NAME.dir}``.

    ``command`` and ``ready``, with the kind ``command``, may hold ``{port}`` and ``{dir}``, which are its own, and
    ``{subject_port}``, at which the subject listens; without ``ready`` it is ready once its port accepts connections.
    ``options`` are further words of a kind that the lab starts. ``user`` is who it runs as where the lab is root. It
    has ``ready_deadline_s`` seconds for each start. With ``link`` the subject reaches it through a port of the lab's,
    which can be cut; other services reach it directly. ``server``: it is another server like the subject, and a planned
    restart stops it too; with ``preload`` it comes from a fork server that has imported these modules.
    """

    name: str
    kind: ServiceKind = ServiceKind.COMMAND
    command: str | None = None
    ready: str | None = None
    url: str | None = None
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    ready_deadline_s: float = 30.0
    link: bool = False
    server: bool = False
    preload: tuple[str, ...] = ()
