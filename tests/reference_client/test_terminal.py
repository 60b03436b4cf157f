"""Driven in a real pseudo-terminal: bars, Ctrl-C, and every entry of the menu."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.reference_client.conftest import LONG_RECORDS, RECORDS, Program, Server
from tests.reference_client.terminal import CTRL_C, Terminal

ProgramFor = Callable[[Server], Program]
PROCESS = ("process", "unicode", "--records", "3000", "--batch-size", "10")
LONG = ("migrate", "long.jsonl", "long-copy.jsonl", "--records", str(LONG_RECORDS), "--batch-size", "1")


def test_a_bar_with_count_rate_and_time_left_outlives_the_server(server: Server, program_for: ProgramFor) -> None:
    server.start("acknowledged@100")
    program = program_for(server)
    with Terminal(program, "--no-tasks-extension", *PROCESS) as terminal:
        server.wait_parked()
        terminal.expect("resumable_data_processing (")
        terminal.expect("1000/3000")
        server.kill()
        terminal.expect("trying again for up to 60 s")
        server.start()
        terminal.expect("the server is back after")
        terminal.expect("100.0% (3000/3000)")
        terminal.expect("Task completed")
        assert terminal.exit() == 0
        assert re.search(r"\d/s \d:\d\d:\d\d", terminal.text), "rate and time left"
        assert "\x1b[?25h" in terminal.raw.decode(), "the cursor is shown again"


def test_no_color_is_honoured_and_a_terminal_has_colours(shared: Server, program_for: ProgramFor) -> None:
    shown = []
    for color in (True, False):
        with Terminal(program_for(shared), "migrate", "in.jsonl", f"color-{color}.jsonl", color=color) as terminal:
            assert terminal.exit() == 0
            shown.append(terminal.raw)
    assert b"\x1b[3" in shown[0]
    assert b"\x1b[3" not in shown[1]


def test_ctrl_c_detaches_and_watch_comes_back(server: Server, program_for: ProgramFor) -> None:
    server.start("acknowledged@100")
    program = program_for(server)
    program.cold = True
    with Terminal(program, *LONG) as terminal:
        server.wait_parked()
        program.wait_phase("active")
        terminal.expect("data_migration (")
        terminal.type(CTRL_C)
        terminal.expect("Detached.")
        terminal.expect("Come back with: python -m reference_client")
        assert terminal.exit() == 130
    server.thaw()
    program.cold = False
    with Terminal(program, "cancel", program.state["active"][0]["job_id"]) as terminal:
        terminal.expect("cancelled")
        assert terminal.exit() == 0


def test_every_entry_of_the_menu(server: Server, program_for: ProgramFor) -> None:
    server.start()
    program = program_for(server)
    with Terminal(program, "menu") as terminal:
        terminal.answer("Choose: ", "77")
        terminal.expect("Invalid option")

        terminal.answer("Choose: ", "1")
        terminal.answer("Dataset? [unicode]: ", "")
        terminal.answer("How many records? [50]: ", "many")
        terminal.expect("Invalid number")
        terminal.answer("How many records? [50]: ", "")
        terminal.answer("Batch size? [5]: ", "")
        terminal.expect("total_processed: 50")

        terminal.answer("Choose: ", "2")
        terminal.expect("resumable_data_processing: Processed 50/50 records")
        terminal.answer("Choose: ", "3")
        terminal.expect("Completed tasks: 1")
        terminal.answer("Choose: ", "4")
        terminal.expect("Session summary")

        terminal.answer("Choose: ", "5")
        terminal.answer("From which file? [source.jsonl]: ", "in.jsonl")
        terminal.answer("To which file? [destination.jsonl]: ", "")
        terminal.answer("How many records? [500]: ", str(RECORDS))
        terminal.expect("Come back with:")
        terminal.answer("Choose: ", "13")
        terminal.expect(f"migrated_records: {RECORDS}")

        terminal.answer("Choose: ", "8")
        terminal.expect("data_migration: Migrated")
        terminal.answer("Choose: ", "9")
        terminal.answer("Which task (1-2, Enter cancels): ", "3")
        terminal.expect("Invalid number")
        terminal.answer("Which task (1-2, Enter cancels): ", "1")
        terminal.expect("Task completed")

        terminal.answer("Choose: ", "6")
        terminal.answer("How many items in total? [300]: ", "30")
        terminal.answer("Batch size? [30]: ", "3")
        terminal.expect("Come back with:")
        terminal.answer("Choose: ", "11")
        terminal.answer("Which task (1-1, Enter cancels): ", "1")
        terminal.expect("paused")
        terminal.answer("Choose: ", "12")
        terminal.answer("Which task (1-1, Enter cancels): ", "1")
        terminal.expect("Come back with:")
        terminal.answer("Choose: ", "13")
        terminal.expect("processed: 30")

        terminal.answer("Choose: ", "7")
        terminal.answer("Name of the model? [demo-model]: ", "")
        terminal.answer("How many epochs? [25]: ", "2")
        terminal.answer("Choose: ", "13")
        terminal.expect("epochs_completed: 2")
        terminal.answer("Choose: ", "10")
        terminal.expect("No tasks.")
        terminal.answer("Choose: ", "0")
        terminal.expect("Bye!")
        assert terminal.exit() == 0


def test_the_menu_monitors_cancels_and_survives_the_server_and_ctrl_c(server: Server, program_for: ProgramFor) -> None:
    server.start("acknowledged@100")
    program = program_for(server)
    assert program.run(*LONG, "--detach").exit == 0
    server.wait_parked()
    with Terminal(program, "--patience-s", "15", "menu") as terminal:
        server.kill()
        terminal.answer("Choose: ", "13")
        terminal.expect("trying again for up to 15 s")
        server.start()
        terminal.expect("the server is back after")
        terminal.expect("Migrated")
        terminal.type(CTRL_C)
        terminal.expect("Detached.")
        terminal.answer("Choose: ", "10")
        terminal.answer("Which task (1-1, Enter cancels): ", "1")
        terminal.expect("cancelled")
        terminal.answer("Choose: ", "10")
        terminal.expect("No tasks.")
        terminal.expect("Choose: ")
        terminal.interrupt("Demo interrupted by the user. Bye!")
        assert terminal.exit() == 130
