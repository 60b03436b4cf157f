"""A bundle is trusted file by file: what was changed, is missing or was added is named; what is made from it may be."""

from __future__ import annotations

import copy
import importlib
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.operation import Op
from mcp_crashtest.sessions.certificate_schema import FILE, schema, text
from tests.lab import ROOT, SMALL, Done, certificate_in, certify, lab, smaller

KILLED = "server-killed-everywhere"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A short session, and the report that it has left."""
    folder = tmp_path_factory.mktemp("session")
    report = folder / "report"
    done = certify(report, "--profile", smaller(SMALL, folder, records=10), "--scenario", KILLED, "--quick")
    assert done.code == 0, done.out + done.err
    return report, done


@pytest.fixture
def report(session: tuple[Path, Done], tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(session[0], tmp_path / "report", symlinks=True))


def a_run(report: Path) -> Path:
    return Bundle(report).runs(KILLED)[0].path


# --- what is changed


def changed_byte(report: Path) -> str:
    path = RunFolder(a_run(report)).server_log(1)
    path.write_bytes(path.read_bytes() + b"\n")
    return "changed: " + str(path.relative_to(report))


def time_of_an_event(report: Path) -> str:
    """What no checker would notice."""
    path = Bundle(report).runs(KILLED)[0].history_file
    written = path.read_text()
    path.write_text(written.replace('"elapsed_s":0.', '"elapsed_s":1.', 1))
    assert path.read_text() != written
    return "changed: " + str(path.relative_to(report))


def missing_run(report: Path) -> str:
    """A whole run, which nothing else would miss."""
    shutil.rmtree(a_run(report))
    return "missing: "


def added_file(report: Path) -> str:
    path = a_run(report) / "note"
    path.touch()
    return "added: " + str(path.relative_to(report))


def link_in_the_place_of_a_file(report: Path) -> str:
    path = RunFolder(a_run(report)).server_log(1)
    kept = shutil.move(path, report / "kept")
    path.symlink_to(kept)
    return "changed: " + str(path.relative_to(report))


def file_that_nobody_may_open(report: Path) -> str:
    path = a_run(report) / "pipe"
    os.mkfifo(path)
    return "added: " + str(path.relative_to(report))


def other_digest(report: Path) -> str:
    certificate = dict(certificate_in(report))
    certificate["evidence"]["digest"] = "0" * 64
    save(report, certificate)
    return "names a digest of other files"


def save(report: Path, certificate: dict[str, Any]) -> None:
    [path] = [path for path in report.glob("*.json") if "sha256" in path.read_text()]
    path.write_text(json.dumps(certificate))


@pytest.mark.parametrize(
    "spoil",
    [
        changed_byte,
        time_of_an_event,
        missing_run,
        added_file,
        link_in_the_place_of_a_file,
        file_that_nobody_may_open,
        other_digest,
    ],
)
def test_evidence_that_is_not_what_it_was_shows_nothing_and_the_file_is_named(
    report: Path, spoil: Callable[[Path], str]
) -> None:
    said = spoil(report)
    done = lab("recheck", report)
    assert (done.code, done.out) == (4, "")
    assert said in done.err
    assert "shows nothing" in done.err


# --- what is not


def test_evidence_that_is_what_it_was_is_judged_again_wherever_it_lies(report: Path) -> None:
    (report / "index.html").write_text("a page that was made from it")
    (report / "previous" / "another").mkdir(parents=True)
    done = lab("recheck", report)
    assert done.code == 0, done.out + done.err
    evidence = certificate_in(report)["evidence"]
    assert f"{evidence['files']} files are what the certificate says: sha256 {evidence['digest']}" in done.out
    told = json.loads(lab("recheck", report, "--json").out)
    assert (told["evidence"], told["identical"]) == (evidence, True)


def test_a_certificate_that_names_no_files_is_judged_and_it_is_said_that_nobody_knows(report: Path) -> None:
    without_digests(report)
    added_file(report)
    done = lab("recheck", report)
    assert done.code == 0, done.out + done.err
    assert "cannot be seen" in done.out


def without_digests(report: Path) -> None:
    save(report, {k: v for k, v in certificate_in(report).items() if k not in ("sha256", "evidence", "limits")})


def test_without_digests_a_changed_history_is_noticed_by_its_judgement_and_a_changed_table_by_its_name(
    report: Path,
) -> None:
    without_digests(report)
    run = Bundle(report).runs(KILLED)[0]
    written = run.history_file.read_text()
    run.history_file.write_text(written.replace('"count":10', '"count":9'))
    done = lab("recheck", report)
    assert (done.code, "the history was changed" in done.err) == (4, True)
    run.history_file.write_text(written)
    [output] = run.history().of(Op.OUTPUT)
    [table] = run.path.glob(f"{output.value['records'].digest}*")
    text = table.read_text()
    table.unlink()  # it is the golden run's too
    table.write_text(text.replace('"]', '0"]', 1))
    assert table.read_text() != text
    done = lab("recheck", report)
    assert (done.code, "the file was changed" in done.err) == (2, True)


def test_a_session_that_is_put_away_keeps_its_digests(report: Path) -> None:
    Bundle(report).prepare("another session").close()
    [before] = (report / "previous").iterdir()
    done = lab("recheck", before)
    assert done.code == 0, done.out + done.err
    assert "files are what the certificate says" in done.out


def shell(folder: Path, command: str) -> str:
    return subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_whoever_does_not_trust_the_lab_computes_the_digest_without_it(session: tuple[Path, Done]) -> None:
    report, done = session
    evidence = certificate_in(report)["evidence"]
    told = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    [command] = [line.partition("; ")[2] for line in told.splitlines() if "xargs -0 sha256sum" in line]
    assert shell(report, command).split()[0] == evidence["digest"]
    assert int(shell(report, f"{command.partition('|')[0]} | wc -l")) == evidence["files"]
    assert done.certificate["evidence"] == evidence


# --- the certificate


def closed(made: Any) -> Any:
    """The schema, with nothing allowed that it does not name."""
    if isinstance(made, list):
        return [closed(item) for item in made]
    if not isinstance(made, dict):
        return made
    inner = {key: closed(value) for key, value in made.items()}
    return {**inner, "additionalProperties": False} if isinstance(made.get("properties"), dict) else inner


def complaints(document: Any) -> list[str]:
    validator = importlib.import_module("jsonschema").Draft202012Validator(closed(schema()))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def test_a_certificate_is_what_its_schema_says_and_has_nothing_else(session: tuple[Path, Done]) -> None:
    report, done = session
    assert complaints(certificate_in(report)) == []
    assert complaints(done.certificate) == []
    assert done.certificate["limits"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c.pop("verdict"),
        lambda c: c.update(verdict="FINE"),
        lambda c: c.update(format=1),
        lambda c: c.update(invented=1),
        lambda c: c["scenarios"][0].pop("runs"),
        lambda c: c["scenarios"][0].update(runs=-1),
        lambda c: c["evidence"].update(digest="short"),
        lambda c: c["selection"].update(budget="some"),
        lambda c: c["times"].pop("ended"),
    ],
)
def test_what_is_no_certificate_is_refused_by_its_schema(
    session: tuple[Path, Done], spoil: Callable[[dict[str, Any]], object]
) -> None:
    certificate = copy.deepcopy(dict(certificate_in(session[0])))
    spoil(certificate)
    assert len(complaints(certificate)) == 1


def test_the_schema_is_what_is_published() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run python -m mcp_crashtest.sessions.certificate_schema"
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert FILE.name in declared["package-data"]["mcp_crashtest"]


def test_what_a_first_look_did_not_play_is_listed(session: tuple[Path, Done]) -> None:
    [scenario] = session[1].certificate["scenarios"]
    assert scenario["unplayed_in_all"] == scenario["plans"] - scenario["runs"] > 0
    [why] = {run["why"] for run in scenario["unplayed"]}
    assert why == "a first look plays less"
    numbers = [run["number"] for run in scenario["unplayed"]]
    assert numbers == list(range(scenario["runs"] + 1, scenario["plans"] + 1))
    assert all(run["plan"].startswith("kill server at") for run in scenario["unplayed"])
