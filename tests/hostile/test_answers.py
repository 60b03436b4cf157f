"""Answers that are none: errors for ever, numbers that are no numbers, documents without a bottom."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.operation import Op
from tests.lab import ROOT, SMALL, certify

SERVER = f"""
import json
import sys

sys.path.insert(0, {str(ROOT)!r})
from tests.small import server

WHAT = sys.argv.pop()
DEEP = "[" * 100_000 + "]" * 100_000
NUMBERS = dict(nan="NaN", infinite="1e999", huge="1" + "0" * 400, text='"many"')


class Handler(server.Handler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        uri = request["params"].get("uri", "")
        if WHAT == "error" and request["method"] == "tools/call":
            return self.say(500, "text/plain", b"internal error")
        if request["method"] != "resources/read" or uri.endswith("records") or WHAT == "error":
            return self.respond(request)
        job = self.jobs.status(uri.removeprefix("job://"))
        text = json.dumps(job)
        if WHAT in NUMBERS:
            text = text.replace('"progress": %d' % job["progress"], '"progress": ' + NUMBERS[WHAT])
        elif WHAT == "deep":
            text = text[:-1] + ', "deep": ' + DEEP + "}}"
        body = json.dumps(dict(jsonrpc="2.0", id=request["id"], result=dict(contents=[dict(uri=uri, text=text)])))
        if WHAT == "deeper":
            body = '{{"jsonrpc":"2.0","id":%s,"result":{{"contents":%s}}}}' % (json.dumps(request["id"]), DEEP)
        self.say(200, "application/json", body.encode())

    def say(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


server.main(handler=Handler)
"""


def profile_of(folder: Path, what: str) -> Path:
    (folder / "server.py").write_text(SERVER)
    text = SMALL.read_text(encoding="utf-8").replace("{here}", str(folder)).replace(" {ledger}", f" {{ledger}} {what}")
    path = folder / "odd.toml"
    path.write_text(text)
    return path


SOMETIMES = [pytest.param(what, marks=pytest.mark.soak) for what in ("infinite", "huge", "text", "deep")]


@pytest.mark.parametrize("what", ["nan", "deeper", *SOMETIMES])
def test_what_is_no_answer_is_the_subjects_or_the_profiles_fault_and_never_the_labs(tmp_path: Path, what: str) -> None:
    done = certify(tmp_path / "report", "--profile", profile_of(tmp_path, what), "--scenario", "undisturbed")
    assert done.code in (2, 3), done.out + done.err
    [scenario] = done.certificate["scenarios"]
    assert scenario["findings"] == []
    assert "Traceback" not in done.out + done.err


@pytest.mark.soak  # a minute of silence is what it takes
def test_a_server_that_answers_500_to_the_job_is_given_up_and_its_answer_is_shown(tmp_path: Path) -> None:
    done = certify(tmp_path / "report", "--profile", profile_of(tmp_path, "error"), "--scenario", "undisturbed")
    assert done.code == 3, done.out + done.err
    [scenario] = done.certificate["scenarios"]
    assert "submissions came to nothing, the last with: HTTP status 500: internal error" in scenario["reason"]
    [golden] = [run for run in Bundle(tmp_path / "report").runs() if run.name == "golden"]
    assert len(list(golden.history().of(Op.SUBMIT))) < 2 * 1000
