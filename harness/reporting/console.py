"""The console: live progress while a session runs, a table, findings with advice, and what it came to.

On a terminal progress is redrawn in place; through a pipe each scenario is one plain line. Text that comes from a
subject is hostile: control sequences are taken out, and it is never read as markup.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from harness.laboratory import Outcome
from harness.model.invariants import INVARIANTS
from harness.reporting.certificate import summary_lines
from harness.trial import Trial

_COLOURS = {"PASS": "green", "FAIL": "bold red", "INVALID": "yellow", "SKIP": "dim"}
_LONGEST = 600


def clean(text: object, longest: int = _LONGEST) -> str:
    """A subject's text without control characters, and bounded."""
    shown = "".join(
        c if c == "\n" or unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in str(text)
    )
    return shown if len(shown) <= longest else shown[:longest] + " ..."


def seconds(value: float | None) -> str:
    """A duration as a person reads it."""
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


class ConsoleFace:
    """Shows a session on a console."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._kills = 0
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[profile]:<22.22} {task.description:<24.24}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[kills]} kills"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task: TaskID | None = None
        self._live = Live(self._progress, console=console, transient=True, refresh_per_second=8)
        if console.is_terminal:
            self._live.start()

    def began(self, trial: Trial) -> None:
        """Show the trial."""
        self._task = self._progress.add_task(
            trial.scenario, total=0, profile=trial.bench.profile.name, kills=self._kills
        )

    def planned(self, trial: Trial, runs: int) -> None:
        """More runs to go."""
        if self._task is not None:
            total = self._progress.tasks[self._progress.task_ids.index(self._task)].total or 0
            self._progress.update(self._task, total=total + runs)

    def ran(self, trial: Trial, outcome: Outcome) -> None:
        """One run less to go."""
        self._kills += outcome.judgement.kills
        if self._task is not None:
            self._progress.update(self._task, advance=1, kills=self._kills)

    def ended(self, summary: Mapping[str, Any]) -> None:
        """The trial is over: its line stays."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
        verdict = summary["verdict"]
        line = Text.assemble((f"{verdict:<8}", _COLOURS[verdict]), f"{summary['profile']}  {summary['id']}")
        details = f"  {summary['runs']} runs, {summary['faults_confirmed']} faults, {summary['kills_confirmed']} kills"
        line.append(details if summary["runs"] else f"  {clean(summary['reason'], 120)}", style="dim")
        self.console.print(line, soft_wrap=True)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._live.stop()


def show(console: Console, certificate: Mapping[str, Any], report_dir: str) -> None:
    """Show what a session came to."""
    console.print()
    console.print(table(certificate))
    for scenario in certificate["scenarios"]:
        if scenario["verdict"] == "INVALID":
            console.print(_paragraph("INVALID", f"{scenario['profile']}, {scenario['id']}", scenario["reason"]))
    for finding in certificate["findings"]:
        console.print(_finding(finding))
    colour = _COLOURS.get(certificate["verdict"], "")
    first, *rest = summary_lines(certificate)
    console.print(Text(first, style=colour), soft_wrap=True)
    for line in [*rest, f"evidence: {report_dir}"]:
        console.print(Text(clean(line)), soft_wrap=True)


def table(certificate: Mapping[str, Any]) -> Table:
    """One row a scenario."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (
        ("profile", "left"),
        ("scenario", "left"),
        ("level", "left"),
        ("runs", "right"),
        ("faults", "right"),
        ("kills", "right"),
        ("recovery p50", "right"),
        ("p95", "right"),
        ("verdict", "left"),
    ):
        shown.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for s in certificate["scenarios"]:
        recovery = s["recovery_s"]
        shown.add_row(
            s["profile"],
            s["id"],
            "\N{BLACK STAR}" * s["level"],
            str(s["runs"]),
            str(s["faults_confirmed"]),
            str(s["kills_confirmed"]),
            seconds(recovery["p50"]),
            seconds(recovery["p95"]),
            Text(s["verdict"], style=_COLOURS[s["verdict"]]),
        )
    return shown


def _finding(finding: Mapping[str, Any]) -> Panel:
    invariant = INVARIANTS[finding["invariant"]]
    return _paragraph(
        "FAIL",
        finding["invariant"],
        f"{finding['message']}\n\nmust hold:  {invariant.statement}\nplan:       {finding['plan_text']}\n"
        f"replay:     {finding['replay']}\nadvice:     {invariant.advice}",
    )


def _paragraph(verdict: str, title: str, body: str) -> Panel:
    text = Text(clean(body, 2000))
    return Panel(Group(text), title=Text(title), title_align="left", border_style=_COLOURS[verdict])
