"""What is installed is one package with a name of its own, whole, in nobody's way, and content without the extra."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import closing
from pathlib import Path

import pytest

from tests.lab import CLI, SMALL, certificate_in, environment
from tests.packaging.checkout import ROOT, build, the_wheel
from tests.packaging.environment import Environment
from tests.packaging.interpreters import asked, candidates, newest_of_each_minor
from tests.packaging.neighbour import OWN_TESTS, settle
from tests.packaging.uses import PLAIN, without_the_extra

PYTEST = (sys.executable, "-m", "pytest")
SCRIPT = (str(Path(sys.executable).with_name("pytest")),)  # unlike the module, it does not look into the folder first
OURS = ("--pyargs", "mcp_crashtest.scenarios", "--crashtest-quick", "--crashtest-scenario=undisturbed")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return the_wheel(build(tmp_path_factory.mktemp("wheel"), "--wheel", "--no-isolation"))


@pytest.fixture
def archive(wheel: Path) -> Iterator[zipfile.ZipFile]:
    with closing(zipfile.ZipFile(wheel)) as opened:
        yield opened


# --- what is in the wheel


def test_the_wheel_holds_the_scenarios_and_their_profiles(archive: zipfile.ZipFile) -> None:
    scenarios = ROOT / "scenarios"
    expected = {*scenarios.glob("*.py"), *scenarios.glob("profiles/*.toml")}
    assert len(expected) > 10
    names = set(archive.namelist())
    assert {f"mcp_crashtest/scenarios/{file.relative_to(scenarios)}" for file in expected} <= names


@pytest.mark.parametrize("package", ["mcp_crashtest", "reference_server", "reference_client"])
def test_the_wheel_holds_every_module_and_says_that_it_is_typed(archive: zipfile.ZipFile, package: str) -> None:
    place = ROOT / "harness" if package == "mcp_crashtest" else ROOT
    expected = {str(file.relative_to(place)) for file in (place / package).rglob("*.py")}
    assert len(expected) > 5
    assert {*expected, f"{package}/py.typed"} <= set(archive.namelist())


def test_at_the_wheels_top_is_nothing_that_could_be_somebody_elses(archive: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "mcp_crashtest",
        "reference_server",
        "reference_client",
    }


def test_the_wheels_programs_and_its_pytest_plugin_are_there(archive: zipfile.ZipFile) -> None:
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
    entry_points = ConfigParser()
    entry_points.read_string(archive.read(name).decode())
    assert {group: dict(entry_points[group]) for group in entry_points.sections()} == {
        "console_scripts": {
            "mcp-crashtest": "mcp_crashtest.entry:main",
            "mcp-crashtest-client": "reference_client.entry:main",
        },
        "pytest11": {"mcp_crashtest": "mcp_crashtest.plugin"},
    }
    names = set(archive.namelist())
    assert {"mcp_crashtest/cli.py", "mcp_crashtest/plugin.py", "reference_client/cli.py"} <= names


# --- without the extra


@pytest.mark.soak  # and `make wheel` does so under the oldest and the newest Python
def test_without_the_reference_extra_the_lab_says_how_to_get_it_and_certifies_other_servers(
    wheel: Path, tmp_path: Path
) -> None:
    without_the_extra(Environment.linked(wheel, tmp_path))


# --- in a project that has folders with our names


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_a_project_with_our_folder_names_runs_its_own_tests_and_none_of_ours(tmp_path: Path) -> None:
    done = run(settle(tmp_path), *PYTEST, "-v")
    assert [line.split()[0] for line in done.stdout.splitlines() if " PASSED " in line] == OWN_TESTS
    assert "2 passed" in done.stdout
    assert not (tmp_path / "crashtest-report").exists()


def test_a_project_with_our_folder_names_is_certified_by_the_command(tmp_path: Path) -> None:
    done = run(settle(tmp_path), *CLI, "certify", "--quick", "--scenario", "undisturbed", "--profile", str(SMALL))
    assert "PASS: small" in done.stdout
    certificate = certificate_in(tmp_path / "crashtest-report")
    assert [scenario["id"] for scenario in certificate["scenarios"]] == ["undisturbed"]


def test_a_project_with_our_folder_names_runs_our_scenarios_under_pytest(tmp_path: Path) -> None:
    done = run(settle(tmp_path), *SCRIPT, *OURS, f"--crashtest-profile={PLAIN}")
    assert "1 passed" in done.stdout
    assert "PASS: plain" in done.stdout


def test_its_own_scenarios_and_ours_are_collected_in_one_session_ours_for_the_reference_server(tmp_path: Path) -> None:
    done = run(settle(tmp_path), *PYTEST, "scenarios", "tests", *OURS, "--collect-only", "-q")
    collected = [line for line in done.stdout.splitlines() if "::" in line]
    ours = [line for line in collected if "::test_undisturbed[reference-" in line]
    assert len(ours) == 2
    assert [line for line in collected if line not in ours] == OWN_TESTS


# --- which Pythons the wheel is tried under


def test_a_python_that_only_says_why_it_does_not_run_does_not_count(tmp_path: Path) -> None:
    shim = tmp_path / "python3.12"
    shim.write_text("#!/bin/sh\necho 'python3.12: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    assert shim in list(candidates({"PATH": str(tmp_path)}))
    assert asked(shim) is None


def test_a_python_that_is_still_in_the_making_does_not_count(tmp_path: Path) -> None:
    python = tmp_path / "python3.15"
    python.write_text("#!/bin/sh\necho 3 15 0 alpha\n")
    python.chmod(0o755)
    assert asked(python) is None


def test_of_each_minor_version_the_newest_python_is_taken_be_it_on_the_path_or_pyenvs(tmp_path: Path) -> None:
    for name, version in [("a/python3.12", "3 12 1"), ("b/python3.13", "3 13 2"), ("versions/x/bin/python3", "3 12 4")]:
        python = tmp_path / name
        python.parent.mkdir(parents=True)
        python.write_text(f"#!/bin/sh\necho {version} final\n")
        python.chmod(0o755)
    path = f"{tmp_path / 'a'}:{tmp_path / 'b'}"
    found = newest_of_each_minor(candidates({"PATH": path, "PYENV_ROOT": str(tmp_path)}))
    assert [python.version for python in found if tmp_path in python.path.parents] == [(3, 12, 4), (3, 13, 2)]
