"""Where a subject is said and where it is written: files of the repository that a finding can be shown at.

Names are relative to the repository around the working directory, or to that where there is none, with slashes. What
lies outside is no place for anybody else, and is left out.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_crashtest.model.profile import Profile

_SOURCES = (
    *(".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".rb", ".go", ".rs", ".java", ".kt", ".cs", ".php", ".sh"),
    *(".ex", ".exs", ".pl", ".lua", ".swift", ".scala"),
)


def files_of(profile: Profile, file: Path | None) -> dict[str, str]:
    """The profile's file, and the one that its command starts, as far as they are known and lie in here."""
    root = root_of(Path.cwd())
    written = None if file is None else _within(Path(str(file).partition("#")[0]) if not file.exists() else file, root)
    started = next((name for path in _started(profile) if (name := _within(path, root)) is not None), None)
    return {name: path for name, path in (("profile", written), ("subject", started)) if path is not None}


def root_of(folder: Path) -> Path:
    """The repository around a folder; the folder itself where there is none."""
    resolved = folder.resolve()
    return next((place for place in (resolved, *resolved.parents) if (place / ".git").exists()), resolved)


def _within(path: Path, root: Path) -> str | None:
    try:
        resolved = path.resolve()
        return resolved.relative_to(root).as_posix() if resolved.is_file() else None
    except (OSError, ValueError):
        return None


def _started(profile: Profile) -> Iterator[Path]:
    """The files that the command of the one on trial may mean, the likeliest first."""
    command = profile.client.command if profile.client else profile.subject.command
    try:
        words = shlex.split(command or "")
    except ValueError:
        return
    folders = [
        Path(profile.folder) / (profile.subject.cwd or "").replace("{here}", profile.folder),
        Path(profile.folder),
        Path.cwd(),
    ]
    for number, word in enumerate(words):
        filled = word.replace("{here}", profile.folder)
        if Path(filled).suffix in _SOURCES:
            yield from (folder / filled for folder in folders)
        if number and words[number - 1] == "-m":
            module = Path(*filled.split("."))
            yield from (folder / name for folder in folders for name in (module / "__main__.py", f"{module}.py"))
