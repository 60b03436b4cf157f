"""The client mutants, the invariant that must catch each, and the story in which it does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
FAULTLESS = "faultless"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One flawed client. ``also`` are the invariants that may catch it beside the one that must."""

    name: str
    invariant: str
    scenario: str
    story: str
    also: tuple[str, ...] = ()


EVERYWHERE, WITHOUT_SERVER, CUT = "client-dies-everywhere", "client-without-server", "client-loses-connection"
_TABLE = (
    Mutant(
        "state_after_request",
        "task.duplicated",
        EVERYWHERE,
        "the client is killed before the answer to its submission",
    ),
    Mutant(
        "no_state",
        "client.reattach",
        EVERYWHERE,
        "the client is killed while it asks about its task",
        ("task.duplicated",),
    ),
    Mutant(
        "state_in_place",
        "client.state",
        EVERYWHERE,
        "the client is killed at any moment",
        ("client.reattach", "task.duplicated"),
    ),
    Mutant(
        "submits_at_every_start",
        "client.reattach",
        EVERYWHERE,
        "the client is killed while it asks about its task",
        ("task.duplicated", "client.state"),
    ),
    Mutant(
        "gives_up",
        "client.result",
        WITHOUT_SERVER,
        "the server is away for a moment",
    ),
    Mutant(
        "new_key_when_cut",
        "task.duplicated",
        CUT,
        "the connection is lost before the answer to its submission",
    ),
)

CLIENT_MUTANTS = {mutant.name: mutant for mutant in _TABLE}


def write_profile(name: str, folder: Path) -> Path:
    """The profile of a client, in a folder; one that keeps no state has none to be read."""
    text = (_HERE / "template.toml").read_text(encoding="utf-8")
    lines = text.replace("MUTANT", name).replace("FOLDER", str(_HERE)).splitlines()
    if name == "no_state":
        lines = [line for line in lines if not line.startswith(("state =", "handle ="))]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
