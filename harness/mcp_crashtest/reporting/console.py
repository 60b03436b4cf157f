"""The console: live progress while a session runs, a table, findings with advice, and what it came to.

On a terminal progress is redrawn in place; through a pipe each scenario is one plain line. Text that comes from a
subject is hostile: control sequences are taken out, and it is never read as markup.
"""

from __future__ import annotations

import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from mcp_crashtest.model.events import (
    Estimated,
    Event,
    RunPlayed,
    RunsPlanned,
    SessionEnded,
    SettingUp,
    TrialBegan,
    TrialEnded,
)
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.secrets import masked
from mcp_crashtest.reporting.certificate import summary_lines
from mcp_crashtest.reporting.pace import Pace
from mcp_crashtest.reporting.stars import applying

_COLOURS = {"PASS": "green", "FAIL": "bold red", "INVALID": "yellow", "SKIP": "dim"}
_LONGEST = 600
_LONG_S = 180
_VERY_LONG_S = 1800
_FITTED = (
    "  that is what fits into the time limit, some of every scenario: one star at most. A smaller job needs less time: "
    "[workload] records"
)
_VERY_LONG = (
    "  a smaller job shows the same in less time: [workload] records; --quick is a first look, --time-limit S plays "
    "what fits of every scenario"
)
_AS_PROMINENT_AS_STARS = ("capped: ", "asked for ", "cut short", "shard ", "remark: ", "baseline: ")


def clean(text: object, longest: int = _LONGEST) -> str:
    """A subject's text without control characters, and bounded."""
    shown = "".join(
        c if c == "\n" or unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in masked(str(text))
    )
    return shown if len(shown) <= longest else shown[:longest] + " ..."


def seconds(value: float | None) -> str:
    """A duration as a person reads it."""
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def about(duration_s: float) -> str:
    """A duration beforehand, as exact as it deserves."""
    if duration_s < _LONG_S:
        return f"{max(round(duration_s / 5) * 5, 5)} s"
    return f"{round(duration_s / 60)} min"


