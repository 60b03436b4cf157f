"""The invariants: every finding names one of them. One table, from which ``explain`` and the reports speak.

This file states them and says how a server is usually mended; the checkers judge.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """A statement that must hold in every run, and what to do where it does not."""

    id: str
    statement: str
    advice: str


_TABLE = (
    Invariant(
        "records.lost",
        "every record of the workload is in the final output",
        "The checkpoint ran ahead of the data. Commit a batch's records and its checkpoint in one transaction, or "
        "write and fsync the data first and derive the checkpoint from it at start.",
    ),
    Invariant(
        "records.duplicated",
        "no record is in the final output twice",
        "A batch was written, its checkpoint was not (or was put back), and it was appended again. Commit both in one "
        "transaction, key records so that a second write replaces the first, and never move the step backwards in an "
        "error path: a client that went away is no reason to undo a batch.",
    ),
    Invariant(
        "records.unexpected",
        "no record is in the output that the workload does not have",
        "Another task's records or a torn line got in. Key the store by task id and write whole records.",
    ),
    Invariant(
        "records.reordered",
        "output order is input order, where claimed",
        "Order the output by the record's position, not by the time at which it was written; or claim ordered = false.",
    ),
    Invariant(
        "records.content",
        "each record equals the golden run's, where the job is deterministic",
        "Processing depends on something that a restart changes: a clock, a random seed, a counter in memory. Put it "
        "into the checkpoint; or claim deterministic = false.",
    ),
    Invariant(
        "records.count",
        "reported total = number of records = workload",
        "The total is counted apart from the records. Count what is stored, at the time you answer.",
    ),
    Invariant(
        "effects.rework",
        "after c crashes at most c x batch records were executed again",
        "The job starts over instead of continuing. Store a cursor with each batch and start behind it.",
    ),
    Invariant(
        "effects.lost",
        "every record in the output has its effect in the ledger",
        "A record was marked done before its effect happened. Do the effect first, under an idempotency key.",
    ),
    Invariant(
        "progress.regressed",
        "progress seen before a crash is never undone after it",
        "Progress was reported before it was durable, or the job started over. Report a batch after its commit.",
    ),
    Invariant(
        "progress.monotonic",
        "within a boot progress strictly rises and never exceeds the total",
        "Two executions report for one task, or progress is counted apart from the work.",
    ),
    Invariant(
        "task.vanished",
        "an acknowledged handle resolves after any crash, until its ttl",
        "Tasks live in memory. Write the task's row before you answer with its handle, and read it after a restart.",
    ),
    Invariant(
        "task.orphaned",
        "a non-terminal task moves on or ends within the recovery deadline",
        "The row says running but nobody runs it. At start, find every unfinished task and resume it, or fail it "
        "with a reason.",
    ),
    Invariant(
        "task.resurrected",
        "a terminal status and its result never change again",
        "A late worker overwrote the row. Guard every update by status and epoch in the same statement.",
    ),
    Invariant(
        "task.cancel-forgotten",
        "an acknowledged cancel or pause survives the crash",
        "The cancel was kept in memory, or recovery resumed a cancelled task. Commit it before you answer.",
    ),
    Invariant(
        "task.input-forgotten",
        "a task that waits for an answer waits over the crash, and takes it once",
        "The question or the answer was kept in memory. Commit both: the task that asks, before it is seen to ask, and "
        "what it was given, before you acknowledge that.",
    ),
    Invariant(
        "task.false-success",
        "completed means complete",
        "The task was marked completed without looking at its records. Mark it in the transaction that commits the "
        "last batch, and only if the count is right.",
    ),
    Invariant(
        "task.duplicated",
        "one submission, one task",
        "A repeated submission started a second task. Look the task up by client id and arguments, or by an "
        "idempotency key, under a unique index.",
    ),
    Invariant(
        "task.identity",
        "ids are never reused or predictable; createdAt never changes",
        "An id was made anew, or can be guessed. Make it once, of 128 random bits, store it and the time of creation "
        "with the task before you answer, and read both from there after a restart.",
    ),
    Invariant(
        "task.listing",
        "lists and statistics agree with the task API",
        "The list is kept apart from the tasks, or in memory. Answer both from the same table.",
    ),
    Invariant(
        "isolation.leak",
        "another principal's task can be neither seen nor touched, and no job has records of another",
        "Check the owner on every request.",
    ),
    Invariant(
        "fencing.double-run",
        "a replaced server does not write after it thaws; one task runs once",
        "Two work on one task: an old call that goes on when its client is gone, a worker that outlives its server, or "
        "a second server. Give each claim of a task a new epoch and make every write conditional on it.",
    ),
    Invariant(
        "recovery.deadline",
        "ready, first progress and completion after a restart within the claimed time",
        "Recovery takes too long or hangs. Resume before you are ready, or claim a longer recovery_deadline_s.",
    ),
    Invariant(
        "recovery.loop",
        "the server still starts after being killed",
        "The server cannot read what its last life left behind. Write files atomically, and start with what is "
        "there: look at the boot log in the bundle.",
    ),
    Invariant(
        "error.honest",
        "bad input, a lost task, a full disk: a clear error, never a hang, never an empty success",
        "Say failed, with an error that names the cause, instead of completed with an error inside.",
    ),
    Invariant(
        "client.reattach",
        "a restarted client asks for the task that it had; it does not start a second one",
        "The client keeps no handle, or does not look for one when it starts. Write the intent with its idempotency "
        "key before the request is sent, the handle as soon as it is known, and begin each start by reading both.",
    ),
    Invariant(
        "client.state",
        "the client's state file can be read after a kill at any moment, and agrees with the server",
        "It is written in place, or not flushed. Write a new file beside it, flush it (fsync), and move it over the "
        "old one; write it before the request that it is about.",
    ),
    Invariant(
        "client.result",
        "the client ends with the server's result and exit code 0",
        "A refused or broken connection is no end: try again with a bounded backoff, ask until the task has ended, and "
        "print the result that the server gives, however often you were started.",
    ),
    Invariant(
        "stream.lost",
        "a stream that is joined again leaves no event out, and comes to the answer",
        "Store each event under its id before it is sent, keep it until the answer was delivered, replay first, and "
        "go over to what comes without a gap. Streams in memory do not outlive their server: claim no durable_events.",
    ),
    Invariant(
        "stream.duplicated",
        "a stream that is joined again goes on behind the event that was named, and tells nothing twice",
        "Replay what comes behind Last-Event-ID, not the whole stream, and give each event its id once.",
    ),
    Invariant(
        "stream.foreign",
        "a stream has the messages of its own request, and of no other",
        "Replay by stream, not by session: the id of an event has to name the stream that it belongs to.",
    ),
    Invariant("wire.invalid", "every message is valid for its revision", "Compare with the spec's schema."),
)

INVARIANTS = {invariant.id: invariant for invariant in _TABLE}
