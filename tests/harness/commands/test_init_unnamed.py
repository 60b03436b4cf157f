"""``init`` on servers whose words nobody knows: places of arguments and what moves say what is what."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.lab import ROOT, lab

UNSEEN = ROOT / "tests" / "unseen" / "correct"


def proposed(folder: Path, server: str, command: str) -> dict[str, Any]:
    """The profile that is written for a server that lies in a folder of its own, with which its job comes off."""
    for file in (UNSEEN / server).iterdir():
        if file.name != "profile.toml":
            shutil.copy(file, folder)
    done = lab("init", "--yes", "--command", command, "--output", "crashtest.toml", cwd=folder)
    assert done.code == 0, done.out + done.err
    return tomllib.loads((folder / "crashtest.toml").read_text(encoding="utf-8"))


def test_a_server_of_pots_and_trays_is_found_out(tmp_path: Path) -> None:
    command = "python server.py --port {port} --pantry ./pantry --in-result"
    profile = proposed(tmp_path, "83-fifteen-jars-at-least", command)
    contract, observe = profile["contract"], profile["observe"]
    assert (contract["tool"], contract["kind"]) == ("boil_jam", "tool-task")
    assert contract["arguments"] == {"jars": "{total_records}", "tray": "{batch_size}"}
    assert contract["status"] == {"tool": "look_into", "arguments": {"pot": "{handle}"}}
    assert (observe["handle"], observe["status"]) == ("$.result.pot", "$.result.empty")
    assert observe["records"] == {"tool": "jars_from", "arguments": {"pot": "{task_id}"}, "key": "$.jar"}


@pytest.mark.skipif(shutil.which("perl") is None, reason="perl is not installed")
def test_pages_of_a_tool_are_read_to_the_last_and_a_ledger_is_no_output(tmp_path: Path) -> None:
    profile = proposed(tmp_path, "80-a-sheet-is-a-letter", "perl server.pl ./press told.jsonl")
    assert profile["observe"]["handle"] == "$.order.no"
    assert profile["observe"]["records"] == {
        "tool": "labels_of",
        "arguments": {"no": "{task_id}", "sheet": "{next}"},
        "items": "$.labels",
        "next": "$.next_sheet",
        "key": "$.label",
    }
