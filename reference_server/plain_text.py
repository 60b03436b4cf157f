"""Text that comes from clients and files, made plain before a person reads it."""

from __future__ import annotations


def plain(text: str) -> str:
    """The text with each character that is not printable as its escape: none moves a cursor, or begins a line."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
