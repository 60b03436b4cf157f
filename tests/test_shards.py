"""Shards are played as by several machines, and put together: one bundle, one certificate, no stranger among them."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from mcp_crashtest.files.bundle import Bundle
from tests.lab import MUTANTS, SMALL, Done, certificate_in, certify, lab, smaller
from tests.test_plugin import run_pytest

CHOSEN = ("--scenario", "undisturbed", "--scenario", "killed-in-a-row")


def play(folder: Path, profile: Path, *arguments: object, of: int = 2) -> list[Path]:
    """The report directories of all shards."""
    reports = [folder / f"shard-{number}" for number in range(1, of + 1)]
    for number, report in enumerate(reports, start=1):
        done = certify(report, "--profile", profile, "--shard", f"{number}/{of}", *arguments)
        assert done.code in (0, 1), done.err
    return reports


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("shards")
    return play(folder, smaller(SMALL, folder), *CHOSEN)


@pytest.fixture(scope="module")
def merged(reports: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("merged") / "report"
    done = lab("merge", *reports, "--into", into, "--junit", into.parent / "junit.xml")
    assert done.code == 0, done.err
    assert "PASS: small earned no star" in done.out
    return into


def judged(report: Path) -> Counter[str]:
    """How many runs came to each verdict, judged again."""
    done = lab("recheck", report, "--json")
    assert done.code in (0, 1), done.err
    return Counter(json.loads(done.out)["verdicts"])


def test_what_is_put_together_equals_the_recheck_of_the_same_runs_in_one_folder(
    reports: list[Path], merged: Path
) -> None:
    assert judged(merged) == judged(reports[0]) + judged(reports[1])
    certificate = certificate_in(merged)
    counted = {s["id"]: s["runs"] for s in certificate["scenarios"]}
    assert counted == {"undisturbed": 1, "killed-in-a-row": 4}
    saved = [saved for run, _, saved in Bundle(merged).judged_runs() if Bundle.origin(run)[1] in counted]
    assert certificate["faults"]["confirmed"] == sum(judgement["faults_confirmed"] for judgement in saved) >= 4
    assert certificate["verdict"] == "PASS"


def test_it_has_a_page_a_badge_and_reports_as_a_session_has(merged: Path) -> None:
    assert "killed-in-a-row" in Bundle(merged).page.read_text()
    assert "<svg" in (merged / "badge.svg").read_text()
    cases = ElementTree.parse(merged.parent / "junit.xml").getroot().iter("testcase")
    assert {case.get("name") for case in cases} == {"undisturbed", "killed-in-a-row"}
    assert lab("recheck", merged).code == 0


def test_a_shard_says_what_it_is(reports: list[Path]) -> None:
    for number, report in enumerate(reports, start=1):
        certificate = certificate_in(report)
        assert (certificate["shard"]["number"], certificate["shard"]["of"]) == (number, 2)
        assert [one["earned"] for one in certificate["stars"]] == [0]
        played = certificate["shard"]["played"]["small"]["killed-in-a-row"]
        assert len(played["runs"]) == played["planned"] == 2


def changed(report: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A copy of a report with another certificate."""
    copied = folder / "changed"
    shutil.copytree(report, copied, symlinks=True)
    certificate = dict(certificate_in(report))
    change(certificate)
    Bundle(copied).save_certificate(certificate)
    return copied


