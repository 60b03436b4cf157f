"""What became of each sabotage, in figures: a test is blind where nothing at all was noticed."""

from __future__ import annotations

from mcp_crashtest.model.sharpness import is_blind, sharpness


def test_it_is_said_how_often_a_sabotage_was_noticed_and_by_what() -> None:
    seen = sharpness("dropped fsync", [["records.lost", "task.vanished"], ["records.lost"], []])
    assert str(seen) == "dropped fsync: noticed in 2 of 3 by records.lost, task.vanished"
    assert seen.to_json() == {
        "kind": "dropped fsync",
        "tried": 3,
        "noticed": 2,
        "by": ["records.lost", "task.vanished"],
    }


def test_one_kind_that_is_noticed_once_is_enough_to_see() -> None:
    unseen, once = sharpness("torn write", [[], []]), sharpness("dropped fsync", [["records.lost"], []])
    assert str(unseen) == "torn write: noticed in 0 of 2"
    assert is_blind([unseen])
    assert not is_blind([unseen, once])
    assert is_blind([])
