"""What people bring, by what their profile says of their server: strings, words, files, percent, slow and late starts.

In ``make test`` two cases show their whole job, which a profile that was misread does not survive; ``make cases``
shows all of them, and kills the servers too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from tests.lab import Done, certify, invariants, named

HERE = Path(__file__).resolve().parent
UNDISTURBED, KILLED = "undisturbed", "server-killed-everywhere"

CORRECT = (
    "05-string-result/json-string",
    "05-string-result/object",
    "05-string-result/sentence",
    "06-interrupted-word/d-SUCCEEDED",
    "06-interrupted-word/e-TASK_STATE",
    "07-replays-last-batch/c-mended",
    "17-percent-nested/a",
    "17-percent-nested/b",
    "17-percent-nested/c-flat-percent",
    "17-percent-nested/d-no-records",
    "21-warming-up/a-503",
    "21-warming-up/b-tool",
)
FIRST = ("05-string-result/json-string", "17-percent-nested/a")
LONG = [pytest.mark.cases, pytest.mark.timeout(900)]
SAYS_SO = ("06-interrupted-word/a-with-words", "06-interrupted-word/c-says-failed")
REPLAYS = ("07-replays-last-batch/a-file-per-job", "07-replays-last-batch/b-one-file")


def played(report: Path, scenario: str, *cases: str) -> Done:
    profiles = [f"--profile={HERE / case}.toml" for case in cases]
    return certify(report, *profiles, "--quick", "--scenario", scenario)


def of(done: Done, scenario: str, case: str) -> dict[str, Any]:
    return named(done, scenario, case.rsplit("/", 1)[-1])


@pytest.mark.soak
def test_a_server_that_is_warming_up_is_waited_for(tmp_path: Path) -> None:
    with Laboratory(Bundle(tmp_path), seed=0, jobs=1) as laboratory:
        assert laboratory.bench(read_profile(HERE / "21-warming-up/a-503.toml")).golden is not None


def test_a_case_shows_its_whole_job_at_the_first_run(tmp_path: Path) -> None:
    with Laboratory(Bundle(tmp_path), seed=0, jobs=2) as laboratory:
        profiles = [read_profile(HERE / f"{case}.toml") for case in FIRST]
        for profile in profiles:
            assert laboratory.bench(profile, profiles).golden is not None


@pytest.mark.cases
@pytest.mark.timeout(900)
def test_every_case_shows_its_whole_job_undisturbed(tmp_path: Path) -> None:
    done = played(tmp_path, UNDISTURBED, *CORRECT)
    assert {case: of(done, UNDISTURBED, case)["reason"] for case in CORRECT} == dict.fromkeys(CORRECT, "")
    assert done.code == 0, done.out + done.err


@pytest.mark.cases
@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", ["a-503", "b-tool"])
def test_a_server_that_is_warming_up_is_waited_for_by_every_run(tmp_path: Path, case: str) -> None:
    done = played(tmp_path, UNDISTURBED, f"21-warming-up/{case}")
    assert done.code == 0, done.out + done.err


# --- in full


@pytest.mark.cases
@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", CORRECT)
def test_a_correct_server_is_accused_of_nothing(tmp_path: Path, case: str) -> None:
    done = played(tmp_path, KILLED, case)
    assert (of(done, KILLED, case)["verdict"], of(done, KILLED, case)["findings"]) == ("PASS", []), done.out + done.err


@pytest.mark.cases
@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", REPLAYS)
def test_a_batch_that_is_written_again_is_found_in_the_file_of_its_job(tmp_path: Path, case: str) -> None:
    done = played(tmp_path, KILLED, case)
    assert done.code == 1, done.out + done.err
    assert "records.duplicated" in invariants(of(done, KILLED, case))


@pytest.mark.cases
@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", SAYS_SO)
def test_who_does_not_claim_to_resume_and_says_that_it_failed_earns_a_star_at_most(tmp_path: Path, case: str) -> None:
    done = played(tmp_path, KILLED, case)
    assert of(done, KILLED, case)["findings"] == [], done.out + done.err
    assert of(done, KILLED, case)["verdict"] == "PASS"
    assert done.certificate["level"] <= 1
    assert any("fails honestly; does not resume" in str(cap) for cap in done.certificate["caps"])


@pytest.mark.cases
@pytest.mark.timeout(900)
def test_a_last_word_that_nobody_knows_stops_the_session_with_the_line_to_add(tmp_path: Path) -> None:
    done = played(tmp_path, KILLED, "06-interrupted-word/a-interrupted-no-claim")
    reason = of(done, KILLED, "a-interrupted-no-claim")["reason"]
    assert done.code == 2, reason
    assert "the last status is 'interrupted'" in reason
    assert 'words = { failed = ["interrupted"] }' in reason


@pytest.mark.cases
@pytest.mark.timeout(900)
def test_who_claims_to_resume_and_ends_with_a_word_of_his_own_has_lost_the_rest(tmp_path: Path) -> None:
    done = played(tmp_path, KILLED, "06-interrupted-word/b-interrupted-claimed")
    assert done.code == 1, done.out + done.err
    [finding] = of(done, KILLED, "b-interrupted-claimed")["findings"]
    assert finding["invariant"] == "records.lost"
    assert "did not resume: it ended as 'interrupted'" in finding["message"]


@pytest.mark.cases
@pytest.mark.timeout(900)
def test_a_start_that_takes_longer_than_it_may_is_given_up_and_the_key_is_named(tmp_path: Path) -> None:
    done = played(tmp_path, UNDISTURBED, "03-slow-start/a-default")
    reason = of(done, UNDISTURBED, "a-default")["reason"]
    assert done.code == 3, reason
    assert "[subject] ready_deadline_s = 30" in reason
    assert "listens on no port" in reason
