"""What makes two findings the same one: the subject, the scenario and the invariant that is broken.

What a run is called, its times and its ids differ from session to session, and its plan with the seed; none of them is
in a fingerprint. So it is as coarse as a person's "that again", and two flaws that break one invariant in one scenario
have the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_DIGITS = 16


def fingerprint(profile: str, scenario: str, invariant: str) -> str:
    """Sixteen hexadecimal digits, the same in each session, on every machine and in every version."""
    return hashlib.sha256(json.dumps([profile, scenario, invariant]).encode()).hexdigest()[:_DIGITS]


def of_finding(finding: Mapping[str, Any]) -> str:
    """The fingerprint of a finding of a certificate."""
    return fingerprint(finding["profile"], finding["scenario"], finding["invariant"])
