"""The part of the zoo that no kill finds: what a crash leaves with the kernel, and a power cut takes."""

from __future__ import annotations

from tests.mutants.mutant import POWER, Mutant

_OLDER = ("effects.rework", "progress.regressed", "task.resurrected", "recovery.loop", "records.lost")
OF_POWER = (
    Mutant("syncs_nothing", "task.vanished", POWER, "the power fails at any time behind the answer", _OLDER),
    Mutant("moves_unsynced", "task.vanished", POWER, "the power fails behind a rename", _OLDER),
    Mutant(
        "answers_unsynced", "task.vanished", POWER, "the power fails between the answer and the first batch", _OLDER
    ),
    Mutant("synchronous_off", "task.vanished", POWER, "the power fails at any time behind the answer", _OLDER),
    Mutant("synchronous_normal", "task.vanished", POWER, "the power fails before its log is checkpointed", _OLDER),
    Mutant(
        "rollback_full",
        "effects.rework",
        POWER,
        "the power fails behind a commit, before anything else is synced",
        ("progress.regressed", "task.resurrected"),
    ),
    Mutant("torn_tail", "recovery.loop", POWER, "the power fails while a line is on its way to the disk"),
)
