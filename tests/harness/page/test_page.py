"""The page of a bundle, as a file: what is in it, what a subject's texts can do to it, how large it gets."""

from __future__ import annotations

import ast
import json
import math
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.page.document import json_text, script
from mcp_crashtest.page.model import CODE, MODELLED
from mcp_crashtest.page.report import page, write_page
from tests.harness.page import bundles

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m{{ 7*7 }}\u2028&lt;"


class Reader(HTMLParser):
    """What a browser would make of it: scripts by their type, and everything that names an address."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[str, str]] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.words: list[str] = []
        self._within: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self._within = tag
        if tag == "script":
            self.scripts.append((said.get("type", ""), ""))
        self.addresses += [said[name] for name in ("src", "href", "action", "data", "srcset") if name in said]
        self.handlers += [name for name in said if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        if self._within == "script":
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)
        elif self._within != "style":
            self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._within = None


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundles.failing(tmp_path_factory.mktemp("page") / "crashtest-report")


@pytest.fixture(scope="module")
def read(failing: Bundle) -> Reader:
    return Reader(page(failing).text)


def test_the_head_says_the_harm_and_what_was_not_assessed(read: Reader) -> None:
    words = " ".join(" ".join(read.words).split())
    assert "50 records in, 55 out" in words
    assert "The client leaves in the middle of its work and comes back 40 % into batch 2" in words
    assert "this version does not certify it" in words
    assert "an fsync is missing" in words
    assert "1 invariant that could not be assessed of literal" in words
    assert "records.duplicated" in words
    assert "1 of 7 runs fail, in 1 of 3 scenarios that were played" in words
    assert "299 not played" in words
    assert "violations" not in words


def test_a_client_s_page_says_which_client_was_tested_and_what_its_stars_mean(tmp_path: Path) -> None:
    bundle = bundles.passing(tmp_path / "report")
    certificate: Any = bundle.certificate()
    certificate["subject"][bundles.PROFILE]["client"] = "my-client --go"
    bundle.save_certificate(certificate)
    words = " ".join(" ".join(Reader(page(bundle).text).words).split())
    assert "The client that was tested my-client --go Its server" in words
    assert "It does its job with nobody in the way" in words
    assert "a planned restart loses nothing" not in words


def test_it_asks_for_nothing_and_runs_its_one_script_alone(read: Reader, failing: Bundle) -> None:
    assert [kind for kind, _ in read.scripts if kind not in ("application/json",)] == ["module"]
    assert {address[:1] for address in read.addresses if not address.startswith("data:,")} <= {"#"}
    assert read.handlers == []
    text = page(failing).text
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    assert policy[1].startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert "unsafe" not in policy[1]


def test_the_script_makes_elements_and_never_reads_markup() -> None:
    assert not re.search(
        r"innerHTML|outerHTML\s*=|insertAdjacent|document\.write|eval\(|Function\(|fetch\(|XMLHttp", script()
    )


def test_each_run_is_there_with_its_story_and_its_replay_line(read: Reader, failing: Bundle) -> None:
    told = [json.loads(text) for kind, text in read.scripts if kind == "application/json"]
    index, runs = told[0]["runs"], told[1:]
    assert len(index) == len(runs) == 7
    [bad] = [run for run in runs if run["findings"]]
    assert "by call 2 of the client's second life" in bad["stories"][0]
    run = bundles.place(failing, bundles.LEAVES, 6).relative_to(failing.folder.parent)
    assert bad["replay"] == f"mcp-crashtest replay {run}"


def test_every_scenario_that_broke_it_leads_to_a_run_of_its_own(read: Reader) -> None:
    assert f"#run/{bundles.PROFILE}/{bundles.LEAVES}/0006" in read.addresses
    text = " ".join(" ".join(read.words).split())
    assert f"Seen in {bundles.LEAVES}" in text


def test_no_folder_of_this_machine_is_in_it(failing: Bundle) -> None:
    assert str(failing.folder.parent) not in page(failing).text


def test_what_a_subject_says_stays_text(tmp_path: Path, failing: Bundle) -> None:
    hostile = bundles.failing(tmp_path / "report", hostile=HOSTILE + "y" * 1_000_000)
    text = page(hostile).text
    shown, usual = Reader(text), Reader(page(failing).text)
    assert len(shown.scripts) == len(usual.scripts)
    assert shown.handlers == []
    assert "<img" not in text
    assert "\x1b" not in text
    assert "49" not in "".join(shown.words).replace("{{ 7*7 }}", "")[-400:]
    assert len(text) < 2 * len(page(failing).text)


@pytest.mark.parametrize("text", ["</script>", "<!--", "\u2028", "]]>", "\ud800", "&"])
def test_nothing_in_json_ends_its_element(text: str) -> None:
    written = str(json_text({"said": text}))
    assert not set("<>&\u2028") & set(written)
    if text != "\ud800":
        assert json.loads(written) == {"said": text}


@pytest.mark.soak
def test_five_hundred_runs_are_built_in_time_and_small(tmp_path: Path) -> None:
    large = bundles.passing(tmp_path / "report", runs=500)
    began = time.process_time()
    built = page(large)
    assert time.process_time() - began < 3
    assert len(built.text.encode()) < 5_000_000
    assert built.text.count('<script type="application/json" data-run=') == 500
    assert built.unread == ()


def test_where_there_is_no_room_what_failed_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_crashtest.page.report._ROOM_BYTES", 15_000)
    shown = Reader(page(bundles.failing(tmp_path / "report")).text)
    told = [json.loads(text) for kind, text in shown.scripts if kind == "application/json"][1:]
    assert told[0]["findings"][0]["invariant"] == "records.duplicated"
    assert len(told) < 7


def test_a_run_that_cannot_be_read_is_said_and_the_others_are_shown(tmp_path: Path) -> None:
    bundle = bundles.passing(tmp_path / "report", runs=3)
    bundle.runs()[0].history_file.write_text("torn")
    built = page(bundle)
    assert "server-killed-everywhere/0001" in built.unread[0]
    assert built.text.count('data-run="literal/server-killed-everywhere') == 4  # a cell and a telling each


def test_a_session_without_any_run_has_a_page_that_claims_nothing(tmp_path: Path) -> None:
    words = " ".join(" ".join(Reader(page(bundles.nothing(tmp_path / "report")).text).words).split())
    assert "Nothing more is proven" in words
    assert "The session was cut short" in words
    assert "server-killed-everywhere: nothing answers" in words
    assert "1 scenario of which no run was played" in words
    assert "0 runs, where each fault fell" in " ".join(words.split())


def test_a_session_without_a_certificate_has_no_page(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path / "report")
    bundle.prepare("x", shared=False).close()
    with pytest.raises(UsageError, match="holds no certificate"):
        page(bundle)


def test_the_session_before_is_what_it_is_compared_with(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    write_page(bundles.failing(folder))
    Bundle(folder).prepare("another", shared=False).close()
    [earlier] = Bundle(folder).sessions_before()
    assert earlier.page.exists()
    other = bundles.passing(tmp_path / "other")
    words = " ".join(Reader(page(other, folder / "previous" / earlier.folder.name).text).words)
    assert "1 not looked for" in " ".join(words.split())
    with pytest.raises(UsageError, match="give a report directory to --compare"):
        page(other, tmp_path)


def test_the_model_beside_the_advice_is_what_the_reference_server_runs() -> None:
    source = (ROOT / "reference_server" / "committing.py").read_text(encoding="utf-8")
    statement, body = CODE.split("\n\n")
    assert f"{statement}\n" in source
    assert "".join(f"    {line}\n" for line in body.splitlines()) in source
    ast.parse(CODE)
    assert set(INVARIANTS) >= MODELLED


def test_what_a_page_holds_is_json_to_the_last_number(read: Reader) -> None:
    def finite(value: Any) -> bool:
        if isinstance(value, dict):
            return all(map(finite, value.values()))
        if isinstance(value, list):
            return all(map(finite, value))
        return not isinstance(value, float) or math.isfinite(value)

    assert all(finite(json.loads(text)) for kind, text in read.scripts if kind == "application/json")
