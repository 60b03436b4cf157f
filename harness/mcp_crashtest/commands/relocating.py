"""A server that was seen to write in the user's own folder: other ways to start it, with a store for each run.

Its store's place is replaced in the command or the variables where it stands there; else the command is started in
``{state_dir}``. Whether such a way keeps the folder clean, and comes to the end of a job, is tried before it is taken.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from mcp_crashtest.commands.reaching import Reached
from mcp_crashtest.proposing.command import launcher_in, quoted, read_command

_STATE = "{state_dir}"


def folder_of(way: Reached) -> Path | None:
    """The folder in which its command runs, where that is one of the user's; None for another, or without a command."""
    subject = way.profile().subject
    cwd = subject.cwd or "."
    return Path(way.folder, cwd) if subject.command and "{" not in cwd else None


def elsewhere(way: Reached, written: Sequence[str]) -> Iterator[Reached]:
    """Other ways for a server that has ``written`` these files in its folder, the least changed first."""
    spec, folder = way.profile().subject, folder_of(way)
    command = spec.command
    if folder is None or command is None or "${" in command:
        return

    def stays(word: str) -> bool:
        return not any((folder / name).is_relative_to((folder / word).resolve()) for name in written)

    moved = read_command(command, stays)
    if moved.text != command:
        yield _other(way, moved.text, "; ".join(moved.changes))
    if launcher_in(command) is None and spec.cwd is None:
        placed = " ".join(quoted(_placed(word, folder, way.folder)) for word in shlex.split(command))
        other = _other(way, placed, "")
        other.draft.say("subject", "cwd", _STATE, f"it writes {written[0]} where it is started", guessed=True)
        yield other


def _other(way: Reached, command: str, why: str) -> Reached:
    draft = way.draft.copy()
    draft.say("subject", "command", command, why)
    return Reached(draft, way.folder, way.workload)


def _placed(word: str, folder: Path, here: Path) -> str:
    """A word that names a file of the folder, so that it is found from anywhere."""
    if not word or word.startswith(("-", "/", "{")) or not (folder / word).exists():
        return word
    return f"{{here}}/{os.path.relpath(folder / word, here)}"


def told(way: Reached) -> str:
    """What is other in a way, in the words of a profile."""
    cwd = way.draft.get("subject", "cwd")
    command = way.draft.get("subject", "command")
    return f"cwd = {cwd}, {command}" if cwd else str(command)
