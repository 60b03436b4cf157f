"""Plans and places in plain words, and what a run's title says of what was really done."""

from __future__ import annotations

import pytest

from mcp_crashtest.model import coordinates
from mcp_crashtest.model.coordinates import Batch, Coordinate, During, Moment, Phase, Since, Syscall, Window, WindowName
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Absence, Plan, Size
from mcp_crashtest.telling.lives import Bolt
from mcp_crashtest.telling.places import place_in
from mcp_crashtest.telling.plainly import plainly, planned

KILL = Fault("kill", Victim.SERVER, Batch(3, thousandths=250))


def bolt(number: int = 1, *, done: int | None = None, landed: bool = True, events: tuple[int, ...] = (1, 2)) -> Bolt:
    return Bolt(number, 1.0, 1.1, "kill", "server", "kill server", landed, "killed and reaped", events, done=done)


LEAVES = Fault("interrupt", Victim.CLIENT, Batch(1, Phase.OBSERVED))


@pytest.mark.parametrize(
    ("faults", "struck", "title"),
    [
        ((KILL,), (), "The server is killed 25 % into batch 3"),
        ((KILL,), (bolt(done=15),), "The server is killed with 15 of 50 records acknowledged"),
        ((), (), "Nobody is in the way"),
        ((LEAVES,), (), "The client leaves in the middle of its work and comes back when batch 1 is reported done"),
        (
            (LEAVES,),
            (bolt(done=5),),
            "The client leaves in the middle of its work, with 5 of 50 records acknowledged, and comes back",
        ),
        (
            (KILL, LEAVES),
            (bolt(done=5), bolt(2, done=9)),
            "The server is killed with 5 of 50 records acknowledged, then the client leaves in the middle of its work, "
            "with 9 of 50 records acknowledged, and comes back",
        ),
        (
            (KILL, LEAVES),
            (bolt(done=5),),
            "The server is killed with 5 of 50 records acknowledged; 1 other fault came too late",
        ),
        ((KILL,) * 4, tuple(bolt(n, done=n) for n in range(1, 5)),
         "The server is killed 4 times, first with 1 of 50 records acknowledged"),
        ((KILL, KILL, KILL, LEAVES), tuple(bolt(n, done=n) for n in range(1, 5)),
         "4 faults in one run, the first: the server is killed with 1 of 50 records acknowledged"),
    ],
)  # fmt: skip
def test_a_run_s_title_says_what_was_done_and_how_far_the_job_was(
    faults: tuple[Fault, ...], struck: tuple[Bolt, ...], title: str
) -> None:
    assert plainly(Plan("s", "x", faults), struck, 50) == title


def test_an_afterlife_is_told_behind_the_faults() -> None:
    told = plainly(Plan("s", "x", (KILL,), afterlife=True))
    assert (
        told == "The server is killed 25 % into batch 3; after the end the server is killed once more, and asked again"
    )


def test_what_is_asked_beside_a_fault_is_told_in_its_order() -> None:
    cancel = Fault("cancel", Victim.CLIENT, Batch(1, Phase.OBSERVED))
    after = Fault("kill", Victim.SERVER, Moment(0, Since.FAULT))
    assert (
        plainly(Plan("s", "x", (cancel, after)))
        == "The task is cancelled, then the server is killed at once after that"
    )
    listing = Fault("list", Victim.CLIENT, Batch(1, Phase.OBSERVED))
    assert planned(Plan("s", "x", (listing,))) == "list the tasks when batch 1 is reported done"


def test_a_fault_that_did_not_land_is_not_told_as_done() -> None:
    plan = Plan("s", "x", (KILL,))
    meant = "Meant, and not done: the server is killed 25 % into batch 3; "
    assert (
        plainly(plan, (bolt(landed=False, events=(1,)),), 50, missed="it came too late") == f"{meant}it came too late"
    )
    assert plainly(plan, (), 50, missed="it came too late") == f"{meant}it came too late"
    assert plainly(plan, (bolt(landed=False),), 50, missed="it came too late") == f"{meant}that could not be proven"


def test_a_plan_is_told_in_words() -> None:
    assert planned(Plan("s", "x", (KILL,))) == "kill the server 25 % into batch 3"
    left = Plan("s", "x", (LEAVES,), absence=Absence.UNTIL_QUIET)
    assert (
        planned(left) == "interrupt the client when batch 1 is reported done, the client stays away until the "
        "server is quiet"
    )
    twice = Plan("s", "x", (KILL, Fault("kill", Victim.BOTH, Moment(0, Since.FAULT))), workload=Size(9, 3), cold=True)
    assert planned(twice) == (
        "kill the server 25 % into batch 3, then kill server and client at once after that, with 9 records in batches "
        "of 3, the restart cold"
    )
    assert planned(Plan("s", "x", (), afterlife=True)) == "kill the server after the end"
    away = Fault("kill", Victim.SERVER, Moment(40, Since.FIRST_WORD), until=Moment(400, Since.FAULT))
    assert planned(Plan("s", "x", (away,))) == (
        "kill the server at 4 % of the undisturbed time, counted from its first word, for 40 % of the undisturbed time"
    )
    settings = {"service": 1.0, "message": 750.0}
    half_open = Fault("link-silent", Victim.SERVICE, Batch(3, thousandths=250), settings=settings)
    assert planned(Plan("s", "x", (half_open,))) == (
        "silence the link to the service 1 25 % into batch 3, from a message on that is passed and not answered, "
        "75 % into those of a batch"
    )
    frozen = Fault("freeze", Victim.SERVER, Batch(1, thousandths=0), until=Batch(2, Phase.OBSERVED))
    assert planned(Plan("s", "x", (frozen,), workload=Size(1, 1))) == (
        "freeze the server 0 % into batch 1, until batch 2 is reported done, with 1 record in batches of 1"
    )


@pytest.mark.parametrize(
    "at",
    [
        *(Batch(2, phase) for phase in Phase),
        Batch(2, thousandths=5, task=1),
        *(Window(name, 3) for name in WindowName),
        *(Moment(310, since) for since in Since),
        During(1),
        Syscall("fsync", 4, "fsync of a.db"),
    ],
)
def test_every_place_has_its_words(at: Coordinate) -> None:
    said = place_in(coordinates.to_json(at))
    assert said
    assert "{" not in said
    assert "/1000" not in said


def test_a_place_that_cannot_be_read_is_not_told() -> None:
    assert [place_in(value) for value in (None, {}, {"kind": "nowhere"}, {"kind": "batch", "number": "x"})] == [""] * 4
