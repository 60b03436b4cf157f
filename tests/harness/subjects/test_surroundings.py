"""A home of its own: what is new in it is the run's, what was fetched once is not fetched again."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mcp_crashtest.model.subject_spec import SubjectSpec
from mcp_crashtest.subjects.surroundings import at_home, make_home


def test_home_and_folders_are_the_runs_and_caches_are_the_users(tmp_path: Path) -> None:
    before = tmp_path / "user"
    (before / ".local").mkdir(parents=True)
    (before / ".cargo").mkdir()
    (before / ".npmrc").write_text("")
    found = at_home(tmp_path / "run", {"HOME": str(before), "UV_CACHE_DIR": "/elsewhere", "NPM_CONFIG_CACHE": "/npm"})
    assert {found[n] for n in ("HOME", "XDG_CACHE_HOME", "TMPDIR")} == {
        str(tmp_path / "run" / place) for place in ("", ".cache", ".tmp")
    }
    assert found["PIP_CACHE_DIR"] == str(before / ".cache" / "pip")
    assert found["CARGO_HOME"] == str(before / ".cargo")
    assert found["PYTHONUSERBASE"] == str(before / ".local")
    assert found["npm_config_userconfig"] == str(before / ".npmrc")
    assert found.keys() & {"UV_CACHE_DIR", "npm_config_cache", "RUSTUP_HOME", "DOTNET_CLI_HOME"} == set()


def test_caches_lie_where_the_user_has_them(tmp_path: Path) -> None:
    found = at_home(tmp_path / "run", {"HOME": str(tmp_path), "XDG_CACHE_HOME": "/cache"})
    assert found["UV_CACHE_DIR"] == "/cache/uv"
    assert found["npm_config_cache"] == str(tmp_path / ".npm")
    assert found["npm_config_logs_dir"] == str(tmp_path / "run" / ".npm" / "_logs")


def test_the_folders_are_private(tmp_path: Path) -> None:
    make_home(tmp_path / "run")
    modes = {stat.S_IMODE((tmp_path / "run" / place).stat().st_mode) for place in (".cache", ".run", ".tmp", ".config")}
    assert modes == {0o700}


@pytest.mark.parametrize(
    ("spec", "own"),
    [
        (SubjectSpec(command="npx server"), True),
        (SubjectSpec(command="server --db {state_dir}/x"), False),
        (SubjectSpec(command="server", environment={"DB": "{state_dir}/x"}), False),
        (SubjectSpec(command="server", home=False), False),
        (SubjectSpec(command="server --db {state_dir}/x", home=True), True),
        (SubjectSpec(url="http://x/mcp", home=True), False),
    ],
)
def test_who_is_told_of_no_folder_has_a_home_of_his_own(spec: SubjectSpec, own: bool) -> None:
    assert spec.has_own_home is own


@pytest.mark.parametrize(
    ("spec", "port"),
    [
        (SubjectSpec(command="a", url="http://localhost:8000/mcp"), 8000),
        (SubjectSpec(command="a", url="http://localhost/mcp"), 80),
        (SubjectSpec(command="a", url="https://localhost/mcp"), 443),
        (SubjectSpec(command="a", url="http://127.0.0.1:{port}/mcp"), None),
        (SubjectSpec(command="a {listen_fd}", url="http://127.0.0.1:{port}/mcp"), None),
        (SubjectSpec(command="a {port}", url="http://127.0.0.1:{services.front.port}/mcp"), None),
        (SubjectSpec(command="a"), None),
        (SubjectSpec(url="http://x:8000/mcp"), None),
    ],
)
def test_a_port_is_fixed_where_a_server_that_is_started_has_one_in_its_url(spec: SubjectSpec, port: int | None) -> None:
    assert spec.fixed_port == port
    assert bool(spec.why_alone) is (port is not None)


@pytest.mark.parametrize(
    ("spec", "alone"),
    [
        (SubjectSpec(command="a", reset="psql -c 'truncate jobs'"), True),
        (SubjectSpec(command="a", reset="sh -c 'cp {here}/*.py .' {here}", cwd="{state_dir}"), False),
        (SubjectSpec(command="a", reset="cp -r {here}/seed {state_dir}"), False),
    ],
)
def test_what_is_put_back_in_a_run_s_own_folder_is_nobody_else_s(spec: SubjectSpec, alone: bool) -> None:
    assert bool(spec.why_alone) is alone
