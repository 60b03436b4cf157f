"""The bundle: the evidence of a session on disk.

    crashtest-report/
      mcp-crashtest.json      says that the folder is ours
      certificate.json
      badge.svg, badge.json   made from it: a picture, and what an endpoint of shields answers
      index.html              the report page
      previous/<when>/        an earlier session's, with the same names in it; the five newest are kept
      runs/<profile>/profile.json
      runs/<profile>/<scenario>/<number>/plan.json, history.jsonl, <digest>.columns, judgement.json, boot-*.log, ...

A folder that is not ours is never touched, and one in which a session is at work belongs to that one alone. Nobody else
knows these names.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mcp_crashtest.files.atomic import write_atomically, write_json
from mcp_crashtest.files.copying import copy_file, copy_folder, free_place
from mcp_crashtest.files.digests import Differences, digest_of_all, digests, paths
from mcp_crashtest.files.previous import put_away
from mcp_crashtest.files.profiles import parse_profile
from mcp_crashtest.files.run_folder import RunFolder, read_json
from mcp_crashtest.files.storage import LEAST_FREE_BYTES, free_bytes, refuse_few_descriptors
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.operation import History
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Profile

BUNDLE_FORMAT = 1
GOLDEN = "golden"
_MARKER, _CERTIFICATE, _RUNS, _PROFILE = "mcp-crashtest.json", "certificate.json", "runs", "profile.json"
_PREVIOUS, _LOCK, _PAGE = "previous", ".lock", "index.html"
_RUN_NAME = re.compile(r"(?:^|[\s/'\"])runs/([^/]+/[^/]+/[^/\s'\"]+)")
_DEEPEST = 3  # profile, scenario, run
_EVIDENCE = (_MARKER, _RUNS)
_BADGE = ("badge.svg", "badge.json")


@dataclass(frozen=True, slots=True)
class Bundle:
    """One session's evidence. ``worker`` tells apart the processes of a session that share it."""

    folder: Path
    worker: str = ""

    def prepare(self, session: str, *, shared: bool = True) -> IO[str]:
        """Make the folder ready for this session, and hold it until what is returned is closed.

        What an earlier session left is put away, once. The worker processes of a session share a folder and a
        ``session``; with ``shared`` false there are none, and one of the same name was an earlier one. Raises
        UsageError for a folder that holds anything and is not ours, for one in which another session is at work, and
        where there is no room or few files may be open.
        """
        folder, marker = self.folder, self.folder / _MARKER
        refuse_few_descriptors()
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"the report directory {folder} is a file: give another one to --report-dir")
        if folder.is_dir() and any(folder.iterdir()) and not marker.exists():
            raise UsageError(
                f"the report directory {folder} holds files that are not ours, and would be emptied: give a new or an "
                f"empty one to --report-dir"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if (free := free_bytes(folder)) < LEAST_FREE_BYTES:
                raise UsageError(
                    f"there is no room for the evidence in {folder}: {free} bytes are left on its disk, and "
                    f"{LEAST_FREE_BYTES} are the least; make room, or give another --report-dir"
                )
            with marker.open("a+", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                text = file.read()
                same = shared and bool(text) and json.loads(text).get("session") == session
                held = _hold(folder, shared=shared, alone=not same)
                if not same:
                    put_away(folder, _PREVIOUS, [_RUNS, _CERTIFICATE, _PAGE, _MARKER])
                    for name in _BADGE:  # can be made again
                        (folder / name).unlink(missing_ok=True)
                    file.truncate(0)
                    file.write(json.dumps({"format": BUNDLE_FORMAT, "session": session}) + "\n")
                return held
        except (OSError, ValueError) as error:
            raise UsageError(f"the report directory {folder} cannot be used: {error}") from error

    @property
    def is_ours(self) -> bool:
        """Whether the folder is one of ours."""
        return (self.folder / _MARKER).exists()

    # --- what a session leaves

    def save_profile(self, profile: Profile) -> None:
        """Keep the profile beside its runs, so that they can be replayed."""
        write_json(self._of(profile) / _PROFILE, profile.to_json())

    def save_certificate(self, certificate: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what the session came to, with the digests of all its evidence; their sum is returned.

        Nobody may add to the evidence any more. What is made from it, and lies beside the runs, is none.
        """
        known = digests(self.folder, _EVIDENCE)
        evidence = {"digest": digest_of_all(known), "files": len(paths(known))}
        write_json(self.folder / _CERTIFICATE, {**certificate, "evidence": evidence, "sha256": known})
        return evidence

    def untrusted(self) -> str | None:
        """What of the evidence is not what the certificate says, in a line; empty where it is all.

        None where the certificate names no files, or there is none: an earlier version's, or a session that was ended.
        """
        certificate = self.certificate() or {}
        saved = certificate.get("sha256")
        if saved is None:
            return None
        try:
            differences = str(Differences.between(saved, digests(self.folder, _EVIDENCE)))
            told = certificate["evidence"]["digest"]
        except (AttributeError, KeyError, TypeError) as error:
            raise UsageError(f"{self.folder / _CERTIFICATE} names no digests as expected: {error!r}") from error
        return differences or ("" if told == digest_of_all(saved) else f"{_CERTIFICATE} names a digest of other files")

    def certificate(self) -> Mapping[str, Any] | None:
        """What the session came to, as it stands there; None where there is none. Raises UsageError."""
        path = self.folder / _CERTIFICATE
        if not path.exists():
            return None
        found = read_json(path)
        if not isinstance(found, dict):
            raise UsageError(f"{path} is not a certificate: expected a JSON object")
        return found

    def certificates(self) -> Iterator[Mapping[str, Any]]:
        """This session's, and those of earlier ones that are kept, the newest first; what cannot be read is left out.

        Raises UsageError for this one.
        """
        if (mine := self.certificate()) is not None:
            yield mine
        yield from self.certificates_before()

    def save_badge(self, svg: str, endpoint: str) -> list[Path]:
        """Keep the badge's two files; returns where they are."""
        paths = [self.folder / name for name in _BADGE]
        for path, text in zip(paths, (svg, endpoint), strict=True):
            write_atomically(path, text)
        return paths

    @property
    def page(self) -> Path:
        """Where the report page lies."""
        return self.folder / _PAGE

    def save_page(self, text: str) -> Path:
        """Keep the report page; returns where."""
        write_atomically(self.page, text)
        return self.page

    def sessions_before(self) -> list[Bundle]:
        """The sessions that were put away here, the newest first."""
        return [Bundle(place) for place in sorted((self.folder / _PREVIOUS).glob("*"), reverse=True)]

    def certificates_before(self) -> list[Mapping[str, Any]]:
        """Their certificates, those that can be read."""
        found = []
        for session in self.sessions_before():
            with suppress(UsageError):
                if (certificate := session.certificate()) is not None:
                    found.append(certificate)
        return found

    @staticmethod
    def run_named(replay: str) -> str | None:
        """The run that a line names which replays it, as profile, scenario and folder."""
        named = _RUN_NAME.search(replay)
        return named.group(1) if named else None

    # --- its runs

    def run(self, profile: Profile, scenario: str, number: int, attempt: int = 1) -> RunFolder:
        """Where the run of a plan with this number lies; a plan that is played again has a folder for each attempt."""
        again = f"-{attempt}" if attempt > 1 else ""
        golden = self.setting_up(profile, GOLDEN).path
        return RunFolder(self._of(profile) / scenario / f"{number:04d}{again}", golden)

    def setting_up(self, profile: Profile, name: str) -> RunFolder:
        """Where a run lies that is no scenario's; each worker has its own."""
        return RunFolder(self._of(profile) / (f"{name}-{self.worker}" if self.worker else name))

    def runs(self, scenario: str | None = None) -> list[RunFolder]:
        """Every run that has begun, of one scenario or of all, in the order of their names."""
        tops = self.folder.glob(f"{_RUNS}/*/{scenario or ''}")
        found = {Path(path) for top in tops for path, _, _ in os.walk(top)}  # whoever goes meanwhile is not missed
        return [RunFolder(path) for path in sorted(found) if RunFolder(path).has_begun]

    def judged_runs(self) -> Iterator[tuple[RunFolder, History, Mapping[str, Any]]]:
        """Every run that was judged, with its history and judgement; raises UsageError."""
        if not self.is_ours:
            raise UsageError(f"{self.folder} is not a report directory of mcp-crashtest: there is no {_MARKER} in it")
        for run in self.runs():
            judgement = run.judgement()
            if judgement is not None:
                yield run, run.history(), judgement

    def take_in(self, other: Bundle) -> Iterator[tuple[RunFolder, RunFolder]]:
        """Lay another bundle's runs down beside those here: each as it lies there, and as it lies here.

        A run whose name is taken here gets the next number of an attempt. Raises UsageError.
        """
        theirs, ours = other.folder / _RUNS, self.folder / _RUNS
        try:
            for profile in sorted(theirs.glob(f"*/{_PROFILE}")):
                mine = ours / profile.relative_to(theirs)
                mine.parent.mkdir(parents=True, exist_ok=True)
                if not mine.exists():
                    copy_file(profile, mine)
            for run in other.runs():
                place = run.path.relative_to(theirs)
                if len(place.parts) <= _DEEPEST:  # what lies deeper is within a run, and a subject's
                    free = free_place(ours / place)
                    copy_folder(run.path, free)
                    yield run, RunFolder(free)
        except OSError as error:
            raise UsageError(f"the runs of {other.folder} cannot be laid down in {self.folder}: {error}") from error

    def keep(self, run: RunFolder, coming: Path) -> str:
        """Copy one run in here, whole or not at all, by way of the new folder ``coming``; returns its name here."""
        copy_folder(run.path, coming)
        top = self.folder / _RUNS / run.path.parent.parent.name
        place = top / run.path.parent.name / run.name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not (top / _PROFILE).exists():
            copy_file(run.path.parent.parent / _PROFILE, top / _PROFILE)
        return str(coming.rename(free_place(place)).relative_to(self.folder))

    def runs_of_scenarios(self) -> list[RunFolder]:
        """Every run of a scenario that has begun."""
        top = self.folder / _RUNS
        return [run for run in self.runs() if len(run.path.relative_to(top).parts) == _DEEPEST]

    def judged_in_scenarios(self) -> list[RunFolder]:
        """Those of them that were judged, found without a look into what a subject has left in any."""
        found = sorted(self.folder.glob(f"{_RUNS}/*/*/*"))
        return [run for run in map(RunFolder, found) if run.is_judged]

    def attempts(self, profile: Profile, scenario: str, number: int) -> list[RunFolder]:
        """The runs of the plan with this number, as far as there are any."""
        first = self.run(profile, scenario, number).path
        found = [first, *first.parent.glob(f"{first.name}-*")]
        return [run for run in map(RunFolder, sorted(found)) if run.has_begun]

    @staticmethod
    def origin(run: RunFolder) -> tuple[str, str]:
        """The names of profile and scenario under which a run of a scenario lies."""
        return run.path.parent.parent.name, run.path.parent.name

    def _of(self, profile: Profile) -> Path:
        return self.folder / _RUNS / profile.name


def _hold(folder: Path, *, shared: bool, alone: bool) -> IO[str]:
    """The lock of a folder; with ``alone`` nobody else may hold it now. Raises UsageError."""
    lock = (folder / _LOCK).open("a", encoding="utf-8")
    try:
        if alone:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if shared:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise UsageError(
            f"another session is at work in the report directory {folder}: wait for its end, or give another one to "
            f"--report-dir"
        ) from None
    return lock


def saved_profile(run: RunFolder) -> Profile:
    """The profile that was kept beside a run; raises UsageError."""
    path = run.path.parent.parent / _PROFILE
    data = read_json(path)
    try:
        folder = Path(data.pop("folder"))
        return parse_profile(data, name=data["name"], source=str(path), folder=folder)
    except (KeyError, AttributeError, TypeError) as error:
        raise UsageError(f"{path} is not a profile of a bundle: {error!r}") from error


def judged_like(run: RunFolder) -> Iterator[str]:
    """The verdict of each run of its scenario that had the same plan, this one among them."""
    for path in sorted(run.path.parent.iterdir()):
        other = RunFolder(path)
        judgement = other.judgement() if other.has_begun and other.plan_bytes == run.plan_bytes else None
        if judgement is not None:
            yield str(judgement["verdict"])


def saved_plan(path: Path) -> Plan:
    """The plan in a file, or in a run's folder; raises UsageError."""
    if path.is_dir():
        return RunFolder(path).plan()
    data = read_json(path)
    if not isinstance(data, dict):
        raise UsageError(f"{path} is not a plan: expected a JSON object")
    return Plan.from_json(data)
