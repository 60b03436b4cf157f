"""A server may do its job before it stops: such a restart shows nothing, and is no fault where another one shows it.

What the job came to is judged all the same.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.play import Outcome, behind_the_end, drained_beside_others, show_nothing
from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.model.proof import NOTHING_RESTARTED, RUN_OVER
from mcp_crashtest.model.verdict import Judgement, Verdict
from tests.mutants.zoo import MUTANTS


def outcome(*unproven: str) -> Outcome:
    return Outcome(Plan("s", "p", ()), Judgement((), unproven, 0), RunFolder(Path("nowhere")))


DRAINED = outcome(f"terminate server: {NOTHING_RESTARTED}")
OTHER = outcome("terminate server: the run was over before this fault could land")
RESTARTED = outcome()


def test_beside_a_restart_it_is_no_matter() -> None:
    assert show_nothing([DRAINED, RESTARTED, DRAINED]) == []


def test_where_nothing_was_ever_restarted_nothing_is_shown() -> None:
    assert show_nothing([DRAINED, DRAINED]) == [DRAINED, DRAINED]


def test_what_was_drained_beside_others_is_owed_and_where_all_were_nothing_is() -> None:
    assert drained_beside_others([DRAINED, RESTARTED, DRAINED, OTHER]) == 2
    assert drained_beside_others([RESTARTED, OTHER]) == 0
    assert drained_beside_others([DRAINED, DRAINED]) == 0


def test_what_could_not_land_is_not_excused() -> None:
    assert show_nothing([DRAINED, RESTARTED, OTHER]) == [OTHER]
    assert not OTHER.drained


def aimed(number: int, *unproven: str, size: Size | None = None) -> Outcome:
    plan = Plan("s", "p", (Fault("kill", Victim.CLIENT, Batch(number, thousandths=600)),), workload=size)
    return Outcome(plan, Judgement((), unproven, 0), RunFolder(Path("nowhere")))


def test_a_last_batch_that_takes_no_time_has_no_place_for_a_fault() -> None:
    hit = [aimed(n) for n in (1, 1, 5, 5, 10, 10)]
    late = [aimed(11, f"kill client: {RUN_OVER}") for _ in range(2)]
    assert behind_the_end([*hit, *late], 8) == late
    assert show_nothing([*hit, *late]) == []


def test_only_the_last_batch_may_be_missed_and_only_by_a_few() -> None:
    hit, later = [aimed(n) for n in (1, 1, 5)], aimed(11)
    late, earlier, other = aimed(11, RUN_OVER), aimed(10, RUN_OVER), aimed(11, "a child of the server lives")
    assert show_nothing([*hit, late, late]) == [late, late]
    assert show_nothing([*hit, *hit, later, earlier]) == [earlier]
    assert show_nothing([*hit, *hit, other]) == [other]
    assert show_nothing([late]) == [late]


@pytest.mark.parametrize("kind", ["terminate", "overlap"])
def test_what_was_dropped_in_a_hurry_is_found(tmp_path: Path, kind: str) -> None:
    fault = Fault(kind, Victim.SERVER, Batch(3, thousandths=500))
    with Laboratory(Bundle(tmp_path), seed=0, jobs=1) as laboratory:
        bench = laboratory.bench(read_profile(MUTANTS["drops_at_stop"].profile))
        [dropped] = laboratory.play(bench, "s", [(1, Plan("s", bench.protocols[0], (fault,)))], lambda *_: None)
    assert dropped.verdict is Verdict.FAIL
    assert "records.lost" in {finding.invariant for finding in dropped.judgement.findings}
    assert not dropped.drained


def test_the_only_batch_of_a_small_job_is_its_last_one_and_the_first_of_a_large_one_is_not() -> None:
    one, many = Size(10, 10), Size(203, 10)
    hit = [aimed(n) for n in (1, 5, 11)]
    missed, early = aimed(1, RUN_OVER, size=one), aimed(1, RUN_OVER, size=many)
    assert show_nothing([*hit, missed]) == []
    assert show_nothing([*hit, early]) == [early]
    assert show_nothing([*hit, aimed(21, RUN_OVER, size=many)]) == []
