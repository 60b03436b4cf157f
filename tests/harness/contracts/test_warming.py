"""A server that says "not yet", in whatever way, and one that says no."""

from __future__ import annotations

import time

import pytest

from mcp_crashtest.contracts.contract import Refused
from mcp_crashtest.contracts.warming import Patience, asked_pause_s, says_not_yet
from mcp_crashtest.wire.errors import HttpError, RpcError


@pytest.mark.parametrize(
    "error",
    [
        HttpError(503, "warming up"),
        HttpError(502, ""),
        Refused("the model is still loading, try again in a moment"),
        Refused("Service is starting up"),
        Refused("not yet ready"),
        Refused("index not ready yet"),
        Refused("still reading the books, line 3 of 10"),
        Refused("the journal is long, please come back in a second"),
        Refused("currently rebuilding the index"),
        Refused("coming up: 12 of 40 segments"),
        Refused("recovery in progress"),
        Refused("the register is not open yet"),
        RpcError(-32603, "Model is loading"),
        RpcError(-32000, "Server not initialized"),
    ],
)
def test_not_yet(error: Exception) -> None:
    assert says_not_yet(error)


@pytest.mark.parametrize(
    "error",
    [
        HttpError(404, "warming up"),
        HttpError(500, "Internal Server Error"),
        Refused("disk full"),
        Refused("there is no job 7"),
        Refused("job 7 is still running"),
        Refused("job 6 is still in progress"),
        Refused("the job was not started"),
        Refused("the file is already loaded"),
        Refused("the result will not come back"),
        Refused("the stove is taken, come back later"),
        RpcError(-32602, "Unknown tool: start"),
        RpcError(-32000, "Bad Request: Server not initialized"),  # the TypeScript SDK's, to a request without a session
    ],
)
def test_no(error: Exception) -> None:
    assert not says_not_yet(error)


def test_not_yet_is_borne_for_as_long_as_a_start_may_take() -> None:
    assert Patience(30.0).bears(Refused("still loading"))
    assert not Patience(0.0).bears(Refused("still loading"))
    assert not Patience(30.0).bears(Refused("disk full"))


def test_words_of_its_own_are_borne_of_a_server_that_is_known_for_them() -> None:
    assert Patience(0.0, own_words_s=30.0).bears(Refused("the platen is cold"))
    assert not Patience(30.0).bears(Refused("the platen is cold"))


def test_a_server_that_was_ready_meanwhile_says_it_for_the_first_time_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed once in every minute it may load its store each time for as long as a start may take."""
    now = iter(range(30, 1000, 30))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(now)))
    patience, loading = Patience(50.0), Refused("still loading")
    assert patience.bears(loading)
    patience.served()
    assert patience.bears(loading)
    assert not patience.bears(loading)


def test_a_job_that_is_taken_again_and_again_and_never_gets_on_is_not_borne_for_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = iter(range(30, 1000, 30))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(now)))
    patience, loading = Patience(50.0), Refused("the result is still loading")
    assert patience.bears(loading)
    patience.heard()
    assert not patience.bears(loading)


def test_a_refusal_is_borne_while_a_job_may_be_under_way_of_which_nobody_has_heard() -> None:
    busy = Refused("the stove is taken")
    patience = Patience(0.0, busy_s=30.0)
    assert not patience.bears(busy)
    patience.unheard()
    assert patience.bears(busy)
    patience.heard()
    assert not patience.bears(busy)
    over = Patience(0.0, busy_s=0.0)
    over.unheard()
    assert not over.bears(busy)


def test_the_pause_that_is_asked_for_is_kept_within_bounds() -> None:
    assert asked_pause_s(HttpError(503, "", 1.0)) == 1.0
    assert asked_pause_s(HttpError(503, "", 3600.0)) == 5.0
    assert asked_pause_s(HttpError(503, "")) == 0.0
    assert asked_pause_s(Refused("still loading")) == 0.0
