"""Text that comes from a server is hostile: nothing in it may steer a terminal or fill a screen."""

from __future__ import annotations

_SHOWN = 300


def shown(text: object, most: int = _SHOWN) -> str:
    """The text, bounded, on one line, with everything unprintable spelled out."""
    whole = str(text)
    plain = _spelled_out(whole[:most])
    return plain if len(whole) <= most else f"{plain} ..."


def printed(text: str) -> str:
    """What goes to a terminal in the end, wherever it came from: lines of our own, with everything else spelled out."""
    return "\n".join(map(_spelled_out, text.split("\n")))


def _spelled_out(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
