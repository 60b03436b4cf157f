"""A campaign's folder: what it has come to, an ordinary report directory for each of the newest seeds, and the corpus.

    crashtest-campaign/
      campaign.json           what it has come to
      seeds/<seed>/           a report directory; the newest ones are kept whole
      corpus/                 a report directory too: of each finding the run with the smallest plan
      again/                  and another: the corpus as it was replayed at the last start

Every file is replaced whole, and a run is copied into the corpus before it is named: whenever the process dies, what
was finished is there and is found again.
"""

from __future__ import annotations

import fcntl
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mcp_crashtest.files.atomic import write_json
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.run_folder import RunFolder, read_json
from mcp_crashtest.model.campaign import KEPT_SEEDS, Campaign, Counted
from mcp_crashtest.model.errors import UsageError

_STATE, _SEEDS, _CORPUS, _AGAIN, _LOCK, _COMING = "campaign.json", "seeds", "corpus", "again", ".lock", ".coming-"


@dataclass(frozen=True, slots=True)
class CampaignFolder:
    """Where a campaign lies."""

    folder: Path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it. Raises UsageError for a folder that is not ours, and where another campaign is at work."""
        if self.folder.is_dir() and any(self.folder.iterdir()) and not (self.folder / _LOCK).exists():
            raise UsageError(f"{self.folder} holds files that are no campaign's: give a new or an empty --report-dir")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / _LOCK).open("a", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield
        except BlockingIOError:
            raise UsageError(
                f"another campaign is at work in {self.folder}: wait, or give another --report-dir"
            ) from None

    # --- what it has come to

    def campaign(self) -> Campaign | None:
        """What was saved last; None at its first start. Raises UsageError."""
        path = self.folder / _STATE
        return Campaign.from_json(read_json(path)) if path.exists() else None

    def save(self, campaign: Campaign) -> None:
        """Keep what it has come to."""
        write_json(self.folder / _STATE, campaign.to_json())

    # --- its evidence

    def seed(self, seed: int) -> Bundle:
        """The report directory of a seed."""
        return Bundle(self.folder / _SEEDS / str(seed))

    @property
    def corpus(self) -> Bundle:
        """The report directory of the findings."""
        return Bundle(self.folder / _CORPUS)

    @property
    def again(self) -> Bundle:
        """The report directory of their replays."""
        return Bundle(self.folder / _AGAIN)

    def counted(self, seed: int) -> Counted:
        """What the judged runs of a seed's scenarios add up to, as they lie there."""
        judged = filter(None, (run.judgement() for run in self.seed(seed).runs_of_scenarios()))
        return sum((Counted.of(j["verdict"], j["faults_confirmed"], j["kills_confirmed"]) for j in judged), Counted())

    def keep(self, run: RunFolder) -> str:
        """Copy a run into the corpus, whole or not at all; returns the name by which ``kept`` knows it."""
        self.corpus.prepare("corpus", shared=True).close()
        return self.corpus.keep(run, self.folder / f"{_COMING}{secrets.token_hex(8)}")

    def kept(self, name: str) -> RunFolder:
        """A run of the corpus."""
        return RunFolder(self.corpus.folder / name)

    # --- what is not needed any more

    def tidy(self, campaign: Campaign) -> None:
        """Remove what no finding names, and the evidence of all seeds but the newest."""
        for coming in self.folder.glob(f"{_COMING}*"):
            shutil.rmtree(coming, ignore_errors=True)
        named = {self.kept(one.run).path for one in campaign.found.values()}
        for run in self.corpus.runs():
            if run.path not in named:
                shutil.rmtree(run.path, ignore_errors=True)
        for old in self._seeds()[:-KEPT_SEEDS]:
            if old != campaign.seed:
                shutil.rmtree(self.seed(old).folder, ignore_errors=True)

    def _seeds(self) -> list[int]:
        return sorted(int(path.name) for path in (self.folder / _SEEDS).glob("*") if _is_number(path.name))


def _is_number(name: str) -> bool:
    return name.removeprefix("-").isdecimal()
