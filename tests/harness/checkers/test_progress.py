"""Progress, as clients saw it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.model.faults import Victim
from mcp_crashtest.model.operation import Op, Type
from tests.harness.checkers.histories import (
    DROP,
    KILL,
    KILL_BOTH,
    KILL_CLIENT,
    PASS,
    Event,
    boot,
    connect,
    end,
    fail,
    fault,
    history,
    landed,
    output,
    progress,
    refused,
    submit,
    unanswered,
    verdict,
)

KILL_SERVICE = fault("kill", Victim.SERVICE)
DONE = (output("abcdef"), end())


def crashed(*after: Any, **claims: Any) -> tuple[Any, list[str]]:
    events = [boot(), submit(), progress(2), progress(4), landed(KILL), boot(), *after, *DONE]
    return verdict(history(events, faults=[KILL], **claims))


def test_progress_that_is_equal_across_a_crash_passes() -> None:
    assert crashed(connect(), progress(4)) == PASS


def test_progress_that_is_one_less_across_a_crash_is_undone() -> None:
    assert crashed(connect(), progress(3)) == fail("progress.regressed")


def test_a_server_that_does_not_claim_to_resume_may_begin_anew() -> None:
    assert crashed(connect(), progress(0), progress(2), resumes=False) == PASS


def test_a_queue_that_gives_a_job_out_again_later_may_show_what_the_last_life_has_left_until_then() -> None:
    assert crashed(connect(), progress(4), progress(2), progress(6), resumes=False) == PASS
    done_unseen = progress(5)  # in the last life's last moment
    assert crashed(connect(), done_unseen, progress(2), progress(6), resumes=False) == PASS
    assert crashed(connect(), progress(4), progress(2), progress(6)) != PASS


def test_who_may_begin_anew_does_so_once_in_a_life_and_not_behind_what_was_done_in_it() -> None:
    monotonic = fail("progress.monotonic")
    assert crashed(connect(), progress(4), progress(2), progress(4), progress(2), resumes=False) == monotonic
    assert crashed(connect(), progress(3), progress(5), progress(2), resumes=False) == monotonic
    undisturbed = [boot(), submit(), progress(4), progress(2), *DONE]
    assert verdict(history(undisturbed, resumes=False)) == monotonic


def test_a_service_that_dies_may_cost_who_does_not_claim_to_resume_its_progress_once_a_death() -> None:
    monotonic = fail("progress.monotonic")

    def died(*after: Any, **claims: Any) -> tuple[Any, list[str]]:
        events = [boot(), submit(), progress(3), landed(KILL_SERVICE), *after, *DONE]
        return verdict(history(events, faults=[KILL_SERVICE], **claims))

    anew = (progress(1), progress(2), progress(5))
    assert died(*anew, resumes=False) == PASS
    assert died(progress(4), *anew, resumes=False) == PASS, "it has noticed it a little later"
    assert died(*anew) == monotonic, "it claims to resume"
    assert died(*anew, progress(2), resumes=False) == monotonic, "nothing has died the second time"
    assert died(*anew, landed(KILL_SERVICE), progress(2), resumes=False) == PASS
    error = [Event("client-0", Type.INFO, Op.OUTAGE, {"what": "output", "error": "the store is away"}, "t")]
    assert died(progress(1), error, progress(0.5), resumes=False) == PASS, "it was broken off again"


def test_a_service_s_death_that_was_not_proven_excuses_nothing() -> None:
    events = [boot(), submit(), progress(3), refused(KILL_SERVICE), progress(1), *DONE]
    assert verdict(history(events, faults=[KILL_SERVICE], resumes=False)) == fail("progress.monotonic")


def test_progress_undone_by_a_crash_is_found_once_however_long_it_takes_to_come_back() -> None:
    assert crashed(connect(), progress(1), progress(2), progress(3)) == fail("progress.regressed")


def test_progress_that_fell_two_crashes_ago_is_still_seen() -> None:
    events = [boot(), submit(), progress(4), landed(KILL), boot(), landed(KILL), boot(), progress(2), *DONE]
    assert verdict(history(events, faults=[KILL, KILL])) == fail("progress.regressed")


def test_progress_that_the_killed_client_saw_binds_the_next_client() -> None:
    lawful = [boot(), submit(), progress(4), landed(KILL_CLIENT), progress(4, client=1), *DONE]
    undone = [boot(), submit(), progress(4), landed(KILL_CLIENT), progress(2, client=1), *DONE]
    assert verdict(history(lawful, faults=[KILL_CLIENT])) == PASS
    assert verdict(history(undone, faults=[KILL_CLIENT])) == fail("progress.regressed")


def test_progress_that_is_undone_when_both_were_killed_is_seen() -> None:
    events = [boot(), submit(), progress(4), landed(KILL_BOTH), boot(), progress(2, client=1), *DONE]
    assert verdict(history(events, faults=[KILL_BOTH])) == fail("progress.regressed")


def test_a_dropped_connection_undoes_nothing_in_the_same_boot() -> None:
    lawful = [boot(), submit(), progress(4), landed(DROP), connect(), progress(4), *DONE]
    undone = [boot(), submit(), progress(4), landed(DROP), connect(), progress(2), *DONE]
    assert verdict(history(lawful, faults=[DROP])) == PASS
    assert verdict(history(undone, faults=[DROP])) == fail("progress.regressed")


def test_a_call_made_again_in_the_same_boot_goes_on_where_the_broken_one_was() -> None:
    lawful = [boot(), unanswered(), progress(4), submit(), progress(4), *DONE]
    undone = [boot(), unanswered(), progress(4), submit(), progress(2), *DONE]
    assert verdict(history(lawful, contract="resumable-tool")) == PASS
    assert verdict(history(undone, contract="resumable-tool")) == fail("progress.regressed")


def test_progress_heard_late_and_booked_to_the_next_boot_hides_nothing() -> None:
    late = [boot(), submit(), progress(2), landed(KILL), boot(), progress(4), connect(), progress(2), *DONE]
    assert verdict(history(late, faults=[KILL])) == fail("progress.regressed")


def test_within_a_call_progress_that_stands_or_falls_is_not_monotonic() -> None:
    for second, expected in ((3, PASS), (2, fail("progress.monotonic")), (1, fail("progress.monotonic"))):
        assert verdict(history([boot(), submit(), progress(2), progress(second), *DONE])) == expected


def test_progress_up_to_the_total_passes_and_one_beyond_it_does_not() -> None:
    assert verdict(history([boot(), submit(), progress(6), *DONE])) == PASS
    assert verdict(history([boot(), submit(), progress(7), *DONE])) == fail("progress.monotonic")


def test_two_tasks_have_a_progress_each() -> None:
    events = [boot(), submit(), progress(4, task="t"), progress(2, task="u"), progress(6, task="t"), *DONE]
    assert verdict(history(events)) == PASS


@given(st.lists(st.integers(0, 6), min_size=1, max_size=8))
def test_between_two_calls_any_fall_is_found_and_any_rise_passes(seen: list[int]) -> None:
    events = [event for done in seen for event in (connect(), progress(done))]
    found = PASS if seen == sorted(seen) else fail("progress.regressed")
    assert verdict(history([boot(), submit(), *events, *DONE])) == found


def shown(done: int, asked_at: float = 1e9, client: int = 0) -> list[Event]:
    return [Event(f"client-{client}", Type.OK, Op.SHOWN, {"done": done, "asked_at": asked_at}, "t")]


def remembered(*after: Any, **claims: Any) -> tuple[Any, list[str]]:
    events = [boot(), submit(), shown(2), shown(4), landed(KILL), boot(), connect(), *after, *DONE]
    return verdict(history(events, faults=[KILL], **claims))


def test_records_that_were_shown_before_a_crash_are_shown_behind_it() -> None:
    assert remembered(shown(4), shown(6)) == PASS
    assert remembered(shown(3)) == fail("progress.regressed")
    assert remembered(shown(0), shown(1)) == fail("progress.regressed")
    assert remembered(shown(0), shown(1), resumes=False) == PASS
    assert remembered(shown(0), shown(4)) == PASS  # the store was read when the call came


def test_who_shows_nothing_before_the_end_or_behind_a_crash_has_lost_nothing() -> None:
    assert remembered() == PASS
    events = [boot(), submit(), shown(0), landed(KILL), boot(), connect(), shown(0), shown(6), *DONE]
    assert verdict(history(events, faults=[KILL])) == PASS


def test_what_was_asked_before_more_was_shown_says_nothing_of_what_was_lost() -> None:
    assert remembered(shown(3, asked_at=1.0, client=1)) == PASS


def test_what_is_shown_and_what_is_reported_are_not_held_against_each_other() -> None:
    assert crashed(connect(), shown(0)) == PASS
