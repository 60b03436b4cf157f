"""``mcp-crashtest campaign``: seed after seed is played, for a time or until so many faults; it goes on where it ended.

Each seed is a session as ``certify`` plays it, in a report directory of its own. What failed before is replayed first.
Whatever ends this process, SIGKILL too, no run that was finished is lost: a campaign is what lies in its folder.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mcp_crashtest import __version__
from mcp_crashtest.commands.certify import Watcher, run_pytest
from mcp_crashtest.commands.exit_codes import ExitCode, of_session
from mcp_crashtest.commands.hunting import Hunt
from mcp_crashtest.files.campaign_folder import CampaignFolder
from mcp_crashtest.files.profile_files import of_project, only, read_profiles
from mcp_crashtest.files.profiles import Target
from mcp_crashtest.laboratory.summing_up import replay_line
from mcp_crashtest.model.campaign import Campaign, Counted
from mcp_crashtest.model.errors import HarnessError, UsageError
from mcp_crashtest.model.events import Event, RunPlayed, TrialBegan
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.planning.budget import Budget
from mcp_crashtest.reporting.campaign_face import CampaignFace
from mcp_crashtest.reporting.stars import Selection
from mcp_crashtest.reporting.tally import Tally
from mcp_crashtest.sessions.catalogue import scenarios_folder, standard
from mcp_crashtest.sessions.gate import GATE, Gate


def campaign(options: argparse.Namespace) -> int:
    """Play until the time is over or the faults are enough; returns the exit code."""
    if options.time_limit is None and options.faults is None:
        raise UsageError("a campaign has no end of its own: give --time-limit S, --faults N, or both")
    profiles = _profiles(options)
    folder = CampaignFolder(Path(options.report_dir))
    face = CampaignFace(Console(stderr=options.json))
    with folder.held():
        try:
            return _Run(options, folder, profiles, face).to_its_end()
        finally:
            face.close()


def _profiles(options: argparse.Namespace) -> list[Profile]:
    """Who is on trial; the paths in ``options`` are those that were found. Raises UsageError."""
    project = None if options.profile else of_project(Path.cwd())
    options.profile = [str(Path(path).resolve()) for path in options.profile or ([project] if project else ())]
    if not options.profile:
        raise UsageError("name who is on trial: --profile FILE")
    target = Target(options.command, options.url)
    found = [profile for path in options.profile for profile in read_profiles(Path(path), target)]
    return only(found, options.subject or ())


class _Brings:
    """A pytest plugin that gives the session its gate."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Put the campaign's gate in the place of the session's own."""
        config.stash[GATE] = self.gate


