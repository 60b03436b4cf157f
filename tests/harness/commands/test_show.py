"""``mcp-crashtest show``: one report is opened from the disk, several are a list that this machine alone is given."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from mcp_crashtest.cli import main
from mcp_crashtest.commands.show import _Handler, listing, reports
from mcp_crashtest.files.bundle import Bundle
from tests.harness.page import bundles


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two reports, and something that is none."""
    folder = tmp_path_factory.mktemp("shelf")
    bundles.failing(folder / "one")
    bundles.passing(folder / "two", runs=2)
    (folder / "other").mkdir()
    return folder


def test_one_report_is_a_file_to_open(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["show", str(shelf / "one"), "--no-browser"])
    assert ended.value.code == 0
    page = Bundle(shelf / "one").page
    assert capsys.readouterr().out == f"{page.as_uri()}\n"
    assert page.exists()


def test_where_there_is_no_report_it_is_said_what_to_give(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["show", str(tmp_path)])
    assert ended.value.code == 2
    assert "give a report directory" in capsys.readouterr().err


def test_reports_are_found_in_a_folder_of_them(shelf: Path) -> None:
    assert [bundle.folder.name for bundle in reports([shelf])] == ["one", "two"]
    assert [bundle.folder.name for bundle in reports([shelf / "two", shelf / "other"])] == ["two"]


def test_a_list_says_what_each_came_to_and_holds_no_script(shelf: Path) -> None:
    text = listing(list(reports([shelf])))
    assert text.count("<tr><th") == 2
    assert "FAIL" in text
    assert "PASS" in text
    assert "<script" not in text


def test_what_a_profile_is_called_stays_text(tmp_path: Path) -> None:
    bundle = bundles.passing(tmp_path / "report", runs=1)
    certificate = dict(bundle.certificate() or {}, profile="<script>alert(1)</script>")
    bundle.save_certificate(json.loads(json.dumps(certificate)))
    assert "<script" not in listing([bundle])


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", "127.0.0.1", 200),
        ("/1", "localhost:80", 200),
        ("/2", "127.0.0.1", 404),
        ("/../2", "127.0.0.1", 404),
        ("/1", "attacker.example", 404),
        ("/", "", 404),
    ],
)
def test_only_the_pages_are_given_and_only_by_this_machine_s_name(
    shelf: Path, path: str, host: str, status: int
) -> None:
    [bundle] = reports([shelf / "one"])
    bundle.save_page("<!doctype html>")
    handler = type("_Pages", (_Handler,), {"pages": {"/": b"list"}, "bundles": [bundle]})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asked = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
        asked.putrequest("GET", path, skip_host=True)
        asked.putheader("Host", host)
        asked.endheaders()
        assert asked.getresponse().status == status
        asked.close()
        server.shutdown()


def test_several_are_served_on_this_machine_until_ctrl_c(shelf: Path) -> None:
    words = [sys.executable, "-m", "mcp_crashtest.cli", "show", str(shelf), "--no-browser"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        said = serving.stdout.readline()
        assert said.startswith("http://127.0.0.1:")
        assert "(2 reports; Ctrl-C ends it)" in said
        port = int(said.partition("/  (")[0].rpartition(":")[2])
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        asked.request("GET", "/2")
        answer = asked.getresponse()
        assert answer.status == 200
        assert b"mcp-crashtest" in answer.read()
        serving.send_signal(signal.SIGINT)
        assert serving.wait(60) == 0
