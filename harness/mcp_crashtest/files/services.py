"""What a profile says about services: [[services]], a table for each database or broker that the subject needs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.paths import placeholders
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.service_spec import ServiceKind, ServiceSpec

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_MOST = 8
TOLD = ("host", "port", "url", "dir")
_OF_COMMAND = ("command", "ready", "url", "server", "preload")


def services_in(data: Any, source: str) -> tuple[ServiceSpec, ...]:
    """The [[services]], in the order in which they are started; raises UsageError."""
    place = f"{source}: [[services]]"
    if not isinstance(data, list) or not all(isinstance(one, Mapping) for one in data):
        raise UsageError(f'{place}: each is a table of its own, as in [[services]] name = "db", kind = "postgres"')
    if len(data) > _MOST:
        raise UsageError(f"{place}: there are {len(data)}, and a run has room for {_MOST}")
    known = {field.name for field in fields(ServiceSpec)}
    services: list[ServiceSpec] = []
    for number, one in enumerate(data, start=1):
        if unknown := sorted(set(one) - known):
            raise UsageError(f"{place} has no key {unknown[0]!r}; it knows {', '.join(sorted(known))}")
        try:
            service = TypeAdapter(ServiceSpec).validate_python(dict(one))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise UsageError(f"{place} {number}: {where}: {first['msg']} (found {first['input']!r})") from error
        for complaint in _complaints(service, services):
            raise UsageError(f"{place} {service.name!r}: {complaint}")
        services.append(service)
    return tuple(services)


def check_services(profile: Profile, source: str) -> None:
    """Check that whoever names services is started by the lab; raises UsageError."""
    if profile.services and profile.subject.command is None:
        raise UsageError(
            f"{source}: [[services]] are for a subject that the lab starts: give its [subject] command, or start the "
            f"services together with the server and leave them out here"
        )
    names, subject = [service.name for service in profile.services], profile.subject
    others = [(service.command, service.ready, service.environment) for service in profile.services]
    filled = [
        subject.command,
        subject.url,
        subject.environment,
        profile.contract.arguments,
        asdict(profile.observe),
        others,
    ]
    for name in placeholders(filled):
        root, _, path = name.partition(".")
        service, _, value = path.partition(".")
        if root == "services" and (service not in names or value not in TOLD):
            raise UsageError(
                f"{source}: nobody fills {{{name}}}; there is {', '.join(names) or 'no service'}, and of each "
                f"{', '.join(TOLD)}, as in {{services.{names[0] if names else 'db'}.url}}"
            )


def _complaints(service: ServiceSpec, before: list[ServiceSpec]) -> Iterator[str]:
    if not _NAME.fullmatch(service.name):
        yield "a name is letters, digits and '_', 40 at most, and begins with no digit: it stands in placeholders"
    if any(service.name == other.name for other in before):
        yield "each needs a name of its own"
    if service.kind is ServiceKind.COMMAND:
        if not service.command:
            kinds = ", ".join(f'"{kind}"' for kind in ServiceKind if kind is not ServiceKind.COMMAND)
            yield f"give the command that starts it, with {{port}} and {{dir}} in it, or a kind: {kinds}"
        elif "{port}" not in service.command and not service.ready:
            yield "without {port} in its command say how it is seen to be ready: ready = COMMAND"
        if service.options:
            yield "options are for a kind that the lab starts: put them into the command"
        if service.preload and service.user:
            yield "preload is for what runs as the lab does: leave out preload, or user"
    elif said := [key for key in _OF_COMMAND if getattr(service, key)]:
        yield f'{said[0]} is for the kind "command": the lab starts {service.kind} itself; options = [...] adds words'
    if not 0 < service.ready_deadline_s < math.inf:
        yield f"ready_deadline_s: deadlines are seconds greater than 0, found {service.ready_deadline_s}"
