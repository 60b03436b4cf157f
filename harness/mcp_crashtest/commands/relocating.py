"""A server that was seen to write in the user's own folder: other ways to start it, with a store for each run.

Its store's place is replaced in the command or the variables where it stands there; else the command is started in
``{state_dir}``. Whether such a way keeps the folder clean, and comes to the end of a job, is tried before it is taken.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from mcp_crashtest.commands.way import Reached
from mcp_crashtest.files.mirrors import is_environment, stays
from mcp_crashtest.proposing.command import launcher_in, quoted, read_command

_STATE, _HERE = "{state_dir}", "{here}/"


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

    def is_elsewhere(word: str) -> bool:
        return not any((folder / name).is_relative_to(_named(way, folder, word)) for name in written)

    def is_its_own(word: str) -> bool:
        """Whether it has come to be by the trial itself: there is none where nothing was written yet."""
        return not is_elsewhere(word) and _named(way, folder, word) != folder.resolve()

    moved = read_command(command, is_elsewhere)
    if moved.text != command:
        yield _other(way, moved.text, "; ".join(moved.changes))
    if (variables := _moved(way, folder, written)) is not None:
        yield variables
    if launcher_in(command) is None and spec.cwd is None:
        words = shlex.split(command)
        placed = " ".join(quoted(word if is_its_own(word) else _placed(word, folder, way.folder)) for word in words)
        other = _other(way, placed, "")
        other.draft.say("subject", "cwd", _STATE, f"it writes {written[0]} where it is started", guessed=True)
        yield other
    if spec.cwd is None and spec.reset is None and (copied := _copied(way, folder, written)) is not None:
        yield copied


def _moved(way: Reached, folder: Path, written: Sequence[str]) -> Reached | None:
    """Its store is where a variable says: another place is said there. None where no variable does."""
    spec, own = way.profile().subject, way.draft.get("subject", "environment") or {}
    values = {name: own.get(name, spec.hidden.get(f"env.{name}", value)) for name, value in spec.environment.items()}
    places = {
        name: place
        for name, value in values.items()
        if "{" not in value.removeprefix(_HERE) and (place := _named(way, folder, value)) != folder.resolve()
        if any((folder / one).resolve().is_relative_to(place) for one in written)
    }
    if not places:
        return None
    other = Reached(way.draft.copy(), way.folder, way.workload)
    new = {name: f"{_STATE}/{place.name}" for name, place in places.items()}
    said = {**(way.draft.get("subject", "environment") or {}), **new}
    other.draft.say("subject", "environment", said, f"each run has {' and '.join(new)} of its own")
    return other


def _named(way: Reached, folder: Path, word: str) -> Path:
    """The path that a word is, seen from where the command runs."""
    return (folder / word.replace(_HERE, f"{way.folder}/")).resolve()


def _copied(way: Reached, folder: Path, written: Sequence[str]) -> Reached | None:
    """Its store is beside its script: each run has a copy of the script's folder, without that store."""
    left = {name.partition("/")[0] for name in written}
    entries = sorted(path for path in folder.iterdir() if path.name not in left and not stays(path))
    entries = [path for path in entries if path.name != "crashtest.toml"]
    environments = [path.name for path in entries if is_environment(path)]
    own = [path.name for path in entries if path.name not in environments]
    if not own or folder.resolve() != way.folder.resolve():
        return None
    steps = [f"cp -R {_beside(own)} ."] + ([f"ln -s {_beside(environments)} ."] if environments else [])
    other = Reached(way.draft.copy(), way.folder, way.workload)
    why = f"it writes {written[0]} beside its script: each run has a copy of that, and yours stays as it is"
    other.draft.say("subject", "cwd", _STATE, why, guessed=True)
    other.draft.say("subject", "reset", f"sh -c {shlex.quote(' && '.join(steps))} {{here}}", "", guessed=True)
    if (command := way.draft.get("subject", "command")) is not None:
        other.draft.say("subject", "command", command.replace("{here}/", ""), "")
    return other


def _beside(names: Sequence[str]) -> str:
    return " ".join(f'"$0"/{shlex.quote(name)}' for name in names)


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
    keys = [key for key in ("cwd", "reset", "environment", "command") if way.draft.get("subject", key) is not None]
    return ", ".join(f"{key} = {way.draft.get('subject', key)}" for key in keys)
