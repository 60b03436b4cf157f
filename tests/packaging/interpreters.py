"""The Pythons of this machine that a user could install us under: final releases that really run and can make a venv.

They are looked for on the PATH and among pyenv's versions. A pyenv shim that only says that its Python is not chosen
does not run; the version behind it is found in pyenv's own folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MINORS = tuple(range(11, 16))
_ASK = "import sys, venv, ensurepip; print(*sys.version_info[:4])"
_DEADLINE_S = 30


@dataclass(frozen=True, slots=True, order=True)
class Interpreter:
    """A Python: its version, and where it is."""

    version: tuple[int, int, int]
    path: Path

    @property
    def minor(self) -> int:
        """11 for Python 3.11."""
        return self.version[1]

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.version))} ({self.path})"


def newest_of_each_minor(paths: Iterable[Path]) -> list[Interpreter]:
    """Those that run, from the oldest to the newest: of each minor version the latest, and the first of equals."""
    found: dict[int, Interpreter] = {}
    for interpreter in filter(None, map(asked, paths)):
        known = found.get(interpreter.minor)
        if interpreter.minor in MINORS and (known is None or known.version < interpreter.version):
            found[interpreter.minor] = interpreter
    return sorted(found.values())


def candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    """Where a Python may be: on the PATH, in pyenv's folder, and the one that runs this."""
    for minor in MINORS:
        for folder in environment.get("PATH", os.defpath).split(os.pathsep):
            path = Path(folder, f"python3.{minor}")
            if path.is_file() and os.access(path, os.X_OK):
                yield path
    root = _pyenv_root(environment)
    if root:
        yield from sorted(root.glob("versions/*/bin/python3"))
    yield Path(sys.executable)


def asked(path: Path) -> Interpreter | None:
    """The Python at this path; None if it does not run, is no final release, or cannot make an environment."""
    try:
        done = subprocess.run([path, "-I", "-c", _ASK], capture_output=True, text=True, timeout=_DEADLINE_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match done.stdout.split():
        case [major, minor, micro, "final"]:
            return Interpreter((int(major), int(minor), int(micro)), path)
    return None


def _pyenv_root(environment: Mapping[str, str]) -> Path | None:
    if environment.get("PYENV_ROOT"):
        return Path(environment["PYENV_ROOT"])
    pyenv = shutil.which("pyenv", path=environment.get("PATH"))
    if pyenv is None:
        return None
    done = subprocess.run([pyenv, "root"], capture_output=True, text=True, timeout=_DEADLINE_S, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 and done.stdout.strip() else None
