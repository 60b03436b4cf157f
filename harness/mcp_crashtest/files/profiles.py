"""Reading profiles: from TOML text that anybody may have written to a checked ``Profile``.

This is the rim: pydantic looks at every table, and whatever is wrong is said with the file, the place and the fix.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from mcp_crashtest.files.hooks import check_hooks
from mcp_crashtest.files.lives import check_lives, lives_in
from mcp_crashtest.files.mcp_config import with_entry
from mcp_crashtest.files.meanings import ARRAYS, TABLES
from mcp_crashtest.files.misplaced import hint
from mcp_crashtest.files.observing import check_observe
from mcp_crashtest.files.operations import SPECS, check_operations, principals_in
from mcp_crashtest.files.secrets import absolute, check_headers
from mcp_crashtest.files.services import check_services, services_in
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec, StatusSpec
from mcp_crashtest.model.coordinates import Phase
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.observe_spec import LedgerSpec, ObserveSpec, RecordsSpec
from mcp_crashtest.model.paths import find
from mcp_crashtest.model.profile import ClientSpec, Profile
from mcp_crashtest.model.subject_spec import UNSAID, SubjectSpec

_OPTIONAL = frozenset({"client"})
_PRINCIPALS, _SERVICES, _LIVES = "principals", "services", "lives"
_MOST_RECORDS = 1_000_000
_PORT = re.compile(r"\{port\}|\{services\.\w+\.port\}")  # of the server, or of what is before it
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")


@dataclass(frozen=True, slots=True)
class Target:
    """What the command line or pytest's options say about the subject, over what the profile says."""

    command: str | None = None
    url: str | None = None
    mcp_config: Path | None = None
    server: str | None = None
    hooks: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names_one(self) -> bool:
        """Whether it says how somebody is started or reached."""
        return bool(self.command or self.url or self.mcp_config)


def parse_profile(
    data: Mapping[str, Any], *, name: str, source: str, folder: Path, target: Target | None = None
) -> Profile:
    """Check the tables of one profile; raises UsageError."""
    unknown = sorted(set(data) - {*TABLES, *ARRAYS, "name"})
    if unknown:
        raise UsageError(f"{source}: unknown table [{unknown[0]}]; a profile has {', '.join((*TABLES, *ARRAYS))}")
    if "contract" not in data:
        raise UsageError(f"{source}: a profile needs a [contract] table with kind and tool")
    present = {key: kind for key, kind in TABLES.items() if key in data or key not in _OPTIONAL}
    tables = {key: _table(key, kind, data.get(key, {}), source) for key, kind in present.items()}
    principals = principals_in(data.get(_PRINCIPALS, []), source)
    services = services_in(data.get(_SERVICES, []), source)
    lives = lives_in(data.get(_LIVES, []), source)
    named = str(data.get("name", name))
    more: dict[str, Any] = {"principals": principals, "services": services, "lives": lives}
    profile = Profile(name=named, folder=str(folder), **more, **tables)
    if target and target.names_one and profile.client:
        profile = _other_client(profile, target, source)
    else:
        profile = _with_target(profile, target or Target(), source)
    _check(profile, source)
    return profile


def _with_target(profile: Profile, target: Target, source: str) -> Profile:
    """The same profile with another server, or with that of the MCP configuration that it names."""
    subject, folder = profile.subject, Path(profile.folder)
    if target.mcp_config:
        config = str(target.mcp_config.expanduser().absolute())
        subject = replace(subject, command=None, url=None, mcp_config=config, server=None, crash_points=())
    if subject.mcp_config:
        subject = with_entry(subject, folder, target.server)
    elif subject.server or target.server:
        raise UsageError(f"{source}: a server is one of an MCP configuration: give --mcp-config (or mcp_config) too")
    if target.command or target.url:
        subject = replace(subject, command=target.command, url=target.url or subject.url)
    if target.command:
        subject = _at_home(subject, folder)
        folder = Path.cwd()
    if target.url:
        subject = replace(subject, command=None, url=target.url, crash_points=(), **target.hooks)
    return replace(profile, subject=subject, folder=str(folder))


def _at_home(subject: SubjectSpec, folder: Path) -> SubjectSpec:
    """A command that is given runs where the user is; what the profile says of files stays where it was."""
    environment = {name: absolute(value, folder) for name, value in subject.environment.items()}
    headers = {name: absolute(value, folder) for name, value in subject.headers.items()}
    moved = replace(subject, environment=environment, headers=headers, cwd=None)
    if subject.mcp_config is None:
        return moved
    return replace(moved, cwd=str(Path.cwd()), mcp_config=str(folder / subject.mcp_config))


def _other_client(profile: Profile, target: Target, source: str) -> Profile:
    """The same server, and another client's command, to be started in the profile's folder too."""
    if target.url or target.mcp_config or not profile.client or not target.command:
        raise UsageError(
            f"{source}: a client is tested against a server that the lab may kill: give no --url, and no --mcp-config"
        )
    return replace(profile, client=replace(profile.client, command=target.command))