class _Run:
    """One start of a campaign, until it ends. ``playing`` is what this seed has shown, ``code`` what has ended it."""

    def __init__(
        self, options: argparse.Namespace, folder: CampaignFolder, profiles: list[Profile], face: CampaignFace
    ) -> None:
        self.options = options
        self.folder = folder
        self.face = face
        self.until = None if options.time_limit is None else time.monotonic() + options.time_limit
        self.hunt = Hunt(folder, profiles, face, self._known(profiles))
        self.playing = Counted()
        self.code: ExitCode | None = None

    def _known(self, profiles: list[Profile]) -> Campaign:
        """The campaign as it was left, or a new one; counts are of one profile and one version."""
        subjects = {profile.name: profile.digest for profile in profiles}
        known, first = self.folder.campaign(), self.options.seed
        if known is None:
            return Campaign(first, first, subjects, __version__)
        if (known.subjects, known.version) == (subjects, __version__):
            return known
        self.face.line("the profile or this lab is another one than before: counts begin anew, findings are kept")
        return known.anew(subjects, __version__)

    @property
    def total(self) -> Counted:
        """What the campaign has shown up to now, by what lies in its folder."""
        return self.hunt.campaign.counted + self.folder.counted(self.hunt.campaign.seed)

    def to_its_end(self) -> int:
        """Play; what was shown up to then is said whatever ends it. Raises UsageError, SubjectError, HarnessError."""
        self.folder.save(self.hunt.campaign)
        self.folder.tidy(self.hunt.campaign)
        self.face.begins(self.hunt.campaign, self.total, self.folder.folder)
        try:
            self.options.endings.gently()
            self.hunt.replay(lambda: self._is_over)
            while self.code is None and not self._is_over and not self._is_enough(self.total):
                self._play_a_seed()
        except KeyboardInterrupt:
            self.code = ExitCode.INTERRUPTED
        finally:
            self._sum_up()
        return self._exit_code()

    @property
    def _is_over(self) -> bool:
        return self.until is not None and time.monotonic() >= self.until

    def _is_enough(self, total: Counted) -> bool:
        return self.options.faults is not None and total.faults >= self.options.faults

    # --- one seed

    def _play_a_seed(self) -> None:
        """Play the seed whose turn it is, or what is left of it; it is counted once it is whole."""
        seed = self.hunt.campaign.seed
        self.playing = Counted()
        left_s = None if self.until is None else max(self.until - time.monotonic(), 0.001)
        gate = Gate(left_s, fits=False, resumes=True)
        tally = Tally(self._selection(), seed, id=f"campaign, seed {seed}")
        self.hunt.gather(seed)
        watcher = Watcher(tally, self.options.endings, lambda event: self._hear(event, gate))
        status = run_pytest(self._arguments(seed), watcher, _Brings(gate))
        if status == pytest.ExitCode.USAGE_ERROR:
            self.code = ExitCode.USAGE
        elif watcher.interrupted:
            self.code = ExitCode.INTERRUPTED
        elif watcher.broken:
            raise HarnessError("\n".join(watcher.broken))
        elif not gate.over:
            self._close(seed, tally.certificate(standard()), tally.errors, gate)

    def _close(self, seed: int, certificate: dict[str, Any], errors: list[str], gate: Gate) -> None:
        """A seed is over. Where its subject could not be tried the next one cannot either, nor where nothing landed."""
        if gate.spoiled or set(errors) - {"harness"}:
            self.code = of_session(certificate, errors)
            ended = [s["reason"] for s in certificate["scenarios"] if s["verdict"] == Verdict.INVALID.name]
            self.face.line(gate.spoiled or ended[0])
            return
        counted = self.folder.counted(seed)
        self.hunt.campaign = self.hunt.campaign.closed(counted)
        self.folder.save(self.hunt.campaign)
        self.folder.tidy(self.hunt.campaign)
        self.face.seed_is_over(seed, counted, certificate["verdict"])
        if not counted.faults and certificate["verdict"] != Verdict.FAIL.name:
            self.face.line("of this seed no fault landed, and none of another would")
            self.code = ExitCode.NOT_PROVEN

    def _hear(self, event: Event, gate: Gate) -> None:
        campaign = self.hunt.campaign
        if isinstance(event, RunPlayed):
            self.playing += Counted.of(event.verdict, event.faults, event.kills)
            if event.verdict == Verdict.FAIL.name:
                self.hunt.note_run_in(Path(event.folder), campaign.seed)
        if isinstance(event, RunPlayed | TrialBegan):
            total = campaign.counted + self.playing
            self.face.at_work(campaign.seed, event.scenario, total, len(self.hunt.campaign.open))
            if self._is_enough(total):
                gate.enough = f"{self.options.faults} confirmed faults were asked for"

    def _selection(self) -> Selection:
        budget = Budget.FULL if self.options.full else Budget.CORE
        return Selection(level=None, scenarios=tuple(self.options.scenario or ()), budget=budget)

    def _arguments(self, seed: int) -> list[str]:
        options = self.options
        arguments = [str(scenarios_folder()), f"--crashtest-seed={seed}", f"--crashtest-jobs={options.jobs}"]
        arguments += [f"--crashtest-report={self.folder.seed(seed).folder}"]
        arguments += [f"--crashtest-profile={path}" for path in options.profile]
        arguments += [f"--crashtest-subject={name}" for name in options.subject or ()]
        arguments += [f"--crashtest-scenario={name}" for name in options.scenario or ()]
        for name in ("command", "url"):
            if getattr(options, name) is not None:
                arguments.append(f"--crashtest-{name}={getattr(options, name)}")
        return arguments + (["--crashtest-full"] if options.full else [])

    # --- what it came to

    def _sum_up(self) -> None:
        campaign, total = self.hunt.campaign, self.total
        replays = [replay_line(self.folder.kept(one.run).path) for one in campaign.open]
        if not self.options.json:
            self.face.sums_up(campaign, total, replays, self.folder.folder)
            return
        chance = None if campaign.found else total.violation_chance_below
        told = {**campaign.to_json(), "counted": asdict(total), "violation_chance_below": chance}
        print(json.dumps(told, indent=2))

    def _exit_code(self) -> int:
        """A violation is masked by nothing but by who has ended it."""
        if self.code in (ExitCode.INTERRUPTED, ExitCode.USAGE):
            return self.code
        if any(one.profile in self.hunt.profiles for one in self.hunt.campaign.open):
            return ExitCode.VIOLATED
        if self.code is None and not self.total.faults:
            return ExitCode.NOT_PROVEN
        return ExitCode.CERTIFIED if self.code is None else self.code
