"""A server is certified by its entry in an MCP configuration; what the entry says in secret stands nowhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_crashtest.subjects.sockets import listen_socket
from tests.lab import certify, environment, lab
from tests.test_secrets import LEAKING, TOKEN, places_in, says_it

ENTRY_FREE = LEAKING.read_text(encoding="utf-8").partition("[contract]")


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[str]:
    """A server that runs already, and wants the token: its URL."""
    with listen_socket() as held:
        words: list[str | Path] = [
            sys.executable,
            LEAKING.parent / "server.py",
            "--listen-fd",
            str(held.fileno()),
        ]
        words += ["--state-dir", tmp_path / "state", "--effects-file", tmp_path / "effects"]
        server = subprocess.Popen(
            words,
            pass_fds=[held.fileno()],
            env={**environment(), "LEAK_TOKEN": TOKEN},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        yield f"http://127.0.0.1:{held.getsockname()[1]}/mcp"
        server.kill()
        server.wait()


def contract_only(folder: Path) -> Path:
    """A profile that says nothing of how its subject is reached."""
    profile = folder / "mine.toml"
    profile.write_text('[subject]\nprotocols = ["2026-07-28"]\n' + "".join(ENTRY_FREE[1:]), encoding="utf-8")
    return profile


def test_an_entry_with_a_url_and_a_token_is_reached(tmp_path: Path, serving: str) -> None:
    config = tmp_path / "mcp.json"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    config.write_text(
        json.dumps({"mcpServers": {"other": {"command": "x"}, "it": {"url": serving, "headers": headers}}})
    )
    entry = ("--profile", contract_only(tmp_path), "--mcp-config", config)
    done = certify(tmp_path / "report", *entry, "--server", "it", "--scenario", "client-killed", "--quick")
    [scenario] = done.certificate["scenarios"]
    assert (scenario["verdict"], scenario["faults_confirmed"] > 0) == ("PASS", True), done.out + done.err
    assert not says_it(done)
    assert places_in(tmp_path / "report") == []
    alone = lab("check", *entry, "--server", "it")
    assert (alone.code, says_it(alone)) == (0, False), alone.out + alone.err
    none = lab("certify", "--report-dir", tmp_path / "none", *entry)
    assert none.code == 2
    assert "name one with --server (or [subject] server): 'other', 'it'" in none.err


def test_what_an_entry_says_of_its_environment_is_not_for_the_lab(tmp_path: Path) -> None:
    """LD_PRELOAD and PYTHONPATH reach nobody but the command, and the command gets its words as they stand there."""
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "sitecustomize.py").write_text(f"open({str(tmp_path / 'hacked')!r}, 'a').write('python\\n')")
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\nenv > "$1.env"; printf "%s\\n" "$@" > "$1.words"\n')
    program.chmod(0o755)
    env = {"PYTHONPATH": str(tmp_path / "evil"), "LD_PRELOAD": str(tmp_path / "none.so"), "TOKEN": "sesame-open"}
    args = [str(tmp_path / "said"), "; touch hacked", "$(touch hacked)", "{port}", "${not one}"]
    config = tmp_path / "mcp.json"
    entry = {"command": str(program), "args": args, "env": env}
    config.write_text(json.dumps({"mcpServers": {"it": entry}}))
    profile = contract_only(tmp_path)
    said = 'mcp_config = "mcp.json"\nurl = "http://127.0.0.1:{port}/mcp"\nready_deadline_s = 1'
    profile.write_text(profile.read_text().replace("[subject]", f"[subject]\n{said}"))
    done = certify(tmp_path / "report", "--profile", profile, "--quick", "--scenario", "undisturbed")
    assert done.code == 3, done.out + done.err
    assert not (tmp_path / "hacked").exists()
    assert "sesame-open" not in done.out + done.err
    assert (tmp_path / "said.words").read_text().splitlines()[1:] == args[1:]
    seen = dict(line.partition("=")[::2] for line in (tmp_path / "said.env").read_text().splitlines())
    assert {name: seen[name] for name in env} == env
