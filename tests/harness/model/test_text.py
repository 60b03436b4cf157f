"""Records made comparable: what a run alone is called is no difference."""

from __future__ import annotations

from mcp_crashtest.model.text import fingerprint, summarise

OURS, THEIRS = {"client-4f2a91c0": "{client_id}", "job-77aa01bb": "{handle}"}, {"client-99e0d311": "{client_id}"}


def test_records_that_say_whose_they_are_are_the_same_in_every_run() -> None:
    mine = {"n": 1, "owner": "client-4f2a91c0", "text": "a"}
    assert fingerprint(mine, OURS) == fingerprint({**mine, "owner": "client-99e0d311"}, THEIRS)
    assert fingerprint(mine, OURS) != fingerprint({**mine, "text": "b"}, OURS)


def test_what_another_run_is_called_stays_a_difference() -> None:
    assert fingerprint({"owner": "client-99e0d311"}, OURS) != fingerprint({"owner": "client-4f2a91c0"}, OURS)


def test_a_key_may_say_it_too() -> None:
    [(key, _)] = summarise([{"id": "job-77aa01bb:17"}], "$.id", OURS)
    assert key == "{handle}:17"
