"""Profiles in files: one alone, several in one, or a part of ``pyproject.toml``.

``FILE`` holds one profile, or several under ``[subjects.NAME.subject]``, ``[subjects.NAME.contract]`` and so on; what
stands at the top is then said of all of them, table by table and key by key. ``FILE#NAME`` is one of several. In a
``pyproject.toml`` all of it stands below ``[tool.crashtest]``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mcp_crashtest.files.profiles import Target, parse_profile
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.profile import Profile

_PROJECT = "pyproject.toml"
_SUBJECTS = "subjects"


def read_profile(path: Path, target: Target | None = None) -> Profile:
    """Read one profile; raises UsageError that names the file, the key and what was expected there."""
    found = read_profiles(path, target)
    if len(found) > 1:
        names = ", ".join(profile.name for profile in found)
        raise UsageError(f"the profile {path} has several subjects: name one, as in {path}#{found[0].name} ({names})")
    return found[0]


def read_profiles(path: Path, target: Target | None = None) -> list[Profile]:
    """Read all profiles of a file, or the one that is named behind ``#``; raises UsageError as ``read_profile``."""
    file, chosen = _split(path)
    data = _document(file)
    where: dict[str, Any] = {"source": str(file), "folder": file.resolve().parent, "target": target}
    subjects = data.get(_SUBJECTS)
    if subjects is None:
        if chosen:
            raise UsageError(f"{file} has no [{_SUBJECTS}.{chosen}]: it holds one profile")
        return [parse_profile(data, name=_name(file), **where)]
    if not isinstance(subjects, Mapping) or not subjects or not all(isinstance(v, Mapping) for v in subjects.values()):
        raise UsageError(f"{file}: [{_SUBJECTS}] has a table for each subject, as in [{_SUBJECTS}.mine.contract]")
    if chosen and chosen not in subjects:
        raise UsageError(f"{file} has no subject {chosen!r}; it has {', '.join(subjects)}")
    common = {key: value for key, value in data.items() if key != _SUBJECTS}
    return [
        parse_profile(_over(common, subjects[name]), name=name, **{**where, "source": f"{file}#{name}"})
        for name in ([chosen] if chosen else subjects)
    ]


def of_project(folder: Path) -> Path | None:
    """The ``pyproject.toml`` of a folder, where it says anything to us."""
    file = folder / _PROJECT
    try:
        tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError, RecursionError):
        return None
    return file if isinstance(tool, Mapping) and "crashtest" in tool else None


def only(profiles: Sequence[Profile], names: Sequence[str]) -> list[Profile]:
    """Those of these names, or all where none is given; raises UsageError for a name that nobody has."""
    known = [profile.name for profile in profiles]
    for name in names:
        if name not in known:
            raise UsageError(f"there is no subject {name!r}; there are {', '.join(known)}")
    return [profile for profile in profiles if not names or profile.name in names]


def _split(path: Path) -> tuple[Path, str]:
    """A file and the subject that is named behind it. A file whose own name has a ``#`` is that file."""
    name, mark, chosen = str(path).rpartition("#")
    return (Path(name), chosen) if mark and not path.exists() else (path, "")


def _name(file: Path) -> str:
    return file.resolve().parent.name if file.name == _PROJECT else file.stem


def _document(file: Path) -> Mapping[str, Any]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the profile {file} cannot be read: {error}; give a TOML file to --profile") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"the profile {file} is not TOML: {error}") from error
    if file.name != _PROJECT:
        return data
    tool = data.get("tool")
    found = tool.get("crashtest") if isinstance(tool, Mapping) else None
    if not isinstance(found, Mapping):
        raise UsageError(
            f"{file} has no [tool.crashtest]: say there what a profile says, as in [tool.crashtest.contract]"
        )
    return found


def _over(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of all, and over it what is said of one."""
    merged = dict(common)
    for key, value in own.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = {**merged[key], **value} if both else value
    return merged
