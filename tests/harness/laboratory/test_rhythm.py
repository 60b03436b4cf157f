"""The rhythm of a job, learnt from a literal history in which event ``i`` happens at second ``i``."""

from __future__ import annotations

import pytest

from mcp_crashtest.laboratory.rhythm import Rhythm, rhythm_of
from tests.harness.checkers.histories import boot, end, history, output, progress, submit


def test_a_batch_takes_what_lies_between_two_reports() -> None:
    done = history([boot(), submit(), progress(2), progress(4), progress(6), output("abcdef"), end()], golden=None)
    assert rhythm_of(done) == Rhythm(job_s=5.0, batch_s=1.0, shown=True)


def test_reports_of_half_a_batch_are_counted_together() -> None:
    done = history([boot(), submit(), progress(1), progress(2), progress(3), output("abcdef"), end()], golden=None)
    assert rhythm_of(done).batch_s == 2.0


def test_a_job_that_shows_no_progress_is_cut_into_equal_parts() -> None:
    done = history([boot(), submit(), output("abcdef"), end()], golden=None)
    rhythm = rhythm_of(done)
    assert not rhythm.shown
    assert rhythm.batch_s * 3 == pytest.approx(rhythm.job_s, abs=1e-5)
