"""A campaign on the console: a line for each seed, each finding and each replay; on a terminal, what goes on as well.

Text that comes from a subject is hostile: it is cleaned here, and never read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.text import Text

from mcp_crashtest.model.campaign import KEPT_SEEDS, Campaign, Counted, Found, State
from mcp_crashtest.reporting.console import clean

_FINDING, _MENDED = "bold red", "green"


class CampaignFace:
    """Says what a campaign comes to."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._status: Status | None = console.status("") if console.is_terminal else None
        if self._status:
            self._status.start()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._status:
            self._status.stop()

    def line(self, text: str, style: str = "") -> None:
        """A line that stays."""
        self.console.print(Text(clean(text), style=style), soft_wrap=True)

    def at_work(self, seed: int, scenario: str, total: Counted, findings: int) -> None:
        """What goes on at the moment, on a terminal."""
        if self._status:
            shown = f"seed {seed}: {scenario}; {total.runs} runs, {total.faults} faults, {findings} findings in all"
            self._status.update(Text(clean(shown, 200)))

    def begins(self, campaign: Campaign, total: Counted, folder: Path) -> None:
        """Where it begins, or goes on."""
        if not total.runs:
            self.line(f"a campaign in {folder}, from seed {campaign.seed} on")
            return
        self.line(
            f"the campaign in {folder} goes on with seed {campaign.seed}: {total.runs} runs, {total.faults} confirmed "
            f"faults and {len(campaign.open)} open findings so far"
        )

    def replayed(self, found: Sequence[Found], failed: bool, passed: int, enough: bool) -> None:
        """What the plan of some findings came to when it was played again."""
        names = ", ".join(one.invariant for one in found)
        first = found[0]
        if failed:
            self.line(f"fails again: {names} in {first.scenario} on {first.profile}", _FINDING)
        elif passed:
            said = "mended" if enough else "too few to call it mended"
            self.line(f"passed {passed} times: {names} in {first.scenario} on {first.profile}: {said}", _MENDED)
        else:
            self.line(f"proved nothing when it was played again: {names} in {first.scenario} on {first.profile}")

    def unplayable(self, found: Sequence[Found], why: str) -> None:
        """That a plan cannot be played again on the profile as it is now."""
        names = ", ".join(one.invariant for one in found)
        self.line(f"not replayed, and open as it was: {names} in {found[0].scenario}: {why}")

    def found(self, one: Found, known: Found | None, replay: str) -> None:
        """A finding that is new, has come back, or has a smaller plan now."""
        again = "came back" if known and known.state is State.MENDED else "smaller plan"
        what = again if known else "found"
        self.line(f"{what}: {one.invariant} in {one.scenario} on {one.profile}: {one.message}", _FINDING)
        self.line(f"  {one.plan}, over {one.plan.protocol}\n  replay: {replay}")

    def seed_is_over(self, seed: int, counted: Counted, verdict: str) -> None:
        """What a seed came to."""
        shown = f"seed {seed}: {verdict}, {counted.runs} runs, {counted.faults} confirmed faults, {counted.kills} kills"
        self.line(shown, _FINDING if verdict == "FAIL" else "")

    def sums_up(self, campaign: Campaign, total: Counted, replays: Sequence[str], folder: Path) -> None:
        """What it came to, up to now."""
        if not total.runs and not campaign.found:
            self.line("nothing was shown yet")
            return
        mended = len(campaign.found) - len(campaign.open)
        whole = campaign.seed - campaign.first
        self.line("")
        for one, replay in zip(campaign.open, replays, strict=True):
            self.line(f"open: {one.invariant} in {one.scenario} on {one.profile}: {one.message}", _FINDING)
            self.line(f"  {one.plan}, over {one.plan.protocol}; it failed {one.failed} of {one.tried} times")
            self.line(f"  replay: {replay}")
        self.line(
            f"{whole} seeds whole, {total.runs} runs, {total.faults} confirmed faults with {total.kills} kills by "
            f"SIGKILL; {len(campaign.open)} open findings, {mended} mended"
        )
        if not campaign.found and total.violation_chance_below:
            self.line(f"chance of a violation per fault: below {total.violation_chance_below:.2%} (95 %)")
        self.line(
            f"a campaign certifies nothing: certify does. The same command goes on from here. In {folder} is the "
            f"evidence of each finding and of the {KEPT_SEEDS} newest seeds; that of older ones is gone, and certify "
            f"--seed N plays their plans again"
        )
