"""Servers that know neither {port} nor {state_dir} are certified all the same, one run at a time."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mcp_crashtest.subjects.sockets import find_free_port
from tests.lab import ROOT, SMALL, certify, lab, named

SERVER = ROOT / "tests" / "homeless" / "server.py"
KILLED = ("--scenario", "killed-at-the-edges", "--quick")
EVERYWHERE = ("--scenario", "server-killed-everywhere", "--quick")


def profile(folder: Path, port: object, more: str = "") -> Path:
    """A profile of this server at this port."""
    contract = SMALL.read_text(encoding="utf-8").partition("[contract]")[2]
    path = folder / "mine.toml"
    command = f"{{python}} {SERVER} {port}"
    path.write_text(
        f'[subject]\ncommand = "{command}"\nurl = "http://127.0.0.1:{port}/mcp"\nprotocols = ["2026-07-28"]\n'
        f'preload = ["argparse", "http.server", "json", "sqlite3"]\n{more}\n[contract]{contract}',
        encoding="utf-8",
    )
    return path


def test_at_a_fixed_port_with_its_store_in_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    done = lab(
        "certify", "--report-dir", tmp_path / "report", "--profile", profile(tmp_path, find_free_port()), *KILLED
    )
    assert done.code == 0, done.out + done.err
    assert "one at a time: the url has a fixed port" in done.out.replace("\n", " ")
    assert not (tmp_path / ".homeless").exists()


RESET = """
environment = {{ STORE = "{folder}/store" }}
reset = "sh -c 'echo done >> {folder}/resets; rm -rf {folder}/store'"
"""


@pytest.mark.soak
def test_what_lies_elsewhere_is_put_back_before_each_run(tmp_path: Path) -> None:
    mine = profile(tmp_path, "{port}", RESET.format(folder=tmp_path))
    done = certify(tmp_path / "report", "--profile", mine, *EVERYWHERE)
    scenario = named(done, "server-killed-everywhere", "mine")
    assert scenario["verdict"] == "PASS", done.out + done.err
    resets = (tmp_path / "resets").read_text().count("done")
    assert scenario["runs"] > 3
    assert resets >= scenario["runs"] + 2  # the probe and the golden run have begun, too, and no second life has


@pytest.mark.parametrize(
    ("reset", "said"),
    [
        ("sh -c 'echo no database >&2; exit 3'", "[subject] reset came to exit code 3; its last words:\nno database"),
        ("sleep 60", "[subject] reset came to no end within 1 s"),
        ("no-such-program", "there is no program 'no-such-program'"),
    ],
)
def test_a_reset_that_fails_or_does_not_end_is_said(tmp_path: Path, reset: str, said: str) -> None:
    mine = profile(tmp_path, "{port}", f'reset = "{reset}"\nready_deadline_s = 1')
    done = certify(tmp_path / "report", "--profile", mine, *KILLED)
    assert done.code == 3, done.out + done.err
    assert said in named(done, "killed-at-the-edges", "mine")["reason"]


def test_a_fixed_port_that_somebody_has_is_said_with_who_has_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = certify(tmp_path / "report", "--profile", profile(tmp_path, port), *KILLED)
    assert done.code == 3, done.out + done.err
    reason = named(done, "killed-at-the-edges", "mine")["reason"]
    assert f"port {port} of [subject] url is in use by process " in reason
    assert "pytest" in reason or "python" in reason


# --- a store that outlives a session


def shared(tmp_path: Path, pause_s: float) -> Path:
    text = SMALL.read_text(encoding="utf-8").replace("{here}/server.py", str(SMALL.with_name("one_store.py")))
    said = f'environment = {{ STORE = "{tmp_path / "store"}", PAUSE_S = "{pause_s}" }}\n\n[contract]'
    path = tmp_path / "shared.toml"
    path.write_text(text.replace("[contract]", said, 1), encoding="utf-8")
    return path


def test_a_golden_run_that_an_earlier_session_has_done_is_found_although_it_is_alone(tmp_path: Path) -> None:
    mine = shared(tmp_path, 0.15)
    first, second = (lab("check", "--profile", mine, "--report-dir", tmp_path / f"r{n}") for n in (1, 2))
    assert first.code == 0, first.out + first.err
    said = " ".join((second.out + second.err).split())
    assert second.code == 2, said
    assert "did no work, and one of another size did" in said
    assert "[subject] reset" in said


def test_a_job_that_is_always_over_in_a_moment_is_not_taken_for_one_that_was_done_before(tmp_path: Path) -> None:
    mine = shared(tmp_path, 0.0)
    for number in (1, 2):
        done = lab("check", "--profile", mine, "--report-dir", tmp_path / f"r{number}")
        assert "did no work" not in done.out + done.err
