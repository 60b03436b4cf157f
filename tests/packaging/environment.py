"""Environments in which the wheel is installed, and what a user does in them.

A real one is made by pip, from an index. One for tests is made in a second and without a network: the wheel is
unpacked, and what the lab needs is linked from the environment of the tests, and nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.packaging.interpreters import Interpreter

_DEADLINE_S = 900
_NOT_THEIRS = ("PYTEST_", "CRASHTEST_", "COV_", "PYTHON", "VIRTUAL_ENV")
_SCRIPT = "#!{python}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
_SCRIPTS = {
    "mcp-crashtest": ("mcp_crashtest.entry", "main"),
    "mcp-crashtest-client": ("reference_client.entry", "main"),
    "pytest": ("pytest", "console_main"),
}


class Failed(Exception):
    """A command did not come to what it should have."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The folder of an environment's programs, and an empty one in which its user works."""

    bin: Path
    folder: Path

    @classmethod
    def installed(cls, interpreter: Interpreter, requirement: str, place: Path) -> Environment:
        """A new one with this requirement and what that needs, by pip; raises Failed."""
        environment = cls._empty(str(interpreter.path), place)
        environment.expect(0, "python", "-m", "pip", "install", "--quiet", requirement)
        environment.expect(0, "python", "-m", "pip", "check")
        return environment

    @classmethod
    def linked(cls, wheel: Path, place: Path) -> Environment:
        """A new one with the wheel, and without any extra."""
        environment = cls._empty(sys.executable, place, "--without-pip")
        libraries = environment.expect(0, "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        library = Path(libraries.strip())
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(library)
        for needed in _needed_by("mcp-crashtest", {"mcp-crashtest"}):
            for top in {file.parts[0] for file in needed.files or ()} - {".."}:
                if not (library / top).exists():
                    (library / top).symlink_to(Path(str(needed.locate_file(top))))
        for name, (module, function) in _SCRIPTS.items():
            script = environment.bin / name
            script.write_text(_SCRIPT.format(python=environment.bin / "python", module=module, function=function))
            script.chmod(0o755)
        return environment

    @classmethod
    def _empty(cls, python: str, place: Path, *options: str) -> Environment:
        environment = cls(place / "environment" / "bin", place / "folder")
        environment.folder.mkdir(parents=True)
        environment.expect(0, python, "-m", "venv", *options, environment.bin.parent)
        return environment

    def expect(self, code: int, program: str, *arguments: object, says: tuple[str, ...] = ()) -> str:
        """Run one of its programs in its folder: what it wrote.

        Raises Failed where it does not end with this code, or where none of its lines has all of these words.
        """
        command = [program if os.sep in program else str(self.bin / program), *map(str, arguments)]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if not name.startswith(_NOT_THEIRS)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_DEADLINE_S,
            check=False,
        )
        shown = f"{' '.join(command)}\n{done.stdout}"
        if done.returncode != code:
            raise Failed(f"exit code {done.returncode} instead of {code}: {shown}")
        if says and not any(all(words in line for words in says) for line in done.stdout.splitlines()):
            raise Failed(f"no line says {' and '.join(map(repr, says))}: {shown}")
        return done.stdout


def _needed_by(name: str, known: set[str]) -> Iterator[Distribution]:
    """What this distribution needs without its extras, and what that needs; each once."""
    for requirement in map(Requirement, distribution(name).requires or ()):
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and requirement.name not in known:
            known.add(requirement.name)
            yield distribution(requirement.name)
            yield from _needed_by(requirement.name, known)
