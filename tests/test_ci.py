"""What a CI runs: the action's steps are executed as a runner does, and the YAML keeps to the published schemas."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcp_crashtest.proposing.writing import workflow
from tests.lab import MUTANTS, ROOT, SMALL, environment, smaller

ACTION = ROOT / "action.yml"
GITLAB = ROOT / "templates" / "gitlab.yml"
CERTIFY = "Kill it, restart it, prove that nothing was lost"
REPORT = "Say what it came to"
INSTALL = "Install mcp-crashtest"
_INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")
_DEADLINE_S = 500


def action() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    return read


STEPS = action()["runs"]["steps"]


@dataclass(slots=True)
class Runner:
    """As much of GitHub's runner as steps in a shell can see: inputs, files for outputs and summary, an exit code."""

    folder: Path
    python: Path
    codes: dict[str, int] = field(default_factory=dict)
    log: str = ""

    def run(self, name: str, **inputs: str) -> int:
        """Run a step by its name, and keep its exit code and its log."""
        [step] = [step for step in STEPS if step["name"] == name]
        given = {said: value["default"] for said, value in action()["inputs"].items()} | inputs
        variables = {key: _INPUT.sub(lambda m: given[m[1]], text) for key, text in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env={**environment(), **self.files(), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_DEADLINE_S,
            check=False,
        )
        self.codes[name] = done.returncode
        self.log += done.stdout
        return done.returncode

    def files(self) -> Mapping[str, str]:
        """What a runner tells every step."""
        return {
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
        }

    @property
    def outputs(self) -> dict[str, str]:
        """What the steps have put out."""
        lines = (self.folder / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path, Path(sys.executable))


def test_a_server_that_passes_passes_the_action_and_the_job_is_told(runner: Runner) -> None:
    smaller(SMALL, runner.folder)
    more = "--scenario=undisturbed\n--seed=7\n"
    assert runner.run(CERTIFY, profile="small.toml\n", arguments=more) == 0, runner.log
    assert runner.run(REPORT) == 0, runner.log
    told = runner.outputs
    assert (told["exit-code"], told["verdict"], told["faults"]) == ("0", "PASS", "0")
    assert (runner.folder / "summary.md").read_text().startswith("### PASS: small earned no star")
    assert {"crashtest-report", "crashtest.junit.xml", "crashtest.sarif"} <= {p.name for p in runner.folder.iterdir()}
    assert "seed: 7" in runner.log
    stopped = re.search(r"^::stop-commands::([0-9a-f]{32})$", runner.log, re.MULTILINE)
    assert stopped is not None
    assert f"\n::{stopped[1]}::\n" in runner.log


def test_a_profile_that_is_not_there_is_said_at_the_job(runner: Runner) -> None:
    assert runner.run(CERTIFY, profile="nowhere.toml") == 2
    assert "::error title=mcp-crashtest::a bad option, profile or file" in runner.log
    assert runner.outputs == {"exit-code": "2"}


@pytest.mark.parametrize("hostile", ['"; touch owned; "', "$(touch owned)", "`touch owned`", "x'; touch owned; '"])
def test_an_input_is_never_a_command(runner: Runner, hostile: str) -> None:
    assert runner.run(CERTIFY, profile=hostile, level=hostile, arguments=hostile, baseline=hostile) == 2
    assert not (runner.folder / "owned").exists()


@pytest.mark.soak
def test_a_server_that_loses_a_record_fails_the_action_and_is_annotated_until_it_is_expected(runner: Runner) -> None:
    smaller(MUTANTS / "last_batch_lost.toml", runner.folder)
    chosen = {"profile": "last_batch_lost.toml", "quick": "true", "arguments": "--scenario=server-killed-everywhere"}
    assert runner.run(CERTIFY, **chosen) == 1
    assert runner.run(REPORT) == 0
    assert re.search(r"^::error file=.*title=records\.lost in server-killed-everywhere", runner.log, re.MULTILINE)
    assert "<summary>records.lost in " in (runner.folder / "summary.md").read_text()
    assert runner.outputs["badge"].startswith("fails, ")
    update = [sys.executable, "-m", "mcp_crashtest.cli", "baseline", "update", "--reason", "issue 12"]
    subprocess.run(update, cwd=runner.folder, env=environment(), check=True, timeout=_DEADLINE_S)
    assert runner.run(CERTIFY, **chosen, baseline="crashtest-baseline.toml") == 0, runner.log
    assert runner.run(REPORT) == 0
    assert re.search(r"^::notice file=.*title=expected%3A records\.lost", runner.log, re.MULTILINE)


@pytest.mark.soak
def test_the_action_installs_what_it_runs_into_the_python_that_is_there(runner: Runner) -> None:
    venv.create(runner.folder / "env", with_pip=True)
    runner.python = runner.folder / "env" / "bin" / "python"
    assert runner.run("Find the cache") == 0, runner.log
    assert runner.run(INSTALL) == 0, runner.log
    smaller(SMALL, runner.folder)
    assert runner.run(CERTIFY, profile="small.toml", arguments="--scenario=undisturbed") == 0, runner.log
    assert runner.run(REPORT) == 0, runner.log
    assert set(runner.outputs) == {"cache", "version", "exit-code", "verdict", "level", "faults", "badge"}


# --- what is written


def test_no_step_has_an_expression_in_its_script_and_every_foreign_action_is_pinned() -> None:
    assert [step["name"] for step in STEPS if "${{" in step.get("run", "")] == []
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert len(used) == 4
    assert all(re.fullmatch(r"[a-z-]+/[a-z/-]+@[0-9a-f]{40}", name) for name in used)


def test_every_input_is_used_and_every_output_is_put_out() -> None:
    text = ACTION.read_text(encoding="utf-8")
    assert [name for name in action()["inputs"] if f"inputs.{name}" not in text] == []
    outputs = {said["value"] for said in action()["outputs"].values()}
    assert {re.sub(r"[^.]*\.outputs\.|[ }]", "", value.partition("steps.")[2]) for value in outputs} == set(
        action()["outputs"]
    )


def test_the_workflow_that_init_writes_has_the_actions_words_and_versions() -> None:
    written = yaml.safe_load(workflow("crashtest.toml", 60))
    steps = written["jobs"]["crashtest"]["steps"]
    ours = {step["name"]: step for step in STEPS}
    named = [step["name"] for step in steps if "name" in step]
    assert named == [INSTALL, CERTIFY, REPORT, "Keep the evidence"]
    assert set(named) <= set(ours)
    versions = {step["uses"].partition("@")[0]: step["uses"] for step in STEPS if "uses" in step}
    for step in steps:
        name = step.get("uses", "").partition("@")[0]
        assert name not in versions or step["uses"] == versions[name]
    by_name = {step.get("name"): step for step in steps}
    assert by_name[REPORT]["run"] == ours[REPORT]["run"]
    assert by_name[CERTIFY]["run"].startswith(
        "mcp-crashtest certify --junit crashtest.junit.xml --sarif crashtest.sarif"
    )


def test_the_gitlab_job_certifies_and_hands_over_what_was_written(tmp_path: Path) -> None:
    job = yaml.safe_load(GITLAB.read_text(encoding="utf-8"))[".crashtest"]
    smaller(SMALL, tmp_path)
    variables = {**job["variables"], "CRASHTEST_PROFILE": "small.toml", "CRASHTEST_OPTIONS": "--scenario undisturbed"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    install, certify = job["script"]
    assert install.endswith('"$CRASHTEST_PACKAGE"')
    done = subprocess.run(
        ["sh", "-ec", certify],
        cwd=tmp_path,
        env={**environment(), **variables, "PATH": path},
        capture_output=True,
        text=True,
        timeout=_DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(
        (tmp_path / name).exists() for name in [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]
    )


@pytest.mark.parametrize("kind", ["github-actions", "github-workflows", "gitlab-ci"])
def test_the_yaml_keeps_to_the_published_schema(tmp_path: Path, kind: str) -> None:
    sources = {
        "github-actions": ACTION.read_text(encoding="utf-8"),
        "github-workflows": workflow("a server's.toml", 60),
        "gitlab-ci": GITLAB.read_text(encoding="utf-8").replace(
            ".crashtest:", "crashtest:"
        ),  # a hidden job is not looked at
    }
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text(sources[kind])
    broken = {
        "github-actions": ("runs:", "walks:"),
        "github-workflows": ("runs-on:", "runs:"),
        "gitlab-ci": ("when: always", "when: seldom"),
    }
    bad.write_text(sources[kind].replace(*broken[kind], 1))
    checked = [
        subprocess.run(
            [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{kind}", str(path)],
            capture_output=True,
            text=True,
            timeout=_DEADLINE_S,
            check=False,
        )
        for path in (good, bad)
    ]
    assert checked[0].returncode == 0, checked[0].stdout + checked[0].stderr
    assert checked[1].returncode == 1, "a schema that could not fail would show nothing"


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_scripts_are_sound(tmp_path: Path) -> None:
    for number, step in enumerate(step for step in STEPS if "run" in step):
        script = tmp_path / f"{number}.sh"
        script.write_text("#!/bin/bash\n" + step["run"])
        done = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout
