"""What a campaign has found is kept by its smallest plan, is saved before anything else is done, and is not lost."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from mcp_crashtest.commands.hunting import Hunt
from mcp_crashtest.files.campaign_folder import CampaignFolder
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.campaign import KEPT_SEEDS, Campaign, Counted, State
from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.reporting.campaign_face import CampaignFace
from tests.harness.files.test_bundle import PROFILE
from tests.harness.laying import LOST, NOTHING, PASSED, lay

SMALL, MIDDLE = (
    Plan("kills", "2026-07-28", tuple(Fault("kill", Victim.SERVER, Batch(n, thousandths=1)) for n in range(1, most)))
    for most in (2, 4)
)


class Told:
    """A campaign that was left in this folder, and what is said of it from now on."""

    def __init__(self, folder: Path) -> None:
        self.folder = CampaignFolder(folder)
        self.file = io.StringIO()
        known = self.folder.campaign() or Campaign(0, 0, {PROFILE.name: PROFILE.digest}, "0")
        self.hunt = Hunt(self.folder, [PROFILE], CampaignFace(Console(file=self.file, width=200)), known)

    def play(self, plan: Plan, number: int, seed: int = 0) -> RunFolder:
        """A run that has failed."""
        bundle = self.folder.seed(seed)
        bundle.save_profile(PROFILE)
        return lay(bundle, PROFILE, plan, LOST, number)

    def note(self, plan: Plan, number: int, seed: int = 0) -> None:
        self.hunt.note_run_in(self.play(plan, number, seed).path, seed)

    @property
    def kept(self) -> list[tuple[str, int]]:
        """The findings as they are saved: the invariant, and how many faults its plan has."""
        campaign = self.folder.campaign()
        assert campaign is not None
        found = campaign.found.values()
        assert all(self.folder.kept(one.run).plan() == one.plan for one in found)
        return [(one.invariant, len(one.plan.faults)) for one in found]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path / "campaign")


def test_the_smallest_plan_of_a_finding_is_kept(told: Told) -> None:
    told.note(MIDDLE, 1, seed=2)
    assert ("records.lost", 3) in told.kept
    told.note(SMALL, 2, seed=4)
    assert ("records.lost", 1) in told.kept
    told.note(MIDDLE, 3, seed=5)
    assert ("records.lost", 1) in told.kept
    assert "found: records.lost" in told.file.getvalue()
    assert told.file.getvalue().count("smaller plan: records.lost") == 1
    assert {one.seed for one in told.hunt.campaign.found.values()} == {2}, "the seed that showed it first"


def test_what_failed_before_the_process_died_is_found_in_its_folder(told: Told) -> None:
    told.play(SMALL, 1)
    lay(told.folder.seed(0), PROFILE, MIDDLE, PASSED, 2)
    lay(told.folder.seed(0), PROFILE, MIDDLE, NOTHING, 3)
    told.hunt.gather(0)
    assert {faults for _, faults in told.kept} == {1}


def test_what_was_mended_and_fails_again_comes_back(told: Told) -> None:
    told.note(SMALL, 1)
    campaign = told.hunt.campaign
    mended = (replace(one, state=State.MENDED) for one in campaign.found.values())
    told.hunt.campaign = campaign.with_found(*mended)
    assert told.hunt.campaign.open == []
    told.note(MIDDLE, 2)
    assert told.hunt.campaign.open != []
    assert "came back: records.lost" in told.file.getvalue()


def test_the_corpus_is_a_report_directory_and_has_no_more_than_is_named(told: Told) -> None:
    told.note(MIDDLE, 1)
    told.note(SMALL, 2)
    (told.folder.folder / ".coming-dead").mkdir()
    assert told.folder.corpus.is_ours
    assert len(told.folder.corpus.runs()) == 2
    told.folder.tidy(told.hunt.campaign)
    [run] = told.folder.corpus.runs()
    assert run.plan() == SMALL
    assert [judged.path for judged, _, _ in told.folder.corpus.judged_runs()] == [run.path]
    assert not (told.folder.folder / ".coming-dead").exists()


def test_of_old_seeds_the_evidence_is_removed_and_of_the_one_under_way_it_is_not(told: Told) -> None:
    for seed in (*range(10), -3):
        told.play(SMALL, 1, seed)
    told.folder.tidy(Campaign(-3, -3, {}, "0"))
    left = {seed for seed in (*range(10), -3) if told.folder.counted(seed) != Counted()}
    assert left == {-3, *range(10 - KEPT_SEEDS, 10)}


def test_what_lies_there_is_counted_golden_runs_and_what_is_not_judged_are_not(told: Told) -> None:
    bundle = told.folder.seed(0)
    told.play(SMALL, 1)
    lay(bundle, PROFILE, SMALL, PASSED, 2)
    lay(bundle, PROFILE, SMALL, PASSED, 3, judged=False)
    golden = bundle.setting_up(PROFILE, "golden")
    golden.open()
    golden.history_file.write_text("\n")
    golden.save_judgement({"verdict": "PASS", "faults_confirmed": 7, "kills_confirmed": 7})
    assert told.folder.counted(0) == Counted(2, 0, 0)


def test_a_folder_has_one_campaign_at_a_time_and_strange_files_are_left_alone(tmp_path: Path) -> None:
    folder = CampaignFolder(tmp_path / "campaign")
    with folder.held(), pytest.raises(UsageError, match="another campaign is at work"), folder.held():
        pass
    with folder.held():
        pass
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="no campaign's"), CampaignFolder(tmp_path / "mine").held():
        pass
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
