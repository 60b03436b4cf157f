"""``report``, ``badge`` and ``baseline``: what a report folder says to other programs, without playing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.cli import main
from mcp_crashtest.files.baselines import read_baseline, write_baseline
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.sessions.catalogue import standard
from tests.harness.reporting.samples import expecting, finding, scenario, session

KILLED = "server-killed-everywhere"
OTHERS = [scenario(listed.id, listed.level) for listed in standard() if not listed.client and listed.id != KILLED]
LOST = scenario(KILLED, verdict="FAIL", findings=[finding("records.lost", KILLED)], broken=["records.lost"])
KNOWN = expecting("records.lost", KILLED)


def reported(folder: Path, *scenarios: dict[str, Any]) -> Path:
    """A report folder of a session."""
    Bundle(folder).prepare("a session").close()
    Bundle(folder).save_certificate(session(*scenarios, catalogue=standard()))
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, words)))
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


def test_a_report_is_written_from_the_folder_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = reported(tmp_path / "report", *OTHERS, LOST)
    files = [tmp_path / name for name in ("j.xml", "s.sarif", "summary.md")]
    words = ("--junit", files[0], "--sarif", files[1], "--markdown", files[2])
    assert run(capsys, "report", folder, *words) == (0, "", "")
    assert f'name="{KILLED}"' in files[0].read_text()
    assert json.loads(files[1].read_text())["runs"][0]["results"][0]["ruleId"] == "records.lost"
    assert files[2].read_text().startswith("### FAIL")


def test_a_workflows_step_is_told_annotations_summary_and_outputs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, summary, output = reported(tmp_path / "report", *OTHERS, LOST), tmp_path / "summary", tmp_path / "output"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    summary.write_text("before\n")
    code, out, _ = run(capsys, "report", folder, "--github")
    assert code == 0
    assert [line.partition(" ")[0] for line in out.splitlines()] == ["::error"]
    assert summary.read_text().startswith("before\n### FAIL: ")
    assert "verdict=FAIL\nlevel=1\n" in output.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report", "nowhere", "--github"], "there is no certificate in nowhere"),
        (["report", "{folder}"], "which report? give --junit FILE"),
        (["report", "{folder}", "--junit", "{folder}"], "cannot be written"),
        (["badge", "nowhere"], "there is no certificate in nowhere"),
        (["badge", "{folder}", "--subject", "nobody"], "there is no subject 'nobody'"),
        (["baseline", "check", "{folder}", "--baseline", "nowhere.toml"], "there is no baseline nowhere.toml"),
        (["baseline", "update", "nowhere"], "there is no certificate in nowhere"),
    ],
)
def test_what_cannot_be_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    folder = reported(tmp_path / "report", *OTHERS, LOST)
    code, _, err = run(capsys, *(word.format(folder=folder) for word in words))
    assert code == 2
    assert said in err


def test_a_badge_lies_beside_the_certificate_or_where_it_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = reported(tmp_path / "report", *OTHERS, scenario(KILLED))
    code, out, _ = run(capsys, "badge", folder)
    assert code == 0
    assert sorted(path.name for path in folder.glob("badge.*")) == ["badge.json", "badge.svg"]
    assert out.splitlines()[-1].startswith("![crash-tested: 3 stars, ")
    run(capsys, "badge", folder, "--endpoint", tmp_path / "elsewhere.json")
    assert json.loads((tmp_path / "elsewhere.json").read_text())["message"].startswith("3 stars, ")


def test_an_earlier_sessions_badge_does_not_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = reported(tmp_path / "report", *OTHERS, scenario(KILLED))
    run(capsys, "badge", folder)
    Bundle(folder).prepare("another session").close()
    assert list(folder.glob("badge.*")) == []


def test_a_baseline_is_written_kept_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, file = reported(tmp_path / "report", *OTHERS, LOST), tmp_path / "known.toml"
    code, _, err = run(capsys, "baseline", "update", folder, "--baseline", file)
    assert (code, file.exists()) == (2, False)
    assert f"say with --reason WHY why this is expected: records.lost in {KILLED} of mine" in err
    assert run(capsys, "baseline", "update", folder, "--baseline", file, "--reason", "issue 12")[0] == 0
    [entry] = read_baseline(file).entries
    assert (entry.reason, entry.invariant, entry.scenario) == ("issue 12", "records.lost", KILLED)
    assert run(capsys, "baseline", "check", folder, "--baseline", file)[0] == 0
    reported(folder / ".." / "mended", *OTHERS, scenario(KILLED))
    code, out, _ = run(capsys, "baseline", "check", tmp_path / "mended", "--baseline", file)
    assert code == 1
    assert f"baseline: stale: mine: records.lost in {KILLED}" in out
    code, out, _ = run(capsys, "baseline", "update", tmp_path / "mended", "--baseline", file)
    assert (code, read_baseline(file).entries) == (0, ())
    assert "0 kept, 0 new, 1 gone" in out


def test_reasons_are_kept_when_something_new_comes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "known.toml"
    write_baseline(file, [KNOWN])
    both = {**LOST, "findings": [*LOST["findings"], finding("records.duplicated", KILLED)]}
    folder = reported(tmp_path / "report", *OTHERS, both)
    assert run(capsys, "baseline", "check", folder, "--baseline", file)[0] == 1
    assert run(capsys, "baseline", "update", folder, "--baseline", file, "--reason", "issue 13")[0] == 0
    reasons = {entry.invariant: (entry.reason, entry.date) for entry in read_baseline(file).entries}
    assert reasons["records.lost"] == ("issue 12", "2026-11-01")
    assert reasons["records.duplicated"][0] == "issue 13"
