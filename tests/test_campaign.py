"""Campaigns: seed after seed, and nothing that was finished is lost, whatever ends the process, however often."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.campaign_folder import CampaignFolder
from mcp_crashtest.model.campaign import KEPT_SEEDS
from tests.lab import CLI, MUTANTS, ROOT, SMALL, Done, environment, lab, smaller
from tests.test_proof import wait_until

_DEADLINE_S = 200
CHOSEN = ("--scenario", "killed-in-a-row")


def campaign(folder: Path, *arguments: object) -> Done:
    """A campaign to its end."""
    return lab("campaign", "--report-dir", folder, "--json", *arguments)


def start(folder: Path, *arguments: object) -> subprocess.Popen[bytes]:
    """A campaign in a process of its own."""
    words = [*CLI, "campaign", "--report-dir", str(folder), *map(str, arguments)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(words, cwd=ROOT, env=environment(), stdout=quiet, stderr=quiet, start_new_session=True)


def finished(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Every run of every seed that has come to its end: its history, and when that was written."""
    found = {}
    for seed in sorted((folder / "seeds").glob("*")):
        for run in Bundle(seed).runs_of_scenarios():
            if run.judgement() is not None:
                seen = run.history_file
                found[run.path] = (seen.read_bytes(), seen.stat().st_mtime_ns)
    return found


def told(done: Done) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(done.out)
    return said


def rechecked(folder: Path) -> int:
    """How many runs of scenarios there are, each judged again as it was."""
    runs = 0
    for seed in sorted((folder / "seeds").glob("*")):
        assert lab("recheck", seed).code == 0
        runs += len([run for run in Bundle(seed).runs_of_scenarios() if run.judgement() is not None])
    return runs


def kill_after(folder: Path, runs: int, *arguments: object) -> dict[Path, tuple[bytes, int]]:
    """SIGKILL a campaign once so many runs are finished; returns those that were."""
    process = start(folder, *arguments)
    try:
        wait_until(lambda: len(finished(folder)) >= runs or process.poll() is not None, "runs", _DEADLINE_S)
        assert process.poll() is None, "it is killed, and does not end by itself"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return finished(folder)


def test_a_campaign_that_is_killed_goes_on_and_plays_nothing_again(tmp_path: Path) -> None:
    folder, asked = tmp_path / "campaign", ("--profile", smaller(SMALL, tmp_path), *CHOSEN, "--faults", 9)
    before = kill_after(folder, 2, *asked)
    assert len(before) >= 2
    done = campaign(folder, *asked)
    assert done.code == 0, done.err
    after = finished(folder)
    assert {path: after.get(path) for path in before} == before
    said = told(done)
    assert said["counted"]["faults"] >= 9
    assert said["counted"]["runs"] == len(after) == rechecked(folder)
    assert said["found"] == []


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_campaign_that_is_killed_at_twenty_random_moments_loses_no_finished_run(tmp_path: Path) -> None:
    folder = tmp_path / "campaign"
    asked = ("--profile", smaller(SMALL, tmp_path), *CHOSEN, "--scenario", "both-killed", "--faults")
    dice = random.Random(20)
    before: dict[Path, tuple[bytes, int]] = {}
    for _ in range(20):
        process = start(folder, *asked, 1_000_000)
        time.sleep(dice.uniform(1.0, 9.0))  # a random moment of its life is what is asked for
        alive = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert alive, "it is killed, and does not end by itself"
        seen = finished(folder)
        lost = [path for path in before if path not in seen and path.parents[3].exists()]
        assert lost == []
        assert all(seen[path] == before[path] for path in before if path in seen)
        before |= seen
    shown = told(campaign(folder, *asked, 1))["counted"]
    assert shown["runs"] >= len(before) > 0, "those whose evidence was thinned are counted"
    done = campaign(folder, *asked, shown["faults"] + 10)
    assert done.code == 0, done.err
    assert told(done)["counted"]["faults"] >= shown["faults"] + 10
    assert told(done)["counted"]["runs"] > shown["runs"]


