"""What ``init`` says on its way, and what it asks who sits at a terminal: enter keeps what it has found out."""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.paths import find
from mcp_crashtest.proposing.outputs import key_in
from mcp_crashtest.proposing.sighting import Sighting
from mcp_crashtest.proposing.writing import Draft, toml
from mcp_crashtest.reporting.console import clean

_LONGEST = 2000
_ASKED = ("contract", "observe", "workload")


def can_ask(options: argparse.Namespace) -> bool:
    """Whether somebody sits there who may be asked."""
    return not options.yes and not options.json and sys.stdin.isatty() and sys.stderr.isatty()


def say(options: argparse.Namespace, text: str) -> None:
    """A line for the user; with ``--json`` standard output is not for it."""
    print(clean(text, _LONGEST), file=sys.stderr if options.json else sys.stdout, flush=True)


def chosen_of(question: str, names: Sequence[str]) -> str:
    """Which of these; the first one where nothing is said."""
    return _ask(f"{question} ({', '.join(names)})", names[0])


def ask_about(draft: Draft, sighting: Sighting, options: argparse.Namespace) -> None:
    """Have each guess confirmed or replaced, and ask where the records are if they were found nowhere."""
    if not can_ask(options):
        return
    for table in _ASKED:
        for line in [one for one in draft.tables.get(table, ()) if one.guessed]:
            shown = toml(line.value)
            said = _ask(f"[{table}] {line.key}: {line.said or 'a guess'}. Is it so?", shown)
            value = line.value if said == shown else _value(said)
            draft.say(table, line.key, value, line.said if said == shown else "as you say")
    if draft.get("observe", "records") is None:
        _ask_for_records(draft, sighting)


def _ask_for_records(draft: Draft, sighting: Sighting) -> None:
    said = _ask(
        "Where are the records of its output? The path of a list in the answer, as $.rows, or a table as in "
        '{ file = "{state_dir}/out.jsonl", key = "$.id" }',
        "nowhere",
    )
    if said == "nowhere":
        return
    if not said.startswith("$"):
        draft.say("observe", "records", _value(said), "as you say")
        return
    try:
        items = find(sighting.result, said)
    except UsageError as error:
        items = error
    key = key_in(items) if isinstance(items, list) else None
    if key is None:
        raise UsageError(f"there is no list of records, each with a name of its own, at {said} in the answer")
    draft.say("observe", "records", {"items": said, "key": key}, "as you say")


def _value(text: str) -> Any:
    """A value as TOML has it, or the text itself."""
    try:
        found: Mapping[str, Any] = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return found["value"]


def _ask(question: str, usual: str) -> str:
    print(clean(f"{question} [{usual}] ", _LONGEST), end="", file=sys.stderr, flush=True)
    return input().strip() or usual
