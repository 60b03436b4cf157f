"""Operations on a real server: one that does all of it right passes, and a profile that asks wrongly is told so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import MUTANTS, Done, certify

SCENARIO = ("--scenario", "operations-survive")
RIGHT = MUTANTS / "operated.toml"


def asking(folder: Path, name: str, right: str, wrong: str) -> Path:
    """The profile of the server that is right, with a mistake."""
    text = RIGHT.read_text(encoding="utf-8").replace("{here}", str(RIGHT.parent))
    assert right in text
    path = folder / f"{name}.toml"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """One session for both."""
    profiles = [f"--profile={MUTANTS / name}.toml" for name in ("operated", "owned")]
    return certify(tmp_path_factory.mktemp("right"), *profiles, *SCENARIO)


@pytest.mark.parametrize("name", ["operated", "owned"])
def test_who_does_it_right_passes(right: Done, name: str) -> None:
    """A cancel takes effect behind the batch, the list comes in pages; and there may be users who are kept apart."""
    [scenario] = [s for s in right.certificate["scenarios"] if s["profile"] == name]
    assert scenario["verdict"] == "PASS", scenario["reason"]
    assert scenario["runs"] == 10
    assert not any("nobody has said how they are asked for" in cap for cap in right.certificate["caps"])


MISTAKES = {
    "no-tool-to-cancel": (
        'tool = "cancel_job"',
        'tool = "cancel_task"',
        "cancel: the server has no tool 'cancel_task'",
    ),
    "no-tool-to-list": ('tool = "list_jobs"', 'tool = "jobs"', "list: the server has no tool 'jobs'"),
    "no-tasks-there": ("$.jobs", "$.tasks", "there is no list of tasks at items = '$.tasks'"),
    "no-id-there": ("$.job.id", "$.id", "there is no id at handle = '$.id'"),
    "other-arguments": (
        '"cancel_job", arguments = { job_id',
        '"cancel_job", arguments = { id',
        "does not take these arguments",
    ),
}


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """One session for all."""
    folder = tmp_path_factory.mktemp("mistaken")
    profiles = [f"--profile={asking(folder, name, *MISTAKES[name][:2])}" for name in MISTAKES]
    return certify(folder / "report", *profiles, *SCENARIO)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_profile_that_asks_wrongly_is_the_users_mistake(mistaken: Done, name: str) -> None:
    assert mistaken.code == 2
    [scenario] = [s for s in mistaken.certificate["scenarios"] if s["profile"] == name]
    assert MISTAKES[name][2] in scenario["reason"]
