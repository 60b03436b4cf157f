"""The interactive menu: every command by its number. It asks, makes a command line of the answers, and has that done.

Each entry is a command of its own, with the state opened and closed again: the menu can be killed like any of them.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from reference_client import questions
from reference_client.client import DurableClient
from reference_client.errors import ClientError, Exit
from reference_client.options import parser
from reference_client.questions import Row
from reference_client.text import printed
from reference_client.tokens import token_of
from reference_client.words import table

Execute = Callable[[argparse.Namespace], int]
_MONITOR_S = 10
_WRONG_ANSWERS = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry. ``ask`` returns the command line that it stands for, or None to do nothing."""

    text: str
    ask: Callable[[Menu], list[str] | None]


class Menu:
    """The menu of one server."""

    def __init__(self, options: argparse.Namespace, execute: Execute) -> None:
        self._options = options
        self._execute = execute

    def run(self) -> int:
        """Ask until the user leaves."""
        print(f"🔗 Server: {self._options.server}")
        while True:
            self._show()
            choice = input("Choose: ").strip()
            if choice == "0":
                print("👋 Bye! Demo completed")
                return Exit.DONE
            if choice not in CHOICES:
                print("❌ Invalid option")
                continue
            words = CHOICES[choice].ask(self)
            if words is not None:
                self._do(words)

    def number(self, question: str, default: int) -> str:
        """A whole number from 1 on."""
        for _ in range(_WRONG_ANSWERS):
            answer = input(f"{question} [{default}]: ").strip() or str(default)
            if answer.isdecimal() and int(answer) >= 1:
                return answer
            print("❌ Invalid number: a whole number from 1 on is expected")
        return str(default)

    def text(self, question: str, default: str) -> str:
        """A text."""
        return input(f"{question} [{default}]: ").strip() or default

    def select(self, statuses: tuple[str, ...]) -> str | None:
        """A task of one of these statuses, chosen from a numbered list; None when there is none, or none is chosen."""
        try:
            rows = [row for row in asyncio.run(self._rows()) if row.seen.status in statuses]
        except ClientError as error:
            print(printed(f"❌ {error}"))
            return None
        print(printed("\n".join(table(rows))))
        for _ in range(_WRONG_ANSWERS if rows else 0):
            answer = input(f"Which task (1-{len(rows)}, Enter cancels): ").strip()
            if not answer:
                return None
            if answer.isdecimal() and 1 <= int(answer) <= len(rows):
                chosen = rows[int(answer) - 1]
                return chosen.job_id or chosen.task_id
            print(f"❌ Invalid number: 1 to {len(rows)} is expected")
        return None

    async def _rows(self) -> list[Row]:
        options = self._options
        async with DurableClient(
            options.server,
            state=options.state,
            token=token_of(options),
            protocol=options.protocol,
            patience_s=10.0 if options.patience_s is None else options.patience_s,
            deadline_s=options.deadline_s,
            exclusive=False,
            moved=options.server_moved,
        ) as client:
            return await questions.listing(client)

    def _show(self) -> None:
        print("\n🎮 INTERACTIVE DEMO - resumable and durable tasks")
        for number, choice in CHOICES.items():
            print(f"  {number:>2}. {choice.text}")
        print("   0. Exit")

    def _do(self, words: list[str]) -> None:
        """Have the command done, with the menu's own options; Ctrl-C comes back to the menu."""
        options = parser().parse_args(words, argparse.Namespace(**vars(self._options)))
        code = self._execute(options)
        if code == Exit.UNREACHABLE:
            print("❌ Could not connect. Make sure the server is running there")


def run(options: argparse.Namespace, execute: Execute) -> int:
    """The menu, until the user leaves it, or the input ends."""
    try:
        return Menu(options, execute).run()
    except (KeyboardInterrupt, EOFError):
        print("\n👋 Demo interrupted by the user. Bye!")
        return Exit.INTERRUPTED


_LIVE = ("pending", "running", "paused", "input_required")
_ANY = (*_LIVE, "completed", "failed", "cancelled")


def _process(menu: Menu) -> list[str]:
    dataset = menu.text("Dataset?", "unicode")
    records, size = menu.number("How many records?", 50), menu.number("Batch size?", 5)
    return ["process", dataset, "--records", records, "--batch-size", size]


def _migrate(menu: Menu) -> list[str]:
    source, destination = (
        menu.text("From which file?", "source.jsonl"),
        menu.text("To which file?", "destination.jsonl"),
    )
    return ["migrate", source, destination, "--records", menu.number("How many records?", 500), "--detach"]


def _batch(menu: Menu) -> list[str]:
    items, size = menu.number("How many items in total?", 300), menu.number("Batch size?", 30)
    return ["batch", "--items", items, "--batch-size", size, "--detach"]


def _train(menu: Menu) -> list[str]:
    model, epochs = menu.text("Name of the model?", "demo-model"), menu.number("How many epochs?", 25)
    return ["train", model, "--epochs", epochs, "--detach"]


def _selecting(command: str, statuses: tuple[str, ...], *more: str) -> Callable[[Menu], list[str] | None]:
    def ask(menu: Menu) -> list[str] | None:
        chosen = menu.select(statuses)
        return [command, chosen, *more] if chosen else None

    return ask


def _fixed(*words: str) -> Callable[[Menu], list[str]]:
    return lambda _: list(words)


CHOICES = {
    "1": Choice("Resumable data processing", _process),
    "2": Choice("List session tasks", _fixed("list", "--mine")),
    "3": Choice("Checkpoint and server statistics", _fixed("stats")),
    "4": Choice("Session summary", _fixed("session")),
    "5": Choice("Start data migration", _migrate),
    "6": Choice("Start batch processing", _batch),
    "7": Choice("Start ML training", _train),
    "8": Choice("Task list", _fixed("list")),
    "9": Choice(f"Monitor a task ({_MONITOR_S} s)", _selecting("watch", _ANY, "--deadline-s", str(_MONITOR_S))),
    "10": Choice("Cancel a task", _selecting("cancel", _LIVE)),
    "11": Choice("Pause a task", _selecting("pause", _LIVE)),
    "12": Choice("Resume a task", _selecting("resume", ("paused",), "--detach")),
    "13": Choice("Come back to everything", _fixed("watch")),
}
