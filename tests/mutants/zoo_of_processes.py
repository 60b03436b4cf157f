"""The mutants that two stars do not see, and that what else happens to processes shows."""

from __future__ import annotations

from tests.mutants.mutant import CRASH_LOOP, FAILING, MANY, POISONED, REPLACED, SECOND, SIGNALLED, TWO_AT_ONCE, Mutant

TWO_WRITE_ONE_STEP = ("progress.monotonic",)  # where the one who is behind writes its step last, and somebody looks

OF_PROCESSES = (
    Mutant(
        "lease_unchecked",
        "fencing.double-run",
        REPLACED,
        "the server stands still for longer than its lease, and goes on when another one has taken its job over",
        TWO_WRITE_ONE_STEP,
    ),
    Mutant(
        "steals",
        "fencing.double-run",
        REPLACED,
        "the server stands still, another one is started on its store, and the first one goes on",
        TWO_WRITE_ONE_STEP,
    ),
    Mutant(
        "looks_then_locks",
        "fencing.double-run",
        TWO_AT_ONCE,
        "the server is killed, and two are started at once on its store",
        TWO_WRITE_ONE_STEP,
    ),
    Mutant(
        "refuses_silently",
        "error.honest",
        REPLACED,
        "another server is started on the store of one that stands still",
    ),
    Mutant("hangs_up_for_good", "recovery.loop", SIGNALLED, "the server is sent SIGHUP, and started again"),
    Mutant(
        "interrupt_cleans_up",
        "task.vanished",
        SIGNALLED,
        "the server is sent SIGINT, and started again",
    ),
    Mutant(
        "reloads_twice",
        "fencing.double-run",
        SIGNALLED,
        "the server is sent SIGHUP, and goes on",
        ("effects.rework",),
    ),
    Mutant(
        "gives_up_on_jobs",
        "records.lost",
        CRASH_LOOP,
        "the server is killed, and again and again while it starts",
        faults=7,
    ),
    Mutant(
        "starves", "task.orphaned", MANY, "eight jobs go on at once, of which one came first, and the server is killed"
    ),
    Mutant(
        "one_cursor",
        "effects.rework",
        MANY,
        "eight jobs go on at once, and the server is killed",
        ("progress.regressed", "fencing.double-run"),
        sooner=SECOND,
    ),
    Mutant("poisoned_for_ever", "recovery.loop", POISONED, "a job is asked for that ends its server"),
    Mutant(
        "one_worker_hangs", "recovery.deadline", POISONED, "a job is asked for that never returns", ("task.orphaned",)
    ),
    Mutant("swallows_eio", "records.lost", FAILING, "a write to its store fails", ("task.false-success",)),
    Mutant("full_for_done", "records.lost", FAILING, "the disk is full at a write", ("task.false-success",)),
    Mutant("short_for_whole", "records.lost", FAILING, "a write is cut short, and says so", ("task.false-success",)),
    Mutant("syncs_again", "records.lost", FAILING, "a sync fails, and the next one does not", ("task.false-success",)),
)
