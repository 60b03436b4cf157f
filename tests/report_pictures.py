"""The pictures of reports in docs: ``python -m tests.report_pictures`` plays two sessions and takes them in Chromium.

A failing one, of the server whose fifty records end as fifty-five, and a passing one, of the reference server; each in
both themes. ``--from DIR DIR`` takes the failing and the passing report from there instead of playing them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.page.report import write_page
from tests.harness.page.browser import drive, why_not
from tests.lab import MUTANTS, ROOT, lab

PICTURES = ROOT / "docs" / "pictures"
_MOST_BYTES = 260_000
_WIDTH, _HEIGHT = 1040, 1640
FAILING = (
    "--profile",
    MUTANTS / "seed_resumable.toml",
    "--scenario",
    "undisturbed",
    "--scenario",
    "client-interrupted",
    "--scenario",
    "client-killed",
)
PASSING = ("--profile", ROOT / "scenarios" / "profiles" / "reference-durable.toml", "--quick")


def take(failing: Path, passing: Path, folder: Path) -> list[Path]:
    """Take all pictures of these two reports; returns where they are."""
    taken, jobs = [], []
    for name, report in (("failing", failing), ("passing", passing)):
        write_page(Bundle(report))
        for scheme in ("light", "dark"):
            picture = folder / f"report-{name}-{scheme}.png"
            taken.append(picture)
            jobs.append(_job(Bundle(report).page, scheme, picture))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as asked:
        for told in drive(Path(asked), jobs).values():
            assert told["errors"] == [], told
    return taken


def _job(page: Path, scheme: str, picture: Path) -> dict[str, Any]:
    shot = {"name": picture.name, "file": page, "scheme": scheme, "width": _WIDTH, "height": _HEIGHT}
    return {**shot, "do": [["shot", picture]]}


def main() -> None:
    """Play, and take them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", nargs=2, type=Path, metavar="DIR", dest="reports")
    given = parser.parse_args().reports
    if (missing := why_not()) is not None:
        parser.error(missing)
    with tempfile.TemporaryDirectory() as folder:
        reports = given or [Path(folder, name, "crashtest-report") for name in ("failing", "passing")]
        for report, options, code in zip(reports, (FAILING, PASSING), (1, 0), strict=True):
            if given is None:
                done = lab("certify", *options, "--report-dir", report)
                assert done.code == code, done.err
        for picture in take(reports[0], reports[1], PICTURES):
            size = picture.stat().st_size
            assert size < _MOST_BYTES, f"{picture} has {size} bytes"
            print(f"{picture.relative_to(ROOT)}: {size} bytes")


if __name__ == "__main__":
    main()
