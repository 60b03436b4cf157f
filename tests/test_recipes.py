"""Recipes: each is complete, each can be read, and docs/results.md is what is kept of them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.bundle import saved_plan
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.verdict import Verdict
from recipes import environment, results, run
from recipes.environment import NotInstalled, lab, versions
from recipes.recipe import HERE, Expected, Recipe, chosen, read, recipes, why_not
from recipes.summary import kept, plan_of, plans, summed

FOUND = recipes()
KEPT = [recipe for recipe in FOUND if kept(recipe) is not None]
_PINNED = re.compile(r"^[\w.-]+(\[[\w,-]+\])?==[\w.]+$")


def the(name: str) -> Recipe:
    return next(recipe for recipe in FOUND if recipe.name == name)


@pytest.mark.parametrize("recipe", FOUND, ids=lambda recipe: recipe.name)
def test_a_recipe_is_complete(recipe: Recipe) -> None:
    assert read_profile(recipe.profile).name == recipe.name
    readme = (recipe.folder / "README.md").read_text(encoding="utf-8")
    assert f"make recipes ONLY={recipe.name}\n" in readme
    assert readme.count("\n") <= 12
    assert "It takes about " in readme
    if (recipe.folder / "mcp.json").exists():
        started = ["--mcp-config", "mcp.json", "--server"]
        assert list(recipe.arguments[:3]) == started, "an entry of a host's configuration, as its user gives it"
        assert f"certify --profile crashtest.toml {' '.join(recipe.arguments[:4])}" in readme
    assert recipe.claims
    assert recipe.packages


@pytest.mark.parametrize("recipe", FOUND, ids=lambda recipe: recipe.name)
def test_what_it_installs_is_pinned(recipe: Recipe) -> None:
    if recipe.pins_python:
        pins = (recipe.folder / "requirements.txt").read_text(encoding="utf-8").split()
        assert [pin for pin in pins if not _PINNED.match(pin)] == []
    if recipe.pins_node:
        package = json.loads((recipe.folder / "package.json").read_text(encoding="utf-8"))
        assert [pin for pin in package["dependencies"].values() if not pin[0].isdigit()] == []
        assert '"resolved"' not in (recipe.folder / "package-lock.json").read_text(encoding="utf-8")


def test_the_page_is_what_is_kept_of_the_recipes() -> None:
    assert results.PAGE.read_text(encoding="utf-8") == results.text(FOUND), "python -m recipes.results"


@pytest.mark.parametrize("recipe", KEPT, ids=lambda recipe: recipe.name)
def test_what_is_kept_is_what_is_expected_and_each_finding_has_its_plan(recipe: Recipe) -> None:
    summary = kept(recipe)
    assert summary is not None
    found = frozenset(finding["invariant"] for finding in summary["findings"])
    assert recipe.expected.differs(summary["verdict"], found) is None
    for invariant in found:
        assert saved_plan(plan_of(recipe, invariant)).scenario in {s["id"] for s in summary["scenarios"]}
    assert _names(recipe, windows=False) == found | {"summary"}


@pytest.mark.parametrize("recipe", [one for one in KEPT if kept(one, windows=True)], ids=lambda recipe: recipe.name)
def test_each_finding_of_the_windows_has_its_plan(recipe: Recipe) -> None:
    summary = kept(recipe, windows=True)
    assert summary is not None
    assert summary["selected"], "the scenarios were asked for by name"
    found = {finding["invariant"] for finding in summary["findings"]}
    for invariant in found:
        plan = saved_plan(plan_of(recipe, invariant, windows=True))
        assert plan.scenario in {s["id"] for s in summary["scenarios"]}
    assert _names(recipe, windows=True) == {"windows", *(f"windows.{invariant}" for invariant in found)}


def _names(recipe: Recipe, *, windows: bool) -> set[str]:
    return {path.stem for path in recipe.observed.iterdir() if path.name.startswith("windows") == windows}


# --- what a session came to, as it is told


def session(findings: Sequence[Mapping[str, Any]] = (), verdict: str = "PASS") -> dict[str, Any]:
    scenario = {"id": "undisturbed", "level": 1, "verdict": "PASS", "runs": 0}
    played = {"id": "random-kills", "level": 2, "verdict": verdict, "runs": 3}
    counts = {"faults_confirmed": 4, "kills_confirmed": 3}
    return {
        "stars": [{"profile": "x", "earned": 2, "asked": 2}],
        "times": {"began": "2026-11-26T11:00:00+00:00", "ended": "2026-11-26T11:05:00+00:00"},
        "environment": {"mcp_crashtest": "0.1.0", "python": "3.11.7", "system": "Linux", "pytest": "9"},
        "selection": {"budget": "core", "scenarios": []},
        "finished": True,
        "seed": 0,
        "verdict": verdict,
        "caps": [],
        "faults": {"confirmed": 4, "unconfirmed": 0, "kills": 3, "violation_chance_below": None},
        "recovery_s": {"p50": 0.12345, "p95": 0.2, "max": None},
        "scenarios": [scenario | counts, played | counts],
        "findings": list(findings),
    }


def finding(number: int, message: str, faults: int) -> dict[str, Any]:
    at = {"kind": "batch", "number": 1, "thousandths": 500, "task": 0}
    one = {"kind": "kill", "victim": "server", "at": at}
    plan = {
        "format": 2,
        "scenario": "random-kills",
        "protocol": "2026-07-28",
        "faults": [one | {"at": at | {"number": n}} for n in range(1, faults + 1)],
        "absence": "at-once",
        "workload": None,
        "cold": False,
        "hash_seed": None,
        "afterlife": False,
    }
    told = {"invariant": "task.vanished", "message": message, "scenario": "random-kills", "profile": "x"}
    return told | {"plan": plan, "plan_text": f"{faults} kills", "replay": f"replay runs/{number}"}


def test_an_invariant_is_told_once_by_the_smallest_plan_with_how_many_runs_broke_it() -> None:
    certificate = session([finding(1, "two", faults=2), finding(2, "one", faults=1)], "FAIL")
    told = summed(certificate, {"fastmcp": "4.1.2"}, 2)
    assert [(f["plan"], f["runs"], f["message"]) for f in told["findings"]] == [("1 kills", 2, "one")]
    assert len(plans(certificate)["task.vanished"]["faults"]) == 1
    assert [s["id"] for s in told["scenarios"]] == ["random-kills"]  # a scenario that was not played is not told
    assert told["took_s"] == 300
    assert told["recovery_s"] == {"p50": 0.123, "p95": 0.2, "max": None}


def page_of(folder: Path, certificate: Mapping[str, Any]) -> str:
    """The page of one recipe of which this is kept."""
    place = folder / "one"
    (place / "observed").mkdir(parents=True)
    for name in ("crashtest.toml", "recipe.toml"):
        (place / name).write_text((the("fastmcp-memory").folder / name).read_text(encoding="utf-8"), encoding="utf-8")
    (place / "observed" / "summary.json").write_text(json.dumps(summed(certificate, {"fastmcp": "4.1.2"}, 2)))
    return results.text(recipes(folder))


def test_a_servers_text_is_text_on_the_page(tmp_path: Path) -> None:
    hostile = "gone | a\n# <script>x</script> [press](http://x)`\x1b[2J"
    page = page_of(tmp_path, session([finding(1, hostile, faults=1)], "FAIL"))
    line = next(line for line in page.splitlines() if "press" in line)
    assert "\\<script\\>" in line
    assert "\\[press\\]" in line
    assert "\x1b" not in page
    assert "recipes/one/observed/task.vanished.json" in page


def test_nothing_is_said_against_a_server_that_has_kept_what_it_says(tmp_path: Path) -> None:
    page = page_of(tmp_path, session())
    assert "held in every run" in page
    assert "did not hold" not in page
    assert "it took 5 min" in page


def test_what_the_windows_have_shown_is_told_where_the_session_before_had_not(tmp_path: Path) -> None:
    seen = session([finding(1, "lost again", faults=1)], "FAIL")
    page = page_of(tmp_path, session())
    windows = tmp_path / "one" / "observed" / "windows.json"
    windows.write_text(json.dumps(summed(seen, {"fastmcp": "4.1.2"}, 2)))
    told = results.text(recipes(tmp_path)).replace(page.rstrip("\n"), "")
    assert "lost again" in told
    assert "recipes/one/observed/windows.task.vanished.json" in told
    (tmp_path / "one" / "observed" / "summary.json").write_text(windows.read_text())
    both = results.text(recipes(tmp_path))
    assert both.count("lost again") == 1
    assert "nothing that the session above had not" in both


def test_a_summary_of_an_unknown_format_is_refused(tmp_path: Path) -> None:
    page_of(tmp_path, session())
    path = tmp_path / "one" / "observed" / "summary.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"format": 1', '"format": 9'), encoding="utf-8")
    with pytest.raises(UsageError, match="format 9"):
        results.text(recipes(tmp_path))


# --- what is expected


@pytest.mark.parametrize(
    ("verdict", "found", "says"),
    [
        ("FAIL", {"task.vanished"}, None),
        ("FAIL", {"task.vanished", "records.lost"}, None),
        ("PASS", set(), "PASS"),
        ("FAIL", {"records.lost"}, "task.vanished was expected"),
        ("FAIL", {"task.vanished", "task.identity"}, "task.identity was found"),
    ],
)
def test_another_finding_than_is_expected_is_said(verdict: str, found: set[str], says: str | None) -> None:
    expected = Expected(Verdict.FAIL, frozenset({"task.vanished"}), frozenset({"records.lost"}))
    told = expected.differs(verdict, frozenset(found))
    assert told is None if says is None else says in str(told)


def test_a_recipe_that_names_what_is_no_invariant_is_refused(tmp_path: Path) -> None:
    text = (the("fastmcp-memory").folder / "recipe.toml").read_text(encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(text.replace("task.vanished", "task.went"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"task\.went"):
        read(tmp_path)


# --- playing them


def needing(*programs: str, folder: Path = HERE / "nothing") -> Recipe:
    return Recipe(folder, "a title", "a job", ["it says"], "here", Expected(Verdict.PASS), needs=programs)


def test_what_a_machine_does_not_have_is_said_with_what_mends_it() -> None:
    assert why_not(needing("sh")) is None
    assert "there is no no-such-program on this machine" in str(why_not(needing("sh", "no-such-program")))


def test_a_name_that_no_recipe_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no recipe nobody.*fastmcp-memory"):
        chosen(FOUND, ["nobody"], ci=False)
    assert {recipe.name for recipe in chosen(FOUND, [], ci=True)} == {recipe.name for recipe in FOUND if recipe.ci}


def test_an_environment_is_made_once_for_the_same_pins_and_half_a_one_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text("{}", encoding="utf-8")
    (tmp_path / "package.json").write_text("{}", encoding="utf-8")
    done: list[Sequence[str]] = []

    def do(words: Sequence[str], folder: Path) -> int:
        done.append(words)
        (folder / "node_modules").mkdir(exist_ok=True)
        return int(len(done) == 1)

    recipe = needing(folder=tmp_path)
    with pytest.raises(NotInstalled):
        lab(recipe, do)
    for _ in range(2):
        lab(recipe, do)
    (tmp_path / "package-lock.json").write_text('{"other": 1}', encoding="utf-8")
    lab(recipe, do)
    assert len(done) == 3


def test_what_uvx_fetches_has_the_version_that_the_mcp_json_pins(tmp_path: Path) -> None:
    entry = {"command": "uvx", "args": ["--with", "mcp==1.30.0", "a-server==2.0", "--db-path", "~/test.db"]}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": {"a": entry}}), encoding="utf-8")
    asked: list[Sequence[str]] = []

    def ask(words: Sequence[str]) -> str:
        asked.append(words)
        return '{"uv": "0.1"}'

    recipe = replace(needing(folder=tmp_path), packages=["a-server", "mcp", "uv"])
    assert versions(recipe, ask) == {"a-server": "2.0", "mcp": "1.30.0", "uv": "0.1"}
    assert [words[-1] for words in asked] == ["uv"]  # what is installed is asked for, and nothing else


@pytest.mark.parametrize("fetches", [True, False])
def test_what_uvx_cannot_fetch_is_not_installed_and_no_fault_of_the_server(
    fetches: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "HERE", tmp_path)
    entry = {"command": "uvx", "args": ["a-server==2.0"]}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": {"a": entry}}), encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("uv==0.1", encoding="utf-8")

    def do(words: Sequence[str], _folder: Path) -> int:
        if words[1:3] == ["-m", "venv"]:
            Path(words[-1]).mkdir(parents=True)
        return int(words[1:] == ["a-server==2.0", "--help"] and not fetches)

    recipe = needing(folder=tmp_path)
    if fetches:
        assert lab(recipe, do)[0].endswith("/bin/mcp-crashtest")
    else:
        with pytest.raises(NotInstalled, match=r"uvx a-server==2\.0 failed"):
            lab(recipe, do)


def test_what_ends_us_ends_what_we_have_started(tmp_path: Path) -> None:
    """The command is told once, by us: what the terminal sends does not reach it too."""
    told = tmp_path / "told"
    child = (
        "import pathlib, signal, sys, time\n"
        "def ended(*_): pathlib.Path(sys.argv[1]).write_text('ended'); sys.exit(130)\n"
        "signal.signal(signal.SIGTERM, ended); pathlib.Path(sys.argv[1]).write_text('began'); time.sleep(60)"
    )
    ours = (
        "import pathlib, signal, sys\nfrom recipes import run\nsignal.signal(signal.SIGTERM, run._interrupted)\n"
        "try: run.do([sys.executable, '-c', sys.argv[1], sys.argv[2]], pathlib.Path('.'))\n"
        "except KeyboardInterrupt: sys.exit(130)"
    )
    process = subprocess.Popen([sys.executable, "-c", ours, child, str(told)], cwd=HERE.parent)
    deadline = time.monotonic() + 20
    while not told.exists() or told.read_text(encoding="utf-8") != "began":
        assert time.monotonic() < deadline, "the command does not begin within 20 s"
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 130
    assert told.read_text(encoding="utf-8") == "ended"


def test_a_recipe_that_cannot_be_played_is_skipped_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "recipes", lambda: [needing("no-such-program")])
    monkeypatch.setattr(sys, "argv", ["run"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert run.main() == 1  # nothing was played at all
    assert re.search(r"nothing +SKIPPED: there is no no-such-program", capsys.readouterr().out)
