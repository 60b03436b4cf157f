"""A recipe: a folder with a profile, what it needs, and what is expected of it."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.profile import Claims
from mcp_crashtest.model.verdict import Verdict

HERE = Path(__file__).resolve().parent
_DEBIAN = {"redis-server": "redis-server", "postgres": "postgresql", "node": "nodejs npm", "npm": "npm"}


@dataclass(frozen=True, slots=True)
class Expected:
    """What certifying it comes to: ``invariants`` are found broken, those of ``may`` beside them sometimes."""

    verdict: Verdict
    invariants: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()

    def differs(self, verdict: str, invariants: frozenset[str]) -> str | None:
        """How what was found differs from it; None where it does not."""
        if verdict != self.verdict.name:
            return f"it came to {verdict}, and {self.verdict.name} was expected"
        if missed := self.invariants - invariants:
            return f"{', '.join(sorted(missed))} was expected, and not found"
        if new := invariants - self.invariants - self.may:
            return f"{', '.join(sorted(new))} was found, and not expected"
        return None


@dataclass(frozen=True, slots=True)
class Recipe:
    """One third party's server: ``packages`` are those whose versions are told, ``needs`` programs of the system.

    ``claims`` are what it says of itself, in our words, and ``source`` where. ``ci`` marks those that fit into a minute
    or so. ``arguments`` go to ``certify``.
    """

    folder: Path
    title: str
    job: str
    claims: Sequence[str]
    source: str
    expected: Expected
    packages: Sequence[str] = ()
    needs: Sequence[str] = ()
    arguments: Sequence[str] = ()
    notes: Sequence[str] = field(default=())
    ci: bool = False

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def profile(self) -> Path:
        """How the lab starts and reaches it."""
        return self.folder / "crashtest.toml"

    @property
    def report(self) -> Path:
        """Where the evidence of its last session goes."""
        return self.folder.parent / ".reports" / self.name

    @property
    def observed(self) -> Path:
        """Where what was seen is kept."""
        return self.folder / "observed"

    @property
    def program(self) -> str:
        """The lab as this recipe has it, seen from the top of the checkout."""
        return f"recipes/{self.name}/.env/bin/mcp-crashtest" if self.pins_python else "mcp-crashtest"

    @property
    def pins_python(self) -> bool:
        """Whether it has a Python environment of its own, with the lab in it."""
        return (self.folder / "requirements.txt").exists()

    @property
    def pins_node(self) -> bool:
        """Whether it has packages from npm."""
        return (self.folder / "package.json").exists()

    @property
    def resumes(self) -> bool:
        """Whether its profile claims, for the server, that a job goes on after a restart."""
        claims = tomllib.loads(self.profile.read_text(encoding="utf-8")).get("claims", {})
        return bool(claims.get("resumes", Claims().resumes))

    @property
    def missing(self) -> Sequence[str]:
        """The programs that it needs and this machine does not have."""
        return [program for program in self.needs if shutil.which(program) is None]


def why_not(recipe: Recipe) -> str | None:
    """Why it cannot be played on this machine, and what mends that; None where it can."""
    if not recipe.missing:
        return None
    packages = " ".join(dict.fromkeys(_DEBIAN.get(program, program) for program in recipe.missing))
    return f"there is no {' and no '.join(recipe.missing)} on this machine: apt-get install {packages}"


def recipes(folder: Path = HERE) -> list[Recipe]:
    """All of them, in the order of their names."""
    return [read(path.parent) for path in sorted(folder.glob("*/recipe.toml"))]


def chosen(found: Sequence[Recipe], only: Sequence[str], *, ci: bool) -> list[Recipe]:
    """Those that were asked for; raises UsageError for a name that nobody has."""
    known = {recipe.name: recipe for recipe in found}
    for name in only:
        if name not in known:
            raise UsageError(f"there is no recipe {name}; there are {', '.join(known)}")
    return [recipe for recipe in found if recipe.name in (only or known) and (recipe.ci or not ci)]


def read(folder: Path) -> Recipe:
    """The recipe of a folder; raises UsageError."""
    path = folder / "recipe.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        expected = _expected(data.pop("expect"))
        return Recipe(folder=folder, expected=expected, **data)
    except (OSError, tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise UsageError(f"{path}: {error}") from error


def _expected(data: Mapping[str, Any]) -> Expected:
    named = {key: frozenset(data.get(key, ())) for key in ("invariants", "may")}
    if unknown := frozenset().union(*named.values()) - set(INVARIANTS):
        raise TypeError(f"[expect] names {', '.join(sorted(unknown))}, which is no invariant")
    return Expected(Verdict[data["verdict"]], **named)
