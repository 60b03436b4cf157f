"""What three stars are for: flaws in windows that two stars do not find, each in a server that earns two.

That each of them is caught above that, by the invariant named for it, is shown in test_zoo.py. Here whole sessions for
two stars are played, as they are by default, and nobody may have broken anything.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import certify
from tests.mutants.zoo import MUTANTS
from tests.zoo_page import passes_two_stars

NARROW = {name: mutant for name, mutant in MUTANTS.items() if passes_two_stars(mutant)}
FEWEST = 15
OWED = {
    "a sync that is missing": "syncs_nothing",
    "a rename whose folder is not synced": "moves_unsynced",
    "an acknowledgement before the commit": "acks_before_commit",
    "a recovery that is not idempotent": "recovers_twice",
    "a lease without an epoch": "lease_unchecked",
    "a job that starves": "starves",
    "a second server that steals": "steals",
    "a write error that is swallowed": "swallows_eio",
    "a full disk that is taken for success": "full_for_done",
}


def test_the_zoo_has_enough_flaws_that_two_stars_do_not_see_and_those_that_everybody_fears() -> None:
    assert len(NARROW) >= FEWEST
    assert set(OWED.values()) <= set(NARROW)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NARROW)
def test_a_flaw_in_a_narrow_window_earns_two_stars(tmp_path: Path, name: str) -> None:
    done = certify(tmp_path / "report", "--profile", NARROW[name].profile)
    assert done.code == 0, done.err
    certificate = done.certificate
    assert (certificate["level"], certificate["verdict"], certificate["findings"]) == (2, "PASS", [])
    assert certificate["faults"]["kills"] > 100
