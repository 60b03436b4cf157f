"""Where secrets come from: variables of the lab's environment, files, and the entry of somebody's MCP configuration.

They are read where they are used, and known as secrets from that moment on. A missing one is the user's: UsageError
with its name, and never with a value.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.paths import fill
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.secrets import SHORTEST_SECRET, Reference, keep_secret, pieces, references

_LONGEST_FILE_BYTES = 1 << 16
_SENDABLE = re.compile(r"[\t\x20-\x7e]*")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_OURS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "last-event-id"}
    | {"mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id", "transfer-encoding"}
)
HERE = "here"
"""Among a site's values: the folder of the profile, to which paths are relative."""

Hidden = Mapping[str, str]
"""What the entry of an MCP configuration says and nobody is shown, by where it stands in the entry."""


def filled(template: str, values: Mapping[str, Any], hidden: Hidden, place: str) -> str:
    """Fill a template with a site's values, and with the secrets that it refers to; raises UsageError.

    What comes from outside stays as it is: braces in a secret are no placeholders.
    """
    whole = []
    for piece in pieces(template):
        if isinstance(piece, Reference):
            whole.append(secret(piece, Path(values[HERE]), hidden, place))
        else:
            whole.append(str(fill(piece, values)))
    return "".join(whole)


def filled_word(template: str, values: Mapping[str, Any], hidden: Hidden, place: str) -> str:
    """Fill a word of a command, in which only an MCP configuration has secrets: a shell's variables are a shell's."""
    whole = []
    for piece in pieces(template):
        if isinstance(piece, Reference) and piece.kind != "config":
            whole.append(str(piece))
        else:
            whole.append(filled(piece, values, hidden, place))
    return "".join(whole)


def filled_header(template: str, values: Mapping[str, Any], hidden: Hidden, place: str) -> str:
    """Fill the value of a header: what cannot be sent, or be kept secret, is a UsageError too."""
    for reference in references(template):
        value = secret(reference, Path(values[HERE]), hidden, place)
        if len(value) < SHORTEST_SECRET and reference.kind != "config":
            raise UsageError(
                f"{place}: {reference} is {'empty' if not value else 'too short to be kept out of the evidence'}; "
                f"{SHORTEST_SECRET} characters are the least"
            )
    value = filled(template, values, hidden, place)
    if not _SENDABLE.fullmatch(value):
        raise UsageError(f"{place}: its value holds a line break, or a character that is not ASCII")
    return value


def secret(reference: Reference, folder: Path, hidden: Hidden, place: str) -> str:
    """The value that is referred to, which nobody is shown from now on; raises UsageError."""
    if reference.kind == "config":
        if reference.name not in hidden:
            raise UsageError(f"{place}: {reference} is the lab's own spelling; say ${{NAME}} or ${{file:PATH}}")
        value = hidden[reference.name]
    elif reference.kind == "file":
        value = _in_file(folder / Path(reference.name).expanduser(), place, reference)
        keep_secret(value)
    else:
        found = os.environ.get(reference.name)
        if found is None:
            raise UsageError(
                f"{place}: the environment has no variable {reference.name}; set it where the lab is started, as in "
                f"`export {reference.name}=...`"
            )
        value = found
        keep_secret(value)
    return value


def _in_file(path: Path, place: str, reference: Reference) -> str:
    """What a file says, without the line break at its end. One that is no regular file may never end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            seen = os.fstat(descriptor)
            if not stat.S_ISREG(seen.st_mode) or seen.st_size > _LONGEST_FILE_BYTES:
                raise UsageError(f"{place}: {reference} is no file, or has more than {_LONGEST_FILE_BYTES} bytes")
            return file.read(_LONGEST_FILE_BYTES).decode("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not text"
        raise UsageError(f"{place}: {reference} cannot be read: {why}") from None


def absolute(template: str, folder: Path) -> str:
    """The same template for somebody at work in another folder."""
    parts = []
    for piece in pieces(template):
        is_file = isinstance(piece, Reference) and piece.kind == "file"
        parts.append(f"${{file:{folder / Path(piece.name).expanduser()}}}" if is_file else piece)  # type: ignore[union-attr]
    return "".join(parts)


def refuse_missing(profile: Profile) -> None:
    """Raise UsageError for the first secret that a profile refers to and nobody has; all are known from then on."""
    hidden, values = profile.subject.hidden, {HERE: profile.folder}
    for place, template in headers_in(profile):
        filled_header(template, values, hidden, place)
    for place, template in _environments(profile):
        filled(template, values, hidden, place)


def check_headers(profile: Profile, source: str) -> None:
    """Check the names of headers: one that the lab sets itself cannot be another; raises UsageError."""
    for place, _ in headers_in(profile):
        name = place.rpartition("headers.")[2]
        if not _HEADER.fullmatch(name):
            raise UsageError(f"{source}: {place}: that is no name of a header")
        if name.lower() in _OURS:
            raise UsageError(f"{source}: {place}: that header is the lab's own, and cannot be said")


def headers_in(profile: Profile) -> Iterator[tuple[str, str]]:
    """Every header that a profile sends, with the place at which it stands."""
    for name, template in profile.subject.headers.items():
        yield f"[subject] headers.{name}", template
    for principal in profile.principals:
        for name, template in principal.headers.items():
            yield f"[[principals]] {principal.name}: headers.{name}", template


def _environments(profile: Profile) -> Iterator[tuple[str, str]]:
    for name, template in profile.subject.environment.items():
        yield f"[subject] environment.{name}", template
    for name, template in (profile.client.environment if profile.client else {}).items():
        yield f"[client] environment.{name}", template
