"""What hosts fill into an entry of their configuration: variables, inputs and folders, each in its own spelling.

``${NAME}``, ``${NAME:-default}``, ``${env:NAME}``, ``${input:ID}``, ``${workspaceFolder}``, ``${userHome}``. Nobody is
asked for an input: it is a variable of the lab's environment. What comes from the environment is a secret, and so is
what a name says to be one; in a template it is a reference to where it is hidden.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.secrets import keep_secret

_FOUND = re.compile(r"\$\{([^${}\n]{1,400})\}")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_SECRET = re.compile(r"token|secret|passw|pwd|key|auth|credential|cookie|session|private|signature|bearer|dsn", re.I)
_WITH_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s@]*:[^/\s@]+@", re.I)
_FLAG = re.compile(r"--?([A-Za-z][A-Za-z0-9_-]*)(?:=(.*))?", re.DOTALL)
_QUERY = re.compile(r"(?<=[?&])([^=&#]+)=([^&#]+)")
_BRACES = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_HOSTS_OWN = ("command:", "config:", "extensionInstallFolder:")


def holds_secret(name: str, value: str) -> bool:
    """Whether a variable or a flag of this name is likely to be a secret, or its value has a password in it."""
    return bool(value) and (_SECRET.search(name) is not None or _WITH_PASSWORD.match(value) is not None)


def literal(text: str) -> str:
    """A text as a template that is filled with nothing."""
    return _BRACES.sub(r"{{\1}}", _FOUND.sub(lambda found: f"${found[0]}", text))


@dataclass(frozen=True, slots=True)
class Expansion:
    """What is filled into one entry. ``where`` begins every complaint; what is secret goes to ``hidden``."""

    folder: Path
    inputs: Sequence[Any]
    where: str
    hidden: dict[str, str]

    def plain(self, text: str, place: str) -> str:
        """The text with everything filled in; raises UsageError for what nobody has."""
        return _FOUND.sub(lambda found: self._value(found, place)[0], text)

    def words(self, words: Sequence[str]) -> Iterator[str]:
        """A command's words as templates. What stands behind a flag that names a secret is one."""
        before = ""
        for number, word in enumerate(words):
            place = "command" if number == 0 else f"args[{number - 1}]"
            flag = _FLAG.fullmatch(word)
            if before and not word.startswith("-"):
                yield self._hide(place, self.plain(word, place), secret=True)
            elif flag and flag[2] and holds_secret(flag[1], flag[2]):
                head = word[: -len(flag[2])]
                yield literal(head) + self._hide(place, self.plain(flag[2], place), secret=True)
            elif _WITH_PASSWORD.match(word):
                yield self._hide(place, self.plain(word, place), secret=True)
            else:
                yield self._template(word, place)
            before = flag[1] if flag and flag[2] is None and (_SECRET.search(flag[1]) or _is_header(flag[1])) else ""

    def url(self, text: str) -> str:
        """A URL as a template: a password in it, and what a query says under the name of a secret, is one."""
        if _WITH_PASSWORD.match(text):
            return self._hide("url", self.plain(text, "url"), secret=True)
        parts, end = [], 0
        for found in _QUERY.finditer(text):
            if holds_secret(found[1], found[2]):
                value = self.plain(found[2], "url")
                parts += [self._template(text[end : found.start(2)], "url"), self._hide("url", value, secret=True)]
                end = found.end(2)
        return "".join([*parts, self._template(text[end:], "url")])

    def _template(self, text: str, place: str) -> str:
        parts, end = [], 0
        for found in _FOUND.finditer(text):
            value, secret = self._value(found, place)
            parts += [literal(text[end : found.start()]), self._hide(place, value) if secret else literal(value)]
            end = found.end()
        return "".join([*parts, literal(text[end:])])

    def _hide(self, place: str, value: str, *, secret: bool = False) -> str:
        if secret:
            keep_secret(value)
        name, number = place, 2
        while name in self.hidden:
            name, number = f"{place} {number}", number + 1
        self.hidden[name] = value
        return f"${{config:{name}}}"

    def _value(self, found: re.Match[str], place: str) -> tuple[str, bool]:
        """What stands for a variable, and whether it is secret; the text itself where it is none of a host's."""
        name = found[1]
        known: Mapping[str, Callable[[], str]] = {
            "workspaceFolder": lambda: str(self.folder),
            "workspaceFolderBasename": lambda: self.folder.name,
            "userHome": lambda: str(Path.home()),
            "pathSeparator": lambda: os.sep,
            "/": lambda: os.sep,
        }
        if name in known:
            return known[name](), False
        if name.startswith("input:"):
            return self._input(name.removeprefix("input:"), place), True
        if name.startswith(_HOSTS_OWN):
            raise UsageError(f"{self.where}{place}: {found[0]!r} is known to its host alone: say the value itself")
        variable = _NAME.fullmatch(name.removeprefix("env:"))
        if variable is None:
            return found[0], False
        value = os.environ.get(variable[1], variable[2])
        if value is None:
            raise UsageError(f"{self.where}{place}: the environment has no variable {variable[1]}")
        if variable[1] in os.environ:
            if holds_secret(variable[1], value) or not Path(value).is_absolute():
                keep_secret(value)
            return value, True
        return value, False

    def _input(self, name: str, place: str) -> str:
        described = (one for one in self.inputs if isinstance(one, Mapping) and one.get("id") == name)
        default = next(described, {}).get("default")
        variable = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper()
        value = os.environ.get(variable) or (default if isinstance(default, str) else None)
        if value is None:
            raise UsageError(
                f"{self.where}{place}: nobody is asked here for the input {name!r}: set {variable} in the environment"
            )
        keep_secret(value)
        return value


def _is_header(flag: str) -> bool:
    return flag.lower() in ("header", "h")