class ConsoleFace:
    """Shows a session on a console; it listens."""

    def __init__(self, console: Console, report_dir: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self.report_dir = report_dir
        self._clock = clock
        self._pace = Pace()
        self._to_come = 0  # runs of the scenario that is played now
        self._kills = 0
        self._runs = 0
        self._overall: TaskID | None = None
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[profile]:<22.22} {task.description:<24.24}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[kills]} kills"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._task: TaskID | None = None
        self._live = Live(self._progress, console=console, transient=True, refresh_per_second=8)
        if console.is_terminal:
            self._live.start()

    def __call__(self, event: Event) -> None:
        """Show what has happened."""
        match event:
            case SettingUp():
                if self.console.is_terminal:
                    self._begin("golden run", event.profile, None)
            case Estimated():
                self._forget()
                self._expect(event)
            case TrialBegan():
                self._forget()
                self._begin(event.scenario, event.profile, 0)
            case RunsPlanned() if self._task is not None:
                self._to_come += event.runs
                total = self._progress.tasks[self._progress.task_ids.index(self._task)].total or 0
                self._progress.update(self._task, total=total + event.runs)
            case RunPlayed():
                self._kills += event.kills
                self._pace.played += 1
                self._to_come -= 1
                if self._overall is not None:
                    self._progress.update(self._overall, advance=1, kills=self._kills)
                if self._task is not None:
                    self._progress.update(self._task, advance=1, kills=self._kills)
            case TrialEnded():
                self._forget()
                self._line(event.summary)
                self._correct()
            case SessionEnded():
                self.close()
                show(self.console, event.certificate, self.report_dir)
            case _:
                pass

    def _expect(self, event: Estimated) -> None:
        """Say how much is to come, and follow it over all scenarios."""
        of = f" of {event.owed}" if event.runs < event.owed else ""
        alone = f", one at a time: {event.alone}" if event.alone else ""
        cold = f"; each start a cold one: {event.cold}" if event.cold else ""
        again = f"; first {event.again} of plans that failed in earlier sessions" if event.again else ""
        said = f"{event.profile}: about {event.runs}{of} runs, about {about(event.seconds)}{alone}{cold}{again}"
        self.console.print(clean(said, 400), soft_wrap=True, markup=False, highlight=False)
        if event.runs < event.owed:
            self.console.print(_FITTED, soft_wrap=True, markup=False, highlight=False)
        elif event.seconds > _VERY_LONG_S:
            self.console.print(_VERY_LONG, soft_wrap=True, markup=False, highlight=False)
        self._pace.foretold(event.runs, event.seconds, self._clock())
        self._runs += event.runs
        if self.console.is_terminal:
            if self._overall is None:
                self._overall = self._progress.add_task(
                    "all scenarios", total=self._runs, profile="", kills=self._kills
                )
            self._progress.update(self._overall, total=self._runs)

    def _correct(self) -> None:
        """Say how much time is left, where that is far from what was said."""
        self._pace.left_out(self._to_come)
        self._to_come = 0
        left_s = self._pace.correction_s(self._clock())
        if left_s is not None:
            said = f"  about {about(left_s)} are left, by the {self._pace.played} runs up to now"
            self.console.print(said, soft_wrap=True, style="dim", markup=False, highlight=False)

    def _begin(self, description: str, profile: str, total: int | None) -> None:
        self._task = self._progress.add_task(description, total=total, profile=profile, kills=self._kills)

    def _line(self, summary: Mapping[str, Any]) -> None:
        """A trial's line stays, unless the scenario is not for subjects of this kind, or was not even begun."""
        if not summary.get("applies", True) or not summary.get("begun", True):
            return
        verdict = summary["verdict"]
        line = Text.assemble((f"{verdict:<8}", _COLOURS[verdict]), f"{summary['profile']}  {summary['id']}")
        details = f"  {summary['runs']} runs, {summary['faults_confirmed']} faults, {summary['kills_confirmed']} kills"
        line.append(details if summary["runs"] else f"  {clean(summary['reason'], 120)}", style="dim")
        self.console.print(line, soft_wrap=True)

    def _forget(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._live.stop()


def show(console: Console, certificate: Mapping[str, Any], report_dir: str) -> None:
    """Show what a session came to."""
    console.print()
    console.print(table(certificate))
    for (profile, reason), scenarios in unproven(certificate).items():
        console.print(_paragraph("INVALID", f"{profile}: {', '.join(scenarios)}", reason))
    for profile, number in unbegun(certificate).items():
        more = f"{number} more scenario{'s were' if number > 1 else ' was'} not begun"
        console.print(clean(f"{profile}: for the same reason {more}"), markup=False, highlight=False, soft_wrap=True)
    for finding, scenarios in grouped(certificate["findings"]):
        console.print(_finding(finding, scenarios))
        console.print(Text(f"  replay: {clean(finding['replay'])}", style="bold"), soft_wrap=True)
    colour = _COLOURS.get(certificate["verdict"], "")
    first, *rest = summary_lines(certificate)
    console.print(Text(first, style=colour), soft_wrap=True)
    for line in [*rest, f"evidence: {report_dir}"]:
        prominent = line.startswith(_AS_PROMINENT_AS_STARS)
        console.print(Text(clean(line), style="bold yellow" if prominent else ""), soft_wrap=True)


def unproven(certificate: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
    """Each reason for which something proves nothing once, with its scenarios; those that were begun."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for s in certificate["scenarios"]:
        if s["verdict"] == "INVALID" and s.get("begun", True):
            reasons.setdefault((s["profile"], s["reason"]), []).append(s["id"])
    return reasons


def unbegun(certificate: Mapping[str, Any]) -> Counter[str]:
    """How many scenarios of each subject were not begun, because of what had been said before them."""
    left = (s for s in applying(certificate["scenarios"]) if s["verdict"] == "INVALID" and not s.get("begun", True))
    return Counter(s["profile"] for s in left)


def grouped(findings: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], list[str]]]:
    """Each invariant once for each profile, by its smallest plan, with all scenarios that broke it.

    What a record suffered comes before what was counted wrong: the order of the table of invariants.
    """
    order = list(INVARIANTS)
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for finding in findings:
        groups.setdefault((finding["profile"], finding["invariant"]), []).append(finding)
    found = []
    for (_, invariant), group in sorted(groups.items(), key=lambda item: (item[0][0], order.index(item[0][1]))):
        smallest = min(group, key=lambda f: Plan.from_json(f["plan"]).size)
        assert smallest["invariant"] == invariant
        found.append((smallest, list(dict.fromkeys(f["scenario"] for f in group))))
    return found


def table(certificate: Mapping[str, Any]) -> Table:
    """One row a scenario, a section for each profile."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    shown.add_column("scenario", no_wrap=True)
    for name in ("runs", "faults", "kills", "recovery p50", "p95"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("verdict", no_wrap=True)
    profile = None
    scenarios = [s for s in applying(certificate["scenarios"]) if s.get("begun", True)]
    stars = 1 + max((s["level"] for s in scenarios), default=0)
    for s in sorted(scenarios, key=lambda s: (s["profile"], s["level"])):
        if s["profile"] != profile:
            profile = s["profile"]
            shown.add_row(Text(clean(profile, 60), style="bold"))
        recovery = s["recovery_s"]
        shown.add_row(
            f"{'*' * s['level']:<{stars}}{clean(s['id'], 40)}",
            str(s["runs"]),
            str(s["faults_confirmed"]),
            str(s["kills_confirmed"]),
            seconds(recovery["p50"]),
            seconds(recovery["p95"]),
            Text(s["verdict"], style=_COLOURS[s["verdict"]]),
        )
    return shown


def _finding(finding: Mapping[str, Any], scenarios: Sequence[str]) -> Panel:
    invariant = INVARIANTS[finding["invariant"]]
    also = [s for s in scenarios if s != finding["scenario"]]
    rows = [
        ("must hold", invariant.statement),
        ("smallest plan", f"{finding['plan_text']}, over {finding['plan']['protocol']}"),
        ("seen in", ", ".join([finding["scenario"], *also])),
        ("advice", finding.get("advice") or invariant.advice),
    ]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column()
    for name, text in rows:
        grid.add_row(name, Text(clean(text, 2000), overflow="fold"))
    body = Group(Text(clean(finding["message"], 2000)), Text(), grid)
    title = Text(finding["invariant"])
    return Panel(body, title=title, title_align="left", border_style=_COLOURS["FAIL"])


def _paragraph(verdict: str, title: str, body: str) -> Panel:
    text = Text(clean(body, 2000))
    return Panel(Group(text), title=Text(title), title_align="left", border_style=_COLOURS[verdict])
