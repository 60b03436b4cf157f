"""Operations on a real server: one that does all of it right passes, and a profile that asks wrongly is told so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import MUTANTS, certify

SCENARIO = ("--scenario", "operations-survive")
RIGHT = MUTANTS / "operated.toml"


def asking(folder: Path, right: str, wrong: str) -> Path:
    """The profile of the server that is right, with a mistake."""
    text = RIGHT.read_text(encoding="utf-8").replace("{here}", str(RIGHT.parent))
    assert right in text
    path = folder / "wrong.toml"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["operated", "owned"])
def test_who_does_it_right_passes(tmp_path: Path, name: str) -> None:
    """A cancel takes effect behind the batch, the list comes in pages; and there may be users who are kept apart."""
    done = certify(tmp_path, "--profile", MUTANTS / f"{name}.toml", *SCENARIO)
    [scenario] = done.certificate["scenarios"]
    assert scenario["verdict"] == "PASS", scenario["reason"]
    assert scenario["runs"] == 10
    assert not any("nobody has said how they are asked for" in cap for cap in done.certificate["caps"])


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ('tool = "cancel_job"', 'tool = "cancel_task"', "cancel: the server has no tool 'cancel_task'"),
        ('tool = "list_jobs"', 'tool = "jobs"', "list: the server has no tool 'jobs'"),
        ("$.jobs", "$.tasks", "there is no list of tasks at items = '$.tasks'"),
        ("$.job.id", "$.id", "there is no id at handle = '$.id'"),
        ('"cancel_job", arguments = { job_id', '"cancel_job", arguments = { id', "does not take these arguments"),
    ],
)
def test_a_profile_that_asks_wrongly_is_the_users_mistake(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    done = certify(tmp_path / "report", "--profile", asking(tmp_path, right, wrong), *SCENARIO)
    assert done.code == 2
    assert told in done.out + done.err
