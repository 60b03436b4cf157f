"""What the user of ``init`` says of the server himself: settings, headers, variables. It goes over what is found."""

from __future__ import annotations

import argparse
import re
import tomllib
from typing import Any

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.proposing.writing import Draft


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """What the user says of certain keys, by ``TABLE.KEY``. Raises UsageError."""
    found: dict[str, Any] = {}
    for key, text in pairs(options.set, "--set"):
        if key.count(".") != 1:
            raise UsageError(f'--set {key}: expected TABLE.KEY=VALUE, as in observe.count="$.done"')
        try:
            found[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[key] = text
    return found


def pairs(given: list[str] | None, option: str) -> list[tuple[str, str]]:
    """An option's ``NAME=VALUE``, each in two. Raises UsageError."""
    found = []
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {text}: expected NAME=VALUE")
        found.append((name, value))
    return found


def _header(text: str) -> tuple[str, str]:
    match = re.match(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*[:=]\s*(.*)$", text, re.DOTALL)
    if match is None:
        raise UsageError(f"--header {text!r}: expected 'NAME: VALUE', as in 'Authorization: Bearer ${{TOKEN}}'")
    return match[1], match[2]


def variables(options: argparse.Namespace) -> dict[str, str]:
    """The variables that the user gives it: also its trial is to keep its store where he says."""
    said = settings(options).get("subject.environment", {})
    if not isinstance(said, dict):
        raise UsageError('--set subject.environment: expected a table, as in { DATA_DIR = "{state_dir}/data" }')
    return {str(name): str(value) for name, value in said.items()}


def say_given(draft: Draft, options: argparse.Namespace) -> None:
    """What the user says of the subject itself goes over all that is found out, in the trial too."""
    draft.say("subject", "headers", dict(_header(text) for text in options.header or ()) or None)
    for key, value in settings(options).items():
        table, _, name = key.partition(".")
        if table == "subject" and name != "environment":
            draft.say(table, name, value, "as you say")
