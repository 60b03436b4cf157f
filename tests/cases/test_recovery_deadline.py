"""A server that needs twelve seconds to start: over a claim of ten, within one of thirty."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import certify, invariants, named

FOLDER = Path(__file__).resolve().parent / "03-slow-start"
RESTART = "planned-restart"

pytestmark = [pytest.mark.cases, pytest.mark.timeout(600)]


def claiming(name: str, folder: Path, seconds: int) -> Path:
    """The case's profile, with this claim where it has none."""
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8").replace("{here}", str(FOLDER))
    if "[claims]" not in text:
        text += f"\n[claims]\nrecovery_deadline_s = {seconds}\n"
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_twelve_seconds_are_over_a_claim_of_ten(tmp_path: Path) -> None:
    profile = claiming("b-longer", tmp_path, 10)
    done = certify(tmp_path / "report", "--profile", profile, "--scenario", RESTART, "--quick")
    assert done.code == 1, done.out + done.err
    restarted = named(done, RESTART, "b-longer")
    assert invariants(restarted) == {"recovery.deadline"}
    [message] = {finding["message"] for finding in restarted["findings"]}
    assert " after the restart" in message  # and, on a loaded machine, how long of it was waiting for a processor
    assert message.endswith("; the claim is 10 s")
    measured_s = float(message.split(" came ")[1].split(" s ")[0])
    assert 12 < measured_s < 30


def test_twelve_seconds_are_within_a_claim_of_thirty(tmp_path: Path) -> None:
    profile = claiming("c-both", tmp_path, 30)
    done = certify(tmp_path / "report", "--profile", profile, "--scenario", RESTART, "--quick")
    restarted = named(done, RESTART, "c-both")
    assert (restarted["verdict"], restarted["findings"]) == ("PASS", []), done.out + done.err
