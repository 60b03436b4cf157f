"""Case 04: a server that wants a bearer token, which comes from the environment of the lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import certify, named

FOLDER = Path(__file__).resolve().parent / "04-bearer"


@pytest.mark.cases
@pytest.mark.timeout(900)
def test_with_its_token_it_is_certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "letmein")
    done = certify(tmp_path, "--profile", FOLDER / "c-environment.toml", "--quick")
    assert done.code == 0, done.out + done.err
    assert "letmein" not in done.out + done.err


@pytest.mark.cases
@pytest.mark.timeout(900)
def test_a_token_that_stands_in_the_profile_is_sent_too(tmp_path: Path) -> None:
    done = certify(tmp_path, "--profile", FOLDER / "b-headers.toml", "--quick", "--scenario", "planned-restart")
    assert done.code == 0, done.out + done.err


@pytest.mark.cases
@pytest.mark.timeout(900)
def test_without_it_the_key_is_named_that_says_it(tmp_path: Path) -> None:
    done = certify(tmp_path, "--profile", FOLDER / "a.toml", "--quick", "--scenario", "planned-restart")
    assert done.code == 3, done.out + done.err
    reason = named(done, "planned-restart", "a")["reason"]
    assert "HTTP status 401" in reason
    assert '[subject] headers = { Authorization = "Bearer ${TOKEN}" }' in reason