def _table(key: str, kind: type[Any], data: Any, source: str) -> Any:
    if not isinstance(data, Mapping):
        raise UsageError(f"{source}: [{key}] must be a table")
    _no_unknown(f"[{key}]", kind, data, source)
    for inner, spec in (("records", RecordsSpec), ("ledger", LedgerSpec), ("status", StatusSpec), *SPECS.items()):
        if kind in (ObserveSpec, ContractSpec) and isinstance(data.get(inner), Mapping):
            _no_unknown(f"[{key}] {inner}", spec, data[inner], source)
    try:
        return TypeAdapter(kind).validate_python(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in (key, *first["loc"]))
        raise UsageError(f"{source}: {place}: {first['msg']} (found {first['input']!r})") from error


def _no_unknown(place: str, kind: type[Any], data: Mapping[str, Any], source: str) -> None:
    known = {field.name for field in fields(kind)} - UNSAID
    unknown = sorted(set(data) - known)
    if unknown:
        meant = hint(place.strip("[]"), unknown[0], data[unknown[0]], TABLES)
        raise UsageError(f"{source}: {place} has no key {unknown[0]!r}; it knows {', '.join(sorted(known))}{meant}")


def _check(profile: Profile, source: str) -> None:
    subject, workload = profile.subject, profile.workload
    if not _NAME.fullmatch(profile.name):
        raise UsageError(f"{source}: the name {profile.name!r} must be letters, digits, '-', '_' and '.', at most 80")
    if not subject.command and not subject.url:
        raise UsageError(f"{source}: [subject] needs a command, or a url (or give --command or --url)")
    if subject.piped:
        _check_piped(profile, source)
    elif subject.command and not has_port(subject.url or ""):
        raise UsageError(f"{source}: [subject] url {subject.url!r} is no http:// or https:// URL with a port")
    if not 1 <= workload.records <= _MOST_RECORDS or not 1 <= workload.batch <= workload.records:
        raise UsageError(
            f"{source}: [workload] wants 1 <= batch <= records <= {_MOST_RECORDS}, found batch = {workload.batch}, "
            f"records = {workload.records}"
        )
    kind, status = profile.contract.kind, profile.contract.status
    asks = kind is ContractKind.TOOL_TASK
    if (asks and status is None) or (status is not None and not asks and not kind.blocking):
        which = "needs a" if asks else "has no"
        example = ', as in status = { tool = "get_status", arguments = { job_id = "{handle}" } }' if asks else ""
        needed = f"[contract] kind {profile.contract.kind} {which} status = {{ tool, arguments }}{example}"
        raise UsageError(f"{source}: {needed}")
    if status is not None and (status.tool is None) == (status.resource is None):
        raise UsageError(f"{source}: [contract] status needs a tool or a resource, one of the two")
    check_headers(profile, source)
    check_operations(profile, source)
    check_services(profile, source)
    check_hooks(profile, source)
    check_lives(profile, source)
    if profile.client:
        _check_client(profile, profile.client, source)
    if workload.batches < 2 and all(point is Phase.OBSERVED for point in subject.crash_points):
        raise UsageError(
            f"{source}: [workload] needs two batches or more: without crash points a fault can land only between two, "
            f"found batch = {workload.batch}, records = {workload.records}"
        )
    for place, seconds in (
        ("[claims] recovery_deadline_s", profile.claims.recovery_deadline_s),
        ("[claims] lease_s", profile.claims.lease_s),
        ("[subject] ready_deadline_s", subject.ready_deadline_s),
        ("[subject] hook_deadline_s", subject.hook_deadline_s),
    ):
        if seconds is not None and not 0 < seconds < math.inf:
            raise UsageError(f"{source}: {place}: deadlines are seconds greater than 0, found {seconds}")
    check_observe(profile, source)


def _check_piped(profile: Profile, source: str) -> None:
    """What a server on stdio has no use for shows that it is none, or asks for what there cannot be."""
    subject = profile.subject
    said = (subject.command, *subject.environment.values())
    if any(place in str(text) for text in said for place in ("{port}", "{listen_fd}")):
        raise UsageError(
            f"{source}: [subject] needs the url at which the command serves, with {{port}} in it; a command that "
            f"speaks stdio has no port: leave {{port}} and {{listen_fd}} out of it"
        )
    if profile.client:
        raise UsageError(f"{source}: a client is tested against a server over HTTP: give [subject] url")
    if profile.principals:
        raise UsageError(
            f"{source}: [[principals]] are told apart by headers, and stdio has none: whoever starts the server is its "
            f"user; leave them out, or give [subject] url"
        )


def has_port(url: str) -> bool:
    """Whether a URL says where a server is reached that the lab starts."""
    try:
        parts = urlsplit(_PORT.sub("1", url))
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _check_client(profile: Profile, client: ClientSpec, source: str) -> None:
    if profile.subject.command is None:
        raise UsageError(f"{source}: a client is tested against a server that the lab may kill: give its command")
    if "{url}" not in client.command:
        raise UsageError(f"{source}: [client] command needs {{url}}: the lab listens in on what it asks")
    if not client.result:
        raise UsageError(f"{source}: [client] result needs a path or more in the JSON that the client prints")
    if client.handle and client.state is None:
        raise UsageError(f"{source}: [client] handle is where the task stands in the state file: give state too")
    for path in (*client.result, *client.handle):
        try:
            find(None, path)
        except UsageError as error:
            raise UsageError(f"{source}: [client] {error}") from error
