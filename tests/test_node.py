"""A server in JavaScript, started by node itself and by what people start it with."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from tests.lab import ROOT, certify, lab, named

FOLDER = ROOT / "tests" / "node"
SCENARIOS = ("planned-restart", "server-killed-everywhere")
LAUNCHED = {
    "npm run": "npm --prefix {here} run serve -- {port} {state_dir}",
    "npx": "npx -y {here} {port} {state_dir}",
    "sh -c": "sh -c 'node {here}/server.js {port} {state_dir}'",
}

pytestmark = pytest.mark.skipif(shutil.which("npx") is None, reason="there is no node")


BY_HAND = {
    "node": f"node {FOLDER}/server.js 8123 {{state_dir}}",
    "npx": f"npx -y {FOLDER} 8123 {{state_dir}}",
    "npm run": f"npm --prefix {FOLDER} run serve -- 8123 {{state_dir}}",
    "sh -c": f"sh -c 'node {FOLDER}/server.js 8123 {{state_dir}}'",
}


def started_by(command: str, folder: Path, stop: str = "group") -> Path:
    text = (FOLDER / "node.toml").read_text(encoding="utf-8")
    text = text.replace("node {here}/server.js {port} {state_dir}", command).replace("{here}", str(FOLDER))
    profile = folder / "node.toml"
    profile.write_text(text.replace("protocols", f'stop = "{stop}"\nprotocols'), encoding="utf-8")
    return profile


def test_started_by_node_itself(tmp_path: Path) -> None:
    done = certify(tmp_path, "--profile", FOLDER / "node.toml", "--quick", "--scenario", "planned-restart")
    assert named(done, "planned-restart", "node")["verdict"] == "PASS", done.out + done.err


@pytest.mark.parametrize(
    "launcher", [name if name == "node" else pytest.param(name, marks=pytest.mark.soak) for name in BY_HAND]
)
@pytest.mark.timeout(600)
def test_init_puts_its_port_into_the_command_and_minds_its_launcher(
    tmp_path: Path, launcher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    output = tmp_path / "crashtest.toml"
    done = lab("init", "--yes", "--command", BY_HAND[launcher], "--output", output, "--records", 53)
    assert done.code == 0, done.out + done.err
    subject = tomllib.loads(output.read_text(encoding="utf-8"))["subject"]
    assert subject["command"] == BY_HAND[launcher].replace("8123", "{port}")
    assert subject["url"] == "http://127.0.0.1:{port}/mcp"
    assert subject.get("stop") == (None if launcher == "node" else "group")


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("launcher", LAUNCHED)
def test_behind_a_launcher_whose_group_is_told_to_stop(
    tmp_path: Path, launcher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    asked = [word for name in SCENARIOS for word in ("--scenario", name)]
    profile = started_by(LAUNCHED[launcher], tmp_path)
    done = certify(tmp_path / "report", "--profile", profile, "--quick", *asked)
    verdicts = {name: named(done, name, "node")["verdict"] for name in SCENARIOS}
    assert set(verdicts.values()) == {"PASS"}, done.out + done.err


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_launcher_that_keeps_sigterm_to_itself_is_told_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    profile = started_by(LAUNCHED["npm run"], tmp_path, stop="leader")
    done = certify(tmp_path / "report", "--profile", profile, "--quick", "--scenario", "planned-restart")
    scenario = named(done, "planned-restart", "node")
    assert scenario["verdict"] == "INVALID", done.out + done.err
    assert 'set [subject] stop = "group"' in scenario["reason"]
