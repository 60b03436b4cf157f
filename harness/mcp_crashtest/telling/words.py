"""How the tellings speak: counted things, times, ordinals, and values as plain data for whoever draws them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_LONGEST = 2000
_SIMPLE = frozenset({str, int, float, bool, type(None)})
# Folders of a machine: what lies in them is named without them.
_PATHS = re.compile(r"(?<![\w.:/])/(?:[\w.@+-]+/){2,}(?=[\w.@+-])")


def plural(n: int, one: str, many: str = "") -> str:
    """A counted thing: ``1 record``, ``5 records``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def ordinal(n: int) -> str:
    """``first``, ``second``, and ``11th`` where the words end."""
    if n <= len(_ORDINALS):
        return _ORDINALS[n - 1]
    last = n % 10 if n % 100 not in (11, 12, 13) else 0
    return f"{n}{('th', 'st', 'nd', 'rd')[last] if last < 4 else 'th'}"


def duration(value_s: float) -> str:
    """A time as a person reads it: milliseconds below a second."""
    return f"{value_s * 1000:.0f} ms" if abs(value_s) < 1 else f"{value_s:.2f} s"


def clean(text: object, longest: int = _LONGEST) -> str:
    """A subject's text without control characters, the ends of lines apart, and bounded."""
    shown = str(text)
    cut = shown[:longest]
    if not cut.replace("\n", "").replace("\t", "").isprintable():
        cut = "".join(
            c if c in "\n\t" or unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in cut
        )
    return cut if len(shown) <= longest else cut + " ..."


def placeless(text: str, folder: str = "") -> str:
    """A text without the folders of the machine on which it was written; ``folder`` is where the report lies."""
    if "/" not in text:
        return text
    if folder:
        text = text.replace(f"{folder}/", "").replace(folder, ".")
    return _PATHS.sub("", text)


def listed(names: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *most, last = list(names) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def plain(value: Any) -> Any:
    """A telling as JSON: dataclasses as objects, without what is None."""
    kind: type[Any] = type(value)
    if kind in _SIMPLE:
        return value
    if kind is tuple or kind is list:
        return [plain(one) for one in value]
    if is_dataclass(value):
        said = ((name, getattr(value, name)) for name in _fields(kind))  # type: ignore[arg-type]
        return {name: plain(one) for name, one in said if one is not None}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    return value


@cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