@pytest.mark.soak
def test_a_finding_is_kept_replayed_first_and_mended(tmp_path: Path) -> None:
    folder, profile = tmp_path / "campaign", MUTANTS / "last_batch_lost.toml"
    asked = ("--profile", profile, *CHOSEN, "--faults", 3)
    done = campaign(folder, *asked)
    assert done.code == 1
    [lost] = [one for one in told(done)["found"] if one["invariant"] == "records.lost"]
    assert len(lost["plan"]["faults"]) == 1, "the smallest plan is kept"
    kept = CampaignFolder(folder).kept(lost["run"])
    assert kept.judgement() is not None
    assert lab("recheck", folder / "corpus").code == 1
    assert lab("replay", kept.path, "--report-dir", tmp_path / "replayed").code == 1

    again = lab("campaign", "--report-dir", folder, *asked)
    assert again.code == 1
    assert "fails again: " in again.out
    assert "it failed 2 of 2 times" in again.out

    small = SMALL.parent / "server.py"
    command = f"{{python}} {small} --listen-fd {{listen_fd}} --state-dir {{state_dir}} --effects-file {{ledger}}"
    mended = campaign(folder, "--profile", profile, *CHOSEN, "--faults", 3, "--command", command)
    assert mended.code == 0, mended.out + mended.err
    assert {one["state"] for one in told(mended)["found"]} == {"mended"}
    assert told(mended)["seed"] > told(done)["seed"], "what was counted before was another server's"


def test_it_says_what_it_needs(tmp_path: Path) -> None:
    folder = tmp_path / "campaign"
    endless = campaign(folder, "--profile", SMALL)
    assert (endless.code, endless.out) == (2, "")
    assert "give --time-limit S, --faults N, or both" in endless.err
    nobody = lab("campaign", "--report-dir", folder, "--faults", 3)
    assert nobody.code == 2
    assert "--profile FILE" in nobody.err
    assert campaign(folder, "--profile", SMALL, "--faults", 0).code == 2
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.txt").write_text("mine")
    strange = campaign(tmp_path / "thesis", "--profile", SMALL, "--faults", 3)
    assert strange.code == 2
    assert "no campaign's" in strange.err
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["thesis.txt"]


@pytest.mark.soak
def test_ctrl_c_says_what_was_shown_and_the_campaign_goes_on(tmp_path: Path) -> None:
    folder, asked = tmp_path / "campaign", ("--profile", smaller(SMALL, tmp_path), *CHOSEN)
    words = [*CLI, "campaign", "--report-dir", str(folder), *map(str, asked), "--time-limit", "300"]
    process = subprocess.Popen(
        words, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    wait_until(lambda: len(finished(folder)) >= 3 or process.poll() is not None, "three runs", _DEADLINE_S)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=_DEADLINE_S)
    assert process.returncode == 130, out
    assert "confirmed faults" in out
    assert "Traceback" not in out
    before = finished(folder)
    assert campaign(folder, *asked, "--time-limit", 1).code in (0, 4)
    after = finished(folder)
    assert {path: after.get(path) for path in before} == before


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_of_old_seeds_only_what_they_came_to_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "campaign"
    done = campaign(folder, "--profile", smaller(SMALL, tmp_path), *CHOSEN, "--faults", 45)
    assert done.code == 0, done.err
    seeds = sorted(int(path.name) for path in (folder / "seeds").iterdir())
    said = told(done)
    assert said["seed"] >= 7
    assert seeds[0] > 0
    assert seeds == list(range(seeds[0], seeds[-1] + 1))
    assert len(seeds) in (KEPT_SEEDS, KEPT_SEEDS + 1), "the newest, and the one that is under way"
    assert said["counted"]["runs"] > rechecked(folder)
