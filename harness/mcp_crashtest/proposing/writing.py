"""A proposed profile as the text of a file: TOML with a comment wherever something was guessed; and a CI workflow."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_COLUMN = 100


@dataclass(frozen=True, slots=True)
class Line:
    """A key of a table, and what is to be known of it; ``guessed``: it is to be looked at."""

    key: str
    value: Any
    said: str = ""
    guessed: bool = False


@dataclass(slots=True)
class Draft:
    """A profile in the making: its tables' lines, and what was seen on the way.

    ``footnotes`` are for the file alone.
    """

    tables: dict[str, list[Line]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    footnotes: list[str] = field(default_factory=list)

    def copy(self) -> Draft:
        """Another one that says the same."""
        return Draft({n: list(lines) for n, lines in self.tables.items()}, list(self.remarks), list(self.footnotes))

    def say(self, table: str, key: str, value: Any, said: str = "", *, guessed: bool = False) -> None:
        """A key with its value, in the place of what was said of it before; None takes it out."""
        lines = self.tables.setdefault(table, [])
        lines[:] = [line for line in lines if line.key != key]
        if value is not None:
            lines.append(Line(key, value, said, guessed))

    def get(self, table: str, key: str) -> Any:
        """What a table says of a key; None where it says nothing."""
        return next((line.value for line in self.tables.get(table, ()) if line.key == key), None)

    def data(self) -> dict[str, Any]:
        """The tables as they would be read."""
        return {name: {line.key: line.value for line in lines} for name, lines in self.tables.items() if lines}

    @property
    def guesses(self) -> list[str]:
        """The keys that are to be looked at."""
        return [f"[{table}] {line.key}" for table, lines in self.tables.items() for line in lines if line.guessed]


def text_of(draft: Draft, title: str) -> str:
    """The file. Comments hold text of a subject: it is kept to one harmless line."""
    return "\n".join(_lines(draft, title)) + "\n"


def _lines(draft: Draft, title: str) -> Iterator[str]:
    yield _comment(title)
    if draft.guesses:
        yield "# Lines marked (guess) were not told by the server: look at them."
    for remark in (*draft.remarks, *draft.footnotes):
        yield _comment(remark)
    for table, lines in draft.tables.items():
        if lines:
            yield ""
            yield f"[{table}]"
            for line in lines:
                yield from _key(line)


def _key(line: Line) -> Iterator[str]:
    said = " ".join(part for part in ("(guess)" if line.guessed else "", line.said) if part)
    written = f"{line.key} = {toml(line.value)}"
    if said and len(written) + len(said) + 4 > _COLUMN:
        yield _comment(said)
        yield written
    else:
        yield f"{written}{'  ' + _comment(said) if said else ''}"


def _comment(text: str) -> str:
    return "# " + "".join(c if c.isprintable() else " " for c in text)


def toml(value: Any) -> str:
    """A value as TOML; what is null has no place in it and is left out."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_named(str(k))} = {toml(v)}" for k, v in value.items() if v is not None)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(toml(item) for item in value if item is not None)}]"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _named(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key)


_WORKFLOW = """\
# Kills the server all over a long job and asserts that it resumes exactly: a first look on each push, all on Mondays.
name: crashtest
on:
  push:
  pull_request:
  schedule:
    - cron: "17 4 * * 1"
jobs:
  crashtest:
    runs-on: ubuntu-latest
    timeout-minutes: {minutes}
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7
      - uses: actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0
        with:
          python-version: "3.12"
      # What the server itself needs is installed here.
      - name: Install mcp-crashtest
        run: python -m pip install --quiet --disable-pip-version-check mcp-crashtest
      - name: Kill it, restart it, prove that nothing was lost
        run: >-
          mcp-crashtest certify --junit crashtest.junit.xml --sarif crashtest.sarif
          --profile {profile} ${{{{ github.event_name != 'schedule' && '--quick' || '' }}}}
      - name: Say what it came to
        if: ${{{{ !cancelled() }}}}
        run: mcp-crashtest report --github
      - name: Keep the evidence
        if: ${{{{ !cancelled() }}}}
        uses: actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1
        with:
          name: crashtest-report
          path: |
            crashtest-report
            crashtest.junit.xml
            crashtest.sarif
"""
_LEAST_MINUTES, _SLOWER = 10, 4


def workflow(profile: str, seconds: float) -> str:
    """A GitHub workflow that certifies a profile; ``seconds``: about how long all of it takes here."""
    return _WORKFLOW.format(profile=shlex.quote(profile), minutes=max(_LEAST_MINUTES, round(_SLOWER * seconds / 60)))
