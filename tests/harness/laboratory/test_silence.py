"""A subject that does not answer: each reason has its own sentence, with what mends it. The processes are real."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profiles import parse_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.probe import _newest_of_each_era
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.subjects.sockets import find_free_port

SLEEPS = "import time; time.sleep(60)"
LISTENS = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"
STDIO = "import sys; print('Starting MCP server with transport stdio', file=sys.stderr); sys.stdin.read()"
QUIET = "import sys; sys.stdin.read()"
BROKEN = "raise SystemExit('the config is missing')"
ANSWERS = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(int(sys.argv[2])); self.send_header("Content-Length", "0"); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def why_not(
    folder: Path,
    script: str,
    *arguments: object,
    protocols: tuple[str, ...] = (),
    ready_s: float = 2.0,
    piped: bool = False,
) -> str:
    """What is said when this script is the server; said in a line only when it is asked again."""
    counts = f"open({str(folder / 'starts')!r}, 'a').write('x')\n"
    (folder / "server.py").write_text(counts + script)
    command = " ".join(map(str, (sys.executable, "-u", "{here}/server.py", *arguments)))
    subject = {
        "command": command,
        "url": "http://127.0.0.1:{port}/mcp",
        "ready_deadline_s": ready_s,
        "protocols": protocols,
    }
    if piped:
        del subject["url"]
    tables = {"subject": subject, "contract": {"kind": "resource-task", "tool": "start"}}
    profile = parse_profile(tables, name="mine", source="mine.toml", folder=folder)
    with Laboratory(Bundle(folder / "report"), seed=0, jobs=1) as laboratory:
        with pytest.raises((SubjectError, UsageError)) as first:
            laboratory.bench(profile)
        with pytest.raises(type(first.value), match="as said above") as again:
            laboratory.bench(profile)
    assert "\n" not in str(again.value)
    assert (first.value.said, again.value.said) == (False, True)
    return str(first.value)


def starts(folder: Path) -> int:
    return len((folder / "starts").read_text())


def test_a_command_that_listens_on_no_port_may_need_longer_or_speak_stdio(tmp_path: Path) -> None:
    said = why_not(tmp_path, SLEEPS)
    assert "after 2 s ([subject] ready_deadline_s = 2): the command is alive and listens on no port" in said
    assert "If it needs longer, raise [subject] ready_deadline_s = 2" in said
    assert "speaks stdio" in said
    assert starts(tmp_path) == 1, "it lives: to start it again would show nothing else"


def test_a_command_that_listens_elsewhere_is_told_where(tmp_path: Path) -> None:
    port = find_free_port()
    said = why_not(tmp_path, LISTENS, port)
    assert f"the command listens on port {port} instead" in said
    assert "[subject] command with {port}" in said


def test_a_command_that_takes_connections_and_says_nothing_is_silent(tmp_path: Path) -> None:
    assert "it takes connections and says nothing" in why_not(tmp_path, LISTENS, "{port}")


@pytest.mark.parametrize("script", [STDIO, QUIET])
def test_a_command_that_reads_its_standard_input_seems_to_speak_stdio(tmp_path: Path, script: str) -> None:
    said = why_not(tmp_path, script)
    assert "ended with exit code 0 before it answered" in said
    assert "It seems to speak stdio: leave url out of [subject]" in said


def test_a_server_on_stdio_that_says_nothing_is_asked_whether_it_flushes(tmp_path: Path) -> None:
    said = why_not(tmp_path, SLEEPS, piped=True)
    assert "nothing answers on standard output after 2 s ([subject] ready_deadline_s = 2)" in said
    assert "does it flush what it writes?" in said
    assert starts(tmp_path) == 1


def test_what_comes_on_standard_output_and_is_no_message_is_shown(tmp_path: Path) -> None:
    said = why_not(tmp_path, "print('Welcome to my server!')\n" + SLEEPS, piped=True)
    assert "what came on standard output is no message: 'Welcome to my server!'" in said


def test_a_server_over_http_without_a_url_is_told_the_key(tmp_path: Path) -> None:
    port = find_free_port()
    said = why_not(tmp_path, LISTENS, port, piped=True)
    assert f"the command listens on port {port}. If it serves HTTP, say where: [subject] url" in said


def test_a_server_on_stdio_that_ends_is_shown_with_its_last_words(tmp_path: Path) -> None:
    said = why_not(tmp_path, BROKEN, piped=True)
    assert "ended with exit code 1 before it answered; its last words:\nthe config is missing" in said


def test_a_command_that_fails_is_shown_with_its_last_words_and_is_not_taken_for_stdio(tmp_path: Path) -> None:
    said = why_not(tmp_path, BROKEN)
    assert "ended with exit code 1 before it answered; its last words:\nthe config is missing" in said
    assert "stdio" not in said
    assert starts(tmp_path) == 2, "once as others are started, and once cold"


def test_a_server_that_stays_unready_is_waited_for_and_named(tmp_path: Path) -> None:
    said = why_not(tmp_path, ANSWERS, "{port}", 503)
    assert "is not ready after 2 s: HTTP status 503" in said
    assert "ready_deadline_s = 2" in said


def test_another_path_is_asked_about(tmp_path: Path) -> None:
    assert "Is the path of [subject] url right? Most servers answer at /mcp." in why_not(
        tmp_path, ANSWERS, "{port}", 404, ready_s=20
    )


def test_a_revision_that_is_not_spoken_by_us_is_refused_before_anything_starts(tmp_path: Path) -> None:
    said = why_not(tmp_path, BROKEN, protocols=("2024-11-05",))
    assert "'2024-11-05' is not supported (2024-11-05 has HTTP+SSE only" in said
    assert "2025-03-26 are" in said


@pytest.mark.parametrize(
    ("spoken", "played"),
    [
        (("2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"), ("2026-07-28", "2025-11-25")),
        (("2025-06-18", "2025-03-26"), ("2025-06-18",)),
        (("2026-07-28",), ("2026-07-28",)),
        ((), ()),
    ],
)
def test_the_newest_revision_of_each_era_is_played(spoken: tuple[str, ...], played: tuple[str, ...]) -> None:
    assert _newest_of_each_era(spoken) == played
