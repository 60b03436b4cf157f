"""The reports of a session that other programs read: JUnit, SARIF, and the badge beside the certificate."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mcp_crashtest.files.atomic import write_atomically
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.secrets import without_secrets
from mcp_crashtest.reporting.badge import Badge, badge
from mcp_crashtest.reporting.junit import junit
from mcp_crashtest.reporting.sarif import sarif

REPORTS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "junit": junit,
    "sarif": lambda certificate: json.dumps(sarif(certificate), indent=2) + "\n",
}
"""Each report by its option's name: the text of its file, from a certificate."""


def write(wanted: Mapping[str, Path], bundle: Bundle, certificate: Mapping[str, Any]) -> list[str]:
    """Write each report to its file, and the badge; says what could not be written."""
    failed = []
    certificate = without_secrets(certificate)
    for name, path in wanted.items():
        try:
            write_atomically(path, REPORTS[name](certificate))
        except OSError as error:
            failed.append(f"the report --{name} {path} could not be written: {error}")
    try:
        bundle.save_badge(*badge_files(badge(certificate)))
    except OSError as error:
        failed.append(f"the badge could not be written: {error}")
    return failed


def badge_files(made: Badge) -> tuple[str, str]:
    """The texts of a badge's files: SVG, and JSON for an endpoint."""
    return made.svg(), json.dumps(made.endpoint(), indent=2) + "\n"
