"""What is said of a mutant, and the names of the scenarios that catch one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Mutant:
    """One flawed server. ``also`` are the invariants that may catch it beside the one that must.

    ``faults`` is how many the smallest plan has at most that shows the flaw; ``sooner`` is another scenario, for fewer
    stars, that sees it now and then.
    """

    name: str
    invariant: str
    scenario: str
    story: str
    also: tuple[str, ...] = ()
    faults: int = 1
    sooner: str | None = None

    @property
    def profile(self) -> Path:
        """The profile beside the server."""
        return _HERE / f"{self.name}.toml"


KILLED, EDGES, IN_A_ROW = "server-killed-everywhere", "killed-at-the-edges", "killed-in-a-row"
RESTARTED, AWAY, FROZEN, AFTERLIFE = "planned-restart", "server-away", "server-frozen", "afterlife"
INTERRUPTED, DROPPED, CLIENT_KILLED = "client-interrupted", "connection-dropped", "client-killed"
SIZES, OPERATED = "other-workloads", "operations-survive"
EACH_CALL, EACH_OF_RECOVERY = "every-call", "every-call-of-recovery"
POWER, SABOTAGED = "power-loss", "sabotage-noticed"
REPLACED, TWO_AT_ONCE, SIGNALLED, CRASH_LOOP = "frozen-and-replaced", "two-at-once", "signals", "crash-loop"
FAILING, MANY, POISONED = "failing-calls", "many-at-once", "poison-job"
SECOND, TWO_BACK, OVERLAP = "second-job", "two-clients-back", "old-and-new-at-once"
