"""Running the lab as a user does: as a process of its own, with its output and its evidence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_crashtest.files.bundle import Bundle
from tests import warm

ROOT = Path(__file__).resolve().parents[1]
MUTANTS = ROOT / "tests" / "mutants"
THIRD_PARTY = ROOT / "tests" / "third_party"
SMALL = ROOT / "tests" / "small" / "small.toml"
CLI = (sys.executable, "-m", "mcp_crashtest.cli")
_DEADLINE_S = 840


@dataclass(frozen=True, slots=True)
class Done:
    """What a command of the lab came to."""

    code: int
    out: str
    err: str

    @property
    def certificate(self) -> dict[str, Any]:
        """The certificate that ``--json`` printed."""
        certificate: dict[str, Any] = json.loads(self.out)
        return certificate


def environment() -> dict[str, str]:
    """Our environment, as a terminal has it: not that of a test."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "CRASHTEST_", "COV_"))}


def lab(*arguments: object, cwd: Path | None = None) -> Done:
    """Run a command of the lab to its end: a process of its own, forked warm; cold where a folder is given."""
    words = [*CLI, *map(str, arguments)]
    if cwd is None:
        done = warm.run(warm.brief(words), env=environment(), timeout=_DEADLINE_S, preload=warm.LAB)
    else:
        done = subprocess.run(
            words, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=_DEADLINE_S, check=False
        )
    return Done(done.returncode, done.stdout, done.stderr)


def certify(report_dir: Path, *arguments: object) -> Done:
    """Certify with ``--json``."""
    return lab("certify", "--json", "--report-dir", report_dir, *arguments)


def smaller(profile: Path, folder: Path, records: int = 30, name: str | None = None) -> Path:
    """The same profile with a smaller job and one hash seed: what is shown with it depends on neither.

    With one seed a session needs one fork server.
    """
    text = profile.read_text(encoding="utf-8").replace("{here}", str(profile.parent)).partition("\n[workload]")[0]
    if "\nenvironment" not in text:
        text = text.replace("[subject]\n", '[subject]\nenvironment = { PYTHONHASHSEED = "1" }\n', 1)
    path = folder / f"{name or profile.stem}.toml"
    path.write_text(f"{text}\n[workload]\nrecords = {records}\n", encoding="utf-8")
    return path


def certificate_in(report_dir: Path) -> Mapping[str, Any]:
    """The certificate that a session has left."""
    certificate = Bundle(report_dir).certificate()
    assert certificate is not None, f"there is no certificate in {report_dir}"
    return certificate


def named(done: Done, scenario: str, profile: str) -> dict[str, Any]:
    """One scenario of a certificate."""
    return next(s for s in done.certificate["scenarios"] if (s["id"], s["profile"]) == (scenario, profile))


def invariants(scenario: dict[str, Any]) -> set[str]:
    """The invariants that a scenario found broken."""
    return {finding["invariant"] for finding in scenario["findings"]}
