"""A badge: what was tested and what came of it, in a few words, as SVG and as JSON for an endpoint of shields. Pure.

It promises no more than the certificate: stars that were earned, and how many faults landed. Whoever fails has a badge
that says so. The evidence's digest, where the certificate has one, goes into the SVG; an endpoint knows no such key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.standing import Standing
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.reporting.certificate import verdict
from mcp_crashtest.reporting.expectations import broken_in
from mcp_crashtest.reporting.stars import applying

_LABEL = "crash-tested"
_GREEN, _YELLOWGREEN, _RED, _YELLOW, _GREY = "#2f7d32", "#5f7314", "#b42318", "#8a5a00", "#5a6068"
_LABEL_COLOUR = "#3b4148"
_CHARACTER_PX, _PADDING_PX, _HEIGHT_PX = 6.7, 6, 20
_NUMBERS = {0: "no star", 1: "1 star"}
_LOOKED_AT, _QUICK, _FITTED = "look", "quick", "fitted"


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says; ``digest`` is the evidence's, or empty."""

    message: str
    colour: str
    digest: str = ""

    def endpoint(self) -> dict[str, Any]:
        """What an endpoint of shields is to answer."""
        return {"schemaVersion": 1, "label": _LABEL, "message": self.message, "color": self.colour}

    def svg(self) -> str:
        """The badge as a picture of one line, with its text for who does not see it."""
        left, right = (round(len(text) * _CHARACTER_PX + 2 * _PADDING_PX) for text in (_LABEL, self.message))
        said = f"{_LABEL}: {self.message}"
        about = f"<desc>evidence sha256:{escape(self.digest)}</desc>" if self.digest else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT_PX}" role="img" '
            f"aria-label={quoteattr(said)}><title>{escape(said)}</title>{about}"
            f'<clipPath id="r"><rect width="{left + right}" height="{_HEIGHT_PX}" rx="3"/></clipPath>'
            f'<g clip-path="url(#r)"><rect width="{left}" height="{_HEIGHT_PX}" fill="{_LABEL_COLOUR}"/>'
            f'<rect x="{left}" width="{right}" height="{_HEIGHT_PX}" fill="{self.colour}"/></g>'
            f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
            f"{_text(_LABEL, left / 2, left)}{_text(self.message, left + right / 2, right)}</g></svg>\n"
        )


def _text(text: str, middle: float, width: int) -> str:
    length = width - 2 * _PADDING_PX
    return f'<text x="{middle:g}" y="14" textLength="{length}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'


def badge(certificate: Mapping[str, Any], subject: str | None = None) -> Badge:
    """The badge of one subject, or of all together, which is that of the least; raises UsageError.

    Subjects that were only looked at beside others speak for themselves alone.
    """
    subjects = certificate["subject"]
    if subject is not None and subject not in subjects:
        raise UsageError(f"there is no subject {subject!r} in this certificate; it has {', '.join(subjects)}")
    thorough = [name for name, said in subjects.items() if said.get("budget") != _LOOKED_AT]
    names = [subject] if subject is not None else thorough or list(subjects)
    scenarios = [s for s in applying(certificate["scenarios"]) if s["profile"] in names]
    message, colour = _said(names, scenarios, certificate)
    return Badge(message, colour, digest_of(certificate))


def digest_of(certificate: Mapping[str, Any]) -> str:
    """The digest of all evidence, where the certificate names one."""
    evidence = certificate.get("evidence")
    return str(evidence.get("digest") or "") if isinstance(evidence, Mapping) else ""


def _said(
    names: Sequence[str], scenarios: Sequence[Mapping[str, Any]], certificate: Mapping[str, Any]
) -> tuple[str, str]:
    faults = sum(s["faults_confirmed"] for s in scenarios)
    landed = "1 fault" if faults == 1 else f"{faults} faults"
    earned = min((one["earned"] for one in certificate["stars"] if one["profile"] in names), default=0)
    budgets = {str(certificate["subject"][name].get("budget")) for name in names}
    match verdict(scenarios, finished=certificate["finished"] is not False):
        case Verdict.FAIL:
            broken = len({one.invariant for s in scenarios for one in broken_in(s)})
            return f"fails, {broken} {'invariant' if broken == 1 else 'invariants'} broken, {landed}", _RED
        case Verdict.INVALID:
            return ("cut short" if certificate["finished"] is False else "not proven"), _YELLOW
        case Verdict.SKIP:
            return str(Standing.NOT_ASSESSED), _GREY
    stars = _NUMBERS.get(earned, f"{earned} stars")
    look = "first look, " if budgets & {_QUICK, _LOOKED_AT} else "shortened, " if _FITTED in budgets else ""
    return f"{look}{stars}, {landed}", _GREEN if earned > 1 else _YELLOWGREEN if earned else _GREY
