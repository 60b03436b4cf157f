"""A client's certification has all that a server's has: page, JUnit, SARIF, badge, baseline, comparison, shards."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mcp_crashtest.files.bundle import Bundle
from tests.client_mutants.zoo import EVERYWHERE, FAULTLESS, write_profile
from tests.harness.page.browser import drive, needed
from tests.lab import certify, lab

STATELESS = "no_state"
"""The client that keeps no state: killed while it asks about its task, it submits a second one."""
CHOSEN = ("--scenario", EVERYWHERE, "--quick")


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("client")
    profile, report = write_profile(STATELESS, folder), folder / "report"
    done = certify(
        report, "--profile", profile, *CHOSEN, "--junit", folder / "junit.xml", "--sarif", folder / "found.sarif"
    )
    assert done.code == 1, done.err
    return report


def test_other_programs_are_told_of_it(failing: Path, tmp_path: Path) -> None:
    case = ElementTree.parse(failing.parent / "junit.xml").getroot().find(f".//testcase[@name='{EVERYWHERE}']")
    assert case is not None
    failure = case.find("failure")
    assert failure is not None
    assert "client.reattach" in str(failure.get("type"))
    results = json.loads((failing.parent / "found.sarif").read_text())["runs"][0]["results"]
    assert "client.reattach" in {result["ruleId"] for result in results}
    assert "fails, " in (failing / "badge.svg").read_text()
    known = tmp_path / "known.toml"
    assert lab("baseline", "update", failing, "--baseline", known, "--reason", "a client without a memory").code == 0
    assert lab("baseline", "check", failing, "--baseline", known).code == 0
    assert lab("recheck", failing).code == 1
    assert "client.reattach" in lab("report", failing, "--markdown", tmp_path / "told.md").out + (
        tmp_path / "told.md"
    ).read_text(encoding="utf-8")


@needed
def test_its_page_is_walked_in_a_browser(failing: Path) -> None:
    page = Bundle(failing).page
    run = f"#run/{STATELESS}%2F{EVERYWHERE}%2F0001"
    roles = [
        ("heading", "Earned, and not assessed"),
        ("button", "Copy badge"),
        ("heading", "How it came about"),
        ("img", "^Timeline of"),
        ("heading", "How to mend it"),
        ("button", "Copy replay line"),
        ("group", "Filter the runs"),
        ("link", f"^{EVERYWHERE} 0001"),
    ]
    seen = drive(
        failing.parent,
        [
            {"name": "roles", "file": page, "do": [["names", roles], ["axe"], ["wide"], ["text"]]},
            {"name": "dark", "file": page, "scheme": "dark", "do": [["axe"]]},
            {"name": "run", "file": page, "hash": run, "do": [["axe"], ["text"]]},
            {"name": "phone", "file": page, "hash": run, "width": 390, "do": [["axe"], ["wide"]]},
        ],
    )
    assert {name: (told["errors"], told["requests"]) for name, told in seen.items()} == dict.fromkeys(seen, ([], []))
    counted, found, wide, text = seen["roles"]["seen"]
    assert [role for role, n in zip(roles, counted, strict=True) if n == 0] == []
    assert (found, wide) == ([], 0)
    assert "client.reattach" in text
    assert [seen[name]["seen"][0] for name in ("dark", "run", "phone")] == [[], [], []]
    assert "kill the client" in seen["run"]["seen"][1]
    assert seen["phone"]["seen"][1] <= 0


@pytest.mark.soak
def test_shards_of_a_client_are_put_together_and_sessions_compared(failing: Path, tmp_path: Path) -> None:
    profile = write_profile(FAULTLESS, tmp_path)
    shards = [tmp_path / f"shard-{number}" for number in (1, 2)]
    for number, shard in enumerate(shards, start=1):
        done = certify(shard, "--profile", profile, "--scenario", EVERYWHERE, "--shard", f"{number}/2")
        assert done.code == 0, done.err
    merged = tmp_path / "merged"
    assert lab("merge", *shards, "--into", merged).code == 0
    assert EVERYWHERE in Bundle(merged).page.read_text()
    assert lab("recheck", merged, "--compare", failing).code == 0
    assert "client.reattach" in Bundle(merged).page.read_text()
