"""Secrets: how a profile refers to them, and how they are kept out of all that is written down or shown.

``${NAME}`` is a variable of the lab's environment, ``${file:PATH}`` what a file says. A profile holds the reference,
and nobody but who sends a request or starts a process ever holds the value. A value that was read once is known to this
process as a secret from then on: whatever is written or shown passes ``masked``. That is the one thing in this room
that is not a value, because a secret must not depend on somebody's thinking of it.

Known in other clothes: as JSON writes it, percent-encoded, and in base64, alone or within more. Not known: compressed,
encrypted, reversed, cut into pieces, in UTF-16.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

SHORTEST_SECRET = 4
"""What is shorter cannot be told from other text."""

MASK = "***"
_CLOTHED = 8  # in base64 fewer characters say nothing
_REFERENCE = re.compile(r"\$(\$)?\{(?:(file|config|env):)?([^${}]{1,400})\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_kept: dict[str, tuple[str, ...]] = {}
_meant: dict[str, str] = {}


class Reference(str):
    """A reference as it is written, such as ``${TOKEN}``; ``kind`` is env, file or config."""

    kind: str
    name: str

    @classmethod
    def of(cls, match: re.Match[str]) -> Reference:
        """From where it was found."""
        reference = cls(match[0])
        reference.kind, reference.name = match[2] or "env", match[3]
        return reference


def pieces(template: str) -> Iterator[str | Reference]:
    """A template's text and references, in order. ``$${`` is ``${``, and what is no variable's name is text."""
    end = 0
    for match in _REFERENCE.finditer(template):
        is_text = bool(match[1]) or (match[2] in (None, "env") and not _NAME.fullmatch(match[3]))
        if is_text and not match[1]:
            continue
        yield template[end : match.start()]
        yield match[0][1:] if is_text else Reference.of(match)
        end = match.end()
    yield template[end:]


def references(template: str) -> Iterator[Reference]:
    """The references of a template, in order."""
    return (piece for piece in pieces(template) if isinstance(piece, Reference))


# --- keeping them


def keep_secret(value: str) -> None:
    """From now on this is shown to nobody. What is too short to be told from other text is not kept."""
    for part in {value, value.strip()}:
        if len(part) >= SHORTEST_SECRET and part not in _kept:
            _kept[part] = tuple(sorted(set(_clothes(part)), key=len, reverse=True))


def kept() -> tuple[str, ...]:
    """The secrets that this process knows: for another process, which is to know them too."""
    return tuple(_kept)


def forget_secrets() -> None:
    """Know none any more: for tests."""
    _kept.clear()
    _meant.clear()


def spellings() -> tuple[str, ...]:
    """Everything that is looked for, the longest first."""
    return tuple(sorted({text for texts in _kept.values() for text in texts}, key=len, reverse=True))


def _clothes(secret: str) -> Iterator[str]:
    yield secret
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (quote(secret, safe=""), quote(secret), quote_plus(secret))
    if len(secret) >= _CLOTHED:
        for shift in range(3):  # where it begins within three bytes that become four characters
            encoded = b64encode(b"\0" * shift + secret.encode()).decode().rstrip("=")
            whole = encoded[0 if shift == 0 else shift + 1 : (len(secret.encode()) + shift) // 3 * 4]
            yield from (whole, whole.replace("+", "-").replace("/", "_"))


def masked(text: str) -> str:
    """A text without any secret in it."""
    if _kept:
        for spelling in spellings():
            if spelling in text:
                text = text.replace(spelling, MASK)
    return text


def masked_name(name: str | None) -> str | None:
    """The name of a task without any secret in it; ``meant`` knows what was meant."""
    shown = None if name is None else masked(name)
    if name is not None and shown is not None and shown != name:
        _meant[shown] = name
    return shown


def meant(name: str | None) -> str | None:
    """The name of a task as its server said it: it is asked for by that."""
    return None if name is None else _meant.get(name, name)


def without_secrets(value: Any) -> Any:
    """A JSON value without any secret in it, names included; what is neither text nor made of it stays as it is."""
    if not _kept:
        return value
    if isinstance(value, str):
        return masked(value) if type(value) is str else value
    if isinstance(value, Mapping):
        return {without_secrets(name): without_secrets(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(inner) for inner in value]
    return value
