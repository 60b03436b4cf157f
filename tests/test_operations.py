"""Operations on a real server: one that does all of it right passes, and a profile that asks wrongly is told so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.operation import Op, Type
from tests.lab import MUTANTS, ROOT, SMALL, Done, certify, invariants

SCENARIO = ("--scenario", "operations-survive")
RIGHT = MUTANTS / "operated.toml"
RIGHT_ONES = ("operated", "owned", "asks", "core_asks")


def asking(folder: Path, name: str, right: str, wrong: str) -> Path:
    """The profile of the server that is right, with a mistake."""
    text = RIGHT.read_text(encoding="utf-8").replace("{here}", str(RIGHT.parent))
    assert right in text
    path = folder / f"{name}.toml"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """One session for all."""
    folder = tmp_path_factory.mktemp("right")
    late = asking(folder, "says_wait", str(RIGHT.with_suffix(".py")), str(SMALL.with_name("says_wait.py")))
    profiles = [f"--profile={path}" for path in (*(MUTANTS / f"{name}.toml" for name in RIGHT_ONES), late)]
    return certify(folder / "report", *profiles, *SCENARIO)


@pytest.mark.parametrize("name", [*RIGHT_ONES, "says_wait"])
def test_who_does_it_right_passes(right: Done, name: str) -> None:
    """A cancel takes effect behind the batch, the list comes in pages; there may be users, or a job that asks.

    Who says "wait" to everything behind a restart, and calls it no error, is asked again.
    """
    [scenario] = [s for s in right.certificate["scenarios"] if s["profile"] == name]
    assert scenario["verdict"] == "PASS", scenario["reason"]
    assert scenario["runs"] == 10
    unsaid = [cap for cap in right.certificate["caps"] if "nobody has said how they are asked for" in cap]
    assert all(cap.startswith("pause ") for cap in unsaid)  # core tasks cannot be paused


MISTAKES = {
    "no-tool-to-cancel": (
        'tool = "cancel_job"',
        'tool = "cancel_task"',
        '[contract] cancel.tool = "cancel_task": there is no such tool',
    ),
    "no-tool-to-list": (
        'tool = "list_jobs"',
        'tool = "jobs"',
        '[contract] list.tool = "jobs": there is no such tool',
    ),
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


# --- without durability


@pytest.fixture(scope="module")
def undurable(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """One session for both: of the one that forgets, every job is asked to be cancelled alone."""
    folder = tmp_path_factory.mktemp("undurable")
    text = RIGHT.read_text(encoding="utf-8").replace("{here}/operated.py", str(SMALL.parent / "undurable.py"))
    text = text.replace("recovery_deadline_s = 10", "resumes = false")
    (folder / "honest.toml").write_text(text, encoding="utf-8")
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(("pause", "resume", "list")))
    text = text.replace("[contract]", 'environment = { FORGETS = "1" }\n\n[contract]')
    (folder / "forgets.toml").write_text(text, encoding="utf-8")
    profiles = [f"--profile={folder / name}.toml" for name in ("honest", "forgets")]
    return certify(folder / "report", *profiles, *SCENARIO)


def test_who_says_that_a_restart_has_cost_a_job_is_asked_all_the_same_and_passes(undurable: Done) -> None:
    [scenario] = [s for s in undurable.certificate["scenarios"] if s["profile"] == "honest"]
    assert (scenario["verdict"], scenario["runs"]) == ("PASS", 10), scenario["reason"]


def test_whose_restart_has_lost_the_task_that_is_to_be_cancelled_is_judged_for_that(undurable: Done) -> None:
    """What was cancelled in time may be forgotten."""
    [scenario] = [s for s in undurable.certificate["scenarios"] if s["profile"] == "forgets"]
    assert (scenario["verdict"], invariants(scenario)) == ("FAIL", {"task.vanished"}), scenario["reason"]
    assert scenario["faults_unconfirmed"] == 0


# --- a job that asks


def test_a_job_that_asks_for_something_needs_a_profile_that_says_how_it_is_given(tmp_path: Path) -> None:
    text = (MUTANTS / "asks.toml").read_text(encoding="utf-8").replace("{here}", str(MUTANTS))
    profile = tmp_path / "unanswered.toml"
    profile.write_text("".join(line for line in text.splitlines(keepends=True) if not line.startswith("answer = ")))
    done = certify(tmp_path / "report", "--profile", profile, "--scenario", "undisturbed")
    assert done.code == 2, done.out + done.err
    [scenario] = done.certificate["scenarios"]
    assert "the task asks its client for something" in scenario["reason"]
    assert "say [contract] answer = { tool" in scenario["reason"]


DURABLE = (ROOT / "scenarios" / "profiles" / "reference-durable.toml").read_text(encoding="utf-8")
THERE = "test -e {state_dir}/data/out.jsonl || echo old > {state_dir}/data/out.jsonl"
BEHIND = rf"""command = '''sh -c "{THERE}; exec \1"'''"""
GIVEN = '{ task_id = "{task_id}", key = "overwrite", accept = true, content = { overwrite = true } }'


@pytest.mark.soak
@pytest.mark.parametrize("own", [False, True], ids=["by a tool", "by tasks/update"])
def test_the_reference_server_waits_for_its_answer_over_every_kill(tmp_path: Path, own: bool) -> None:
    """The destination is there, and the migration asks whether it is to be overwritten."""
    text = re.sub(r'^command = "(.*)"$', BEHIND, DURABLE, flags=re.M)
    text = text.replace('"{batch_size}" }\n', '"{batch_size}", confirm = true }\n')
    if own:
        text = re.sub(r"^(status|progress|total|cancel) = .*\n", "", text, flags=re.M)
        text = text.replace("resource-task", "tasks-extension").replace("$.result_data.", "$.")
        text = text.replace("[subject]\n", '[subject]\nprotocols = ["2026-07-28"]\n')
    else:
        text = text.replace("cancel = ", f'answer = {{ tool = "answer_task", arguments = {GIVEN} }}\ncancel = ')
    profile = tmp_path / "confirmed.toml"
    profile.write_text(text)
    done = certify(tmp_path / "report", "--profile", profile, *SCENARIO)
    assert done.code == 0, done.out + done.err
    runs = Bundle(tmp_path / "report").runs("operations-survive")
    assert sum(1 for run in runs for _ in run.history().of(Op.ANSWER, types=[Type.OK])) >= 3
