"""A server that an entry of somebody's MCP configuration describes: the entry itself stays where it is."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mcp_crashtest.commands.given import say_given, variables
from mcp_crashtest.commands.places import OF_A_COPY, Places
from mcp_crashtest.commands.way import ANY_SIZE, Reached
from mcp_crashtest.files.stores import is_database
from mcp_crashtest.proposing.command import from_here, moved_place, moved_variable, read_command, words_from_here
from mcp_crashtest.proposing.writing import Draft

_FROM_HERE = "over what the entry says: named from this file's folder"


def by_entry(options: argparse.Namespace, folder: Path, places: Places) -> Draft:
    """What a profile says of it. ``folder`` is the profile's, or a copy of it."""
    draft, here = Draft(), places.here
    path = Path(options.mcp_config).expanduser().absolute()
    inside = path.resolve().is_relative_to(here.resolve())
    draft.say("subject", "mcp_config", os.path.relpath(path, here) if inside else str(path))
    draft.say("subject", "server", options.server)
    draft.say("subject", "environment", variables(options) or None)
    say_given(draft, options)
    _move_store(draft, folder, places)
    if folder != here:
        _stay_in_copy(draft, folder, str(here))
    return draft


def _stay_in_copy(draft: Draft, folder: Path, here: str) -> None:
    """What the entry names in the profile's folder by its whole path is named in the copy of it that is tried."""
    spec, said = Reached(draft, folder, ANY_SIZE).profile().subject, draft.get("subject", "environment") or {}
    values = {name: spec.hidden.get(f"env.{name}", value) for name, value in spec.environment.items()}
    placed = {name: from_here(value, here) for name, value in values.items() if name not in said}
    if changed := {name: value for name, value in placed.items() if value != values[name]}:
        draft.say("subject", "environment", {**changed, **said}, _FROM_HERE)
    command = spec.command or ""
    if "${" not in command and words_from_here(command, here) != command:
        draft.say("subject", "command", words_from_here(command, here), _FROM_HERE)


def _move_store(draft: Draft, folder: Path, places: Places) -> None:
    """Where the entry says the place of a store, another one is said over it, so that each run has its own."""
    spec = Reached(draft, folder, ANY_SIZE).profile().subject
    if spec.command is None:
        return
    where = folder / (spec.cwd or ".")
    command = read_command(spec.command, lambda word: places.stay(where / word))
    if command.text != spec.command and "${" not in spec.command and draft.get("subject", "command") is None:
        draft.say("subject", "command", command.text, "; ".join(command.changes))
    draft.remarks += command.warnings
    said = draft.get("subject", "environment") or {}
    values = {name: spec.hidden.get(f"env.{name}") for name in spec.environment if name not in said}
    own = {
        name: new
        for name, value in values.items()
        if value is not None and (new := _moved(name, value)) is not None and not places.stay(where / value)
    }
    if own:
        why = f"over what the entry says: each run has {' and '.join(own)} of its own"
        draft.say("subject", "environment", {**own, **said}, why)
    if (reset := places.reset()) is not None and spec.reset is None:
        draft.say("subject", "reset", reset, OF_A_COPY)


def _moved(name: str, value: str) -> str | None:
    """Another place for a variable that says where a store is: by its name, or because a database lies there."""
    new = moved_variable(name, value)
    if new is None and Path(value).is_absolute() and Path(value).is_file() and is_database(Path(value)):
        return moved_place(value)
    return new
