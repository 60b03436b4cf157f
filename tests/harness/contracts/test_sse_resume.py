"""The contract ``sse-resume``: a stream goes on behind a lost connection, and over a restart where that is claimed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Judgement, Verdict
from tests.lab import MUTANTS, certify

SAMPLE = MUTANTS / "streamed.toml"
LATER = pytest.mark.soak


def changed(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    text = SAMPLE.read_text(encoding="utf-8").replace("{here}", str(MUTANTS))
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def played(profile: Path, folder: Path, fault: Fault) -> tuple[Judgement, History]:
    with Laboratory(Bundle(folder / "report"), seed=0, jobs=1) as laboratory:
        bench = laboratory.bench(read_profile(profile))
        plan = Plan("story", bench.protocols[0], (fault,))
        [outcome] = laboratory.play(bench, "story", [(1, plan)], lambda *_: None)
    return outcome.judgement, outcome.folder.history()


KILLED = Fault("kill", Victim.SERVER, Batch(4, Phase.OBSERVED))
DROPPED = Fault("drop", Victim.CLIENT, Batch(4, Phase.OBSERVED))


@pytest.mark.parametrize("fault", [KILLED, pytest.param(DROPPED, marks=LATER)])
def test_a_stream_goes_on_and_the_call_is_made_once(tmp_path: Path, fault: Fault) -> None:
    judgement, history = played(SAMPLE, tmp_path, fault)
    assert judgement.verdict is Verdict.PASS, judgement
    calls = [o for o in history.of(Op.SUBMIT, types=[Type.INVOKE]) if "resumes" not in o.value]
    assert len(calls) == 1
    assert len(list(history.of(Op.STREAM, types=[Type.INVOKE]))) >= 1


@pytest.mark.soak
def test_over_a_restart_nothing_is_promised_where_nothing_is_claimed(tmp_path: Path) -> None:
    forgets = changed(tmp_path, "forgets", ("streamed.py", "stream_forgotten.py"), ("durable_events = true", ""))
    judgement, history = played(forgets, tmp_path, KILLED)
    assert judgement.verdict is Verdict.PASS, judgement
    assert len(list(history.of(Op.STREAM, types=[Type.FAIL]))) == 1


@pytest.mark.soak
def test_a_call_without_a_stream_of_events_does_not_offer_it(tmp_path: Path) -> None:
    plain = changed(tmp_path, "plain", ("streamed.py", "stream_of_nothing.py"))
    with Laboratory(Bundle(tmp_path / "report"), seed=0, jobs=1) as laboratory, pytest.raises(UsageError) as caught:
        laboratory.bench(read_profile(plain))
    assert "not offered: the stream of start has no events with ids" in str(caught.value)


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("revision", ["2025-06-18", "2025-03-26"])
def test_a_server_of_an_older_revision_is_taken_at_its_word(tmp_path: Path, revision: str) -> None:
    older = changed(
        tmp_path,
        "older",
        ("streamed.py", f"stream_older.py {revision}"),
        ("sse-resume", "resumable-tool"),
        ("durable_events = true", ""),
    )
    done = certify(tmp_path / "report", "--profile", older, "--quick", "--scenario", "server-killed-everywhere")
    assert done.code == 0, done.out + done.err
    with Laboratory(Bundle(tmp_path / "again"), seed=0, jobs=1) as laboratory:
        assert laboratory.bench(read_profile(older)).spoken == (revision,)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_streams_that_are_done_right_earn_two_stars(tmp_path: Path) -> None:
    done = certify(tmp_path, "--profile", SAMPLE)
    assert (done.code, done.certificate["level"]) == (0, 2), done.out + done.err
