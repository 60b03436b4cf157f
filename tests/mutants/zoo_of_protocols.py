"""The part of the zoo in which the protocol itself says what a task is, or how messages travel: streams, stdio."""

from __future__ import annotations

from tests.mutants.mutant import AFTERLIFE, CLIENT_KILLED, DROPPED, EDGES, KILLED, OPERATED, Mutant

OF_PROTOCOLS = (
    Mutant(
        "core_forgotten_cancel",
        "task.cancel-forgotten",
        OPERATED,
        "a core task is cancelled, and the server is killed behind the answer",
        ("task.resurrected", "task.listing"),
    ),
    Mutant("core_forgotten_list", "task.listing", OPERATED, "tasks/list is asked before and behind a restart"),
    Mutant("core_created_anew", "task.identity", KILLED, "the server is restarted between two looks at a core task"),
    Mutant(
        "core_result_lost",
        "records.lost",
        AFTERLIFE,
        "the server is killed after the end, and tasks/result is asked again",
        ("task.resurrected", "task.false-success"),
    ),
    Mutant(
        "core_forgotten_answer",
        "task.input-forgotten",
        OPERATED,
        "a core task is given what it asks for, and the server is killed behind the answer",
    ),
    Mutant(
        "core_forgotten_ids",
        "task.vanished",
        KILLED,
        "the server is killed, and tasks/get is asked again",
        ("task.false-success",),
    ),
    Mutant("core_orphaned", "task.orphaned", KILLED, "the server is killed while a core task works"),
    Mutant(
        "core_stops_early",
        "records.lost",
        KILLED,
        "the server is killed anywhere before the last batch of a core task",
        ("task.false-success", "records.count"),
    ),
    Mutant(
        "core_result_later",
        "task.false-success",
        EDGES,
        "the server is killed between the last batch of a core task and its result",
        ("records.count", "records.lost"),
    ),
    Mutant(
        "stdio_works_on",
        "records.duplicated",
        CLIENT_KILLED,
        "the host is killed, and the next one starts the server anew",
        ("records.count", "effects.rework", "fencing.double-run", "progress.monotonic", "records.unexpected"),
    ),
    Mutant("stdio_forgets", "task.vanished", CLIENT_KILLED, "the host is killed, and the next one asks for its job"),
    Mutant(
        "stdio_saves_at_goodbye",
        "progress.regressed",
        KILLED,
        "the server is killed over stdio behind its second batch or later",
        ("effects.rework",),
    ),
    Mutant(
        "stdio_forgotten_cancel",
        "task.cancel-forgotten",
        OPERATED,
        "a job is cancelled over stdio, and the server is killed behind the answer",
        ("task.resurrected",),
    ),
    Mutant("stream_skips", "stream.lost", DROPPED, "the connection is lost, and the stream is joined again"),
    Mutant("stream_from_start", "stream.duplicated", DROPPED, "the connection is lost, and the stream is joined again"),
    Mutant("stream_of_session", "stream.foreign", DROPPED, "the connection is lost, and the stream is joined again"),
    Mutant("stream_forgotten", "stream.lost", KILLED, "the server is killed, and the stream is joined again"),
)