OTHERS: Mapping[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "seed": (lambda c: c.update(seed=1), "seeds differ, and so do their plans: 0 and 1; play all of them with one"),
    "version": (lambda c: c["environment"].update(mcp_crashtest="9"), "by different versions of mcp-crashtest"),
    "profile": (lambda c: c["subject"]["small"].update(digest="0"), "their profiles differ"),
    "subject": (lambda c: c["subject"].update(other=c["subject"].pop("small")), "other subjects were on trial"),
    "budget": (lambda c: c["selection"].update(budget="full"), "other scenarios, levels or budgets were asked for"),
    "number of shards": (lambda c: c["shard"].update(of=3), "so that parts overlap: 2 and 3; play all of them with"),
    "the same shard": (lambda c: c["shard"].update(number=1), "shard 1 of 2 is there 2 times"),
    "whole": (lambda c: c.pop("shard"), "is the report of a whole session, and no shard's"),
    "a run is missing": (
        lambda c: c["shard"]["played"]["small"]["undisturbed"]["runs"].append("0077"),
        "such as small/undisturbed/0077",
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_does_not_belong_together_is_refused_by_a_sentence_of_its_own(
    reports: list[Path], tmp_path: Path, what: str
) -> None:
    change, said = OTHERS[what]
    done = lab("merge", reports[0], changed(reports[1], tmp_path, change), "--into", tmp_path / "into")
    refused(done, said)
    assert Bundle(tmp_path / "into").certificate() is None


def refused(done: Done, said: str) -> None:
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_without_one_of_them_nothing_is_put_together(reports: list[Path], tmp_path: Path) -> None:
    into = ("--into", tmp_path / "into")
    refused(lab("merge", reports[1], *into), "shard 1 of 2 is missing")
    refused(lab("merge", *reports, tmp_path / "nowhere", *into), "nowhere is not a report directory")
    refused(lab("merge", *reports, "--into", reports[0]), "is the report of a shard")
    assert certificate_in(reports[0])["shard"]["number"] == 1


def test_a_history_that_was_changed_is_no_evidence(reports: list[Path], tmp_path: Path) -> None:
    copied = changed(reports[1], tmp_path, lambda _: None)
    run = Bundle(copied).runs("killed-in-a-row")[0]
    run.save_judgement({**(run.judgement() or {}), "kills_confirmed": 99})
    done = lab("merge", reports[0], copied, "--into", tmp_path / "into")
    assert done.code == 4
    assert "shard 2 of 2" in done.err
    assert "is not what its certificate says, and shows nothing" in done.err
    Bundle(copied).save_certificate(certificate_in(copied))  # by whoever changes that, too
    done = lab("merge", reports[0], copied, "--into", tmp_path / "into")
    assert done.code == 4
    assert "the history was changed, or the checkers were" in done.err


def test_another_build_of_the_server_is_another_server(reports: list[Path], tmp_path: Path) -> None:
    copied = changed(reports[1], tmp_path, lambda _: None)
    for run in Bundle(copied).runs():
        header, _, events = run.history_file.read_text().partition("\n")
        told = json.loads(header)
        told["subject"]["server"] = {"name": "small", "version": "2"}
        run.history_file.write_text(f"{json.dumps(told)}\n{events}")
    into = ("--into", tmp_path / "into")
    refused(lab("merge", reports[0], copied, *into), "their servers are not the same")


@pytest.mark.parametrize("text", ["3/2", "0/2", "two"])
def test_what_is_no_shard_is_refused(tmp_path: Path, text: str) -> None:
    done = certify(tmp_path / "report", "--profile", SMALL, "--shard", text)
    assert done.code == 2
    assert "as in 1/3, 2/3 and 3/3" in done.err


@pytest.mark.soak
def test_what_is_put_together_is_what_one_machine_would_have_shown(tmp_path: Path) -> None:
    profile = smaller(SMALL, tmp_path)
    whole = certify(tmp_path / "whole", "--profile", profile).certificate
    done = lab("merge", *play(tmp_path, profile, of=3), "--into", tmp_path / "into", "--json")
    assert done.code == 0, done.err
    for mine, theirs in zip(done.certificate["scenarios"], whole["scenarios"], strict=True):
        same = ("id", "level", "verdict", "plans", "applies")
        assert {name: mine[name] for name in same} == {name: theirs[name] for name in same}
        probes = 2 if mine["id"] == "two-clients-back" else 0  # one that each shard plays
        assert mine["runs"] == theirs["runs"] + probes
    assert done.certificate["stars"] == whole["stars"] == [{"profile": "small", "earned": 2, "asked": 2, "why": None}]
    assert plans_in(tmp_path / "into") == plans_in(tmp_path / "whole")


def plans_in(report: Path) -> set[str]:
    return {run.plan_bytes.decode() for run in Bundle(report).runs()}


@pytest.mark.soak
def test_a_flaw_that_one_shard_finds_is_found(tmp_path: Path) -> None:
    profile = MUTANTS / "last_batch_lost.toml"
    reports = play(tmp_path, profile, "--scenario", "server-killed-everywhere", "--scenario", "undisturbed", of=3)
    done = lab("merge", *reports, "--into", tmp_path / "into", "--json")
    assert done.code == 1
    [lost] = [f for f in done.certificate["findings"] if f["invariant"] == "records.lost"]
    assert str(tmp_path / "into") in lost["replay"]
    assert lab("recheck", tmp_path / "into").code == 1


@pytest.mark.soak
def test_worker_processes_play_a_shard_too(tmp_path: Path) -> None:
    profile = smaller(SMALL, tmp_path)
    named = [f"--crashtest-scenario={name}" for name in ("undisturbed", "killed-in-a-row")]
    reports = [tmp_path / "1", tmp_path / "2"]
    for number, report in enumerate(reports, start=1):
        asked = (f"--crashtest-profile={profile}", f"--crashtest-shard={number}/2", f"--crashtest-report={report}")
        done = run_pytest("scenarios", "-n", "2", *named, *asked)
        assert done.returncode == 0, done.stdout + done.stderr
    together = lab("merge", *reports, "--into", tmp_path / "into", "--json")
    assert together.code == 0, together.err
    assert {s["id"]: s["runs"] for s in together.certificate["scenarios"]} == {"undisturbed": 1, "killed-in-a-row": 4}
