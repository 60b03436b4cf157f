"""What a campaign hunts: findings. Each is kept with the smallest plan that showed it, and replayed at each start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.campaign_folder import CampaignFolder
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.slow import suspected
from mcp_crashtest.laboratory.summing_up import by_weight, replay_line
from mcp_crashtest.model.campaign import Campaign, Found, State
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.reporting.campaign_face import CampaignFace
from mcp_crashtest.reporting.odds import Rate, runs_that_show_a_mend

_MOST_REPLAYS, _HUNDRED = 20, 100


class Hunt:
    """The findings of a campaign, which is saved with each of them before anything else is done."""

    def __init__(
        self, folder: CampaignFolder, profiles: Sequence[Profile], face: CampaignFace, campaign: Campaign
    ) -> None:
        self.folder = folder
        self.profiles = {profile.name: profile for profile in profiles}
        self.face = face
        self.campaign = campaign

    def note_run_in(self, path: Path, seed: int) -> None:
        """A run has failed: keep it where it shows something new, or by a smaller plan."""
        run = RunFolder(path)
        if run.judgement() is not None:
            self._note(Outcome(run.plan(), judge(run.history()), run), seed)

    def gather(self, seed: int) -> None:
        """Note what failed in a seed right before this process's predecessor died.

        A claimed time that was passed is not: it is looked at again first.
        """
        for run in self.folder.seed(seed).runs_of_scenarios():
            saved = run.judgement()
            if saved is not None and saved["verdict"] == Verdict.FAIL.name:
                outcome = Outcome(run.plan(), judge(run.history()), run)
                if not suspected(outcome):
                    self._note(outcome, seed)

    def _note(self, outcome: Outcome, seed: int) -> None:
        profile, scenario = Bundle.origin(outcome.folder)
        better: dict[str, Found] = {}
        for finding in by_weight(outcome.judgement.findings):
            one = Found(profile, scenario, finding.invariant, finding.message, outcome.plan, "", seed)
            known = self.campaign.found.get(one.key)
            if known is None or known.state is State.MENDED or one.smaller_than(known):
                better.setdefault(finding.invariant, one)
        if better:
            self._keep(outcome.folder, list(better.values()))

    def _keep(self, run: RunFolder, found: list[Found]) -> None:
        name, before = self.folder.keep(run), self.campaign.found
        kept = [replace(one, run=name, seed=before[one.key].seed if one.key in before else one.seed) for one in found]
        self.campaign = self.campaign.with_found(*kept)
        self.folder.save(self.campaign)
        for one in kept:
            self.face.found(one, before.get(one.key), replay_line(self.folder.kept(name).path))

    # --- what failed before

    def replay(self, is_over: Callable[[], bool]) -> None:
        """Play the plan of each finding again, until it fails or has passed often enough to be taken for mended.

        Raises UsageError, SubjectError and HarnessError.
        """
        mine = [one for one in self.campaign.found.values() if one.profile in self.profiles]
        if not mine:
            return
        bundle = self.folder.again
        held = bundle.prepare(f"replay of {len(mine)} findings before seed {self.campaign.seed}", shared=False)
        with held, Laboratory(bundle, self.campaign.seed, jobs=1, over=is_over) as laboratory:
            groups = groupby(sorted(mine, key=_order), key=_order)
            for number, (_, group) in enumerate(groups, start=1):
                if is_over():
                    return
                self._replay(list(group), laboratory, number * _HUNDRED)

    def _replay(self, found: list[Found], laboratory: Laboratory, number: int) -> None:
        """Findings of one plan."""
        first = found[0]
        profile = self.profiles[first.profile]
        laboratory.bundle.save_profile(profile)
        bench = laboratory.bench(profile)
        if (why := bench.unplayable(first.plan)) is not None:
            self.face.unplayable(found, why)
            return
        needed = max((runs_that_show_a_mend(Rate(one.failed, one.tried)) or 1 for one in found), default=1)
        times = 1 if first.state is State.MENDED else min(needed, _MOST_REPLAYS)
        verdicts: list[Verdict] = []
        for turn in range(times):
            [outcome] = laboratory.play(bench, first.scenario, [(number + turn, first.plan)], lambda *_: None)
            verdicts.append(outcome.verdict)
            if outcome.verdict is Verdict.FAIL:
                break
        failed, passed = Verdict.FAIL in verdicts, verdicts.count(Verdict.PASS)
        enough = first.state is State.MENDED or passed >= needed
        self.face.replayed(found, failed, passed, enough)
        state = State.OPEN if failed else State.MENDED if enough else first.state
        tried = passed + failed
        counted = [replace(o, failed=o.failed + failed, tried=o.tried + tried, state=state) for o in found]
        self.campaign = self.campaign.with_found(*counted)
        self.folder.save(self.campaign)


def _order(found: Found) -> tuple[bool, str]:
    """Open ones first; those of one run together."""
    return found.state is State.MENDED, found.run
