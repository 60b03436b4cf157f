"""The collector: a session's events come together here, whether they happened in this process or in a worker's.

What happens in this process is heard at once. A worker of xdist has no listeners: what it would have told them travels
with the report of each test, and is told here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mcp_crashtest.model import events
from mcp_crashtest.model.events import Event, Listener, SessionEnded
from mcp_crashtest.model.secrets import masked
from mcp_crashtest.reporting.certificate import CERTIFICATE_FORMAT, summary_lines
from mcp_crashtest.reporting.tally import Tally
from mcp_crashtest.sessions.catalogue import standard

if TYPE_CHECKING:
    from mcp_crashtest.files.bundle import Bundle

TALLY = pytest.StashKey[Tally]()
LISTENERS = pytest.StashKey[list[Listener]]()
UNWRITTEN = pytest.StashKey[list[str]]()
_SENT = pytest.StashKey[list[Event]]()
_REFUSAL = "crashtest-refusal"
_PROPERTY = f"crashtest-{CERTIFICATE_FORMAT}"


def is_worker(config: pytest.Config) -> bool:
    """Whether this is a worker process of xdist."""
    return hasattr(config, "workerinput")


def tell(item: pytest.Item, event: Event) -> None:
    """Tell this process's listeners, or, in a worker, keep it for those of the controller."""
    if is_worker(item.config):
        item.stash.setdefault(_SENT, []).append(event)
    else:
        _tell_all(item.config, event)


def _tell_all(config: pytest.Config, event: Event) -> None:
    for listener in config.stash[LISTENERS]:
        listener(event)


def send_along(item: pytest.Item, report: pytest.TestReport, last: Event) -> None:
    """Have a report carry what the controller has not heard yet, and a last event."""
    sent = [*item.stash.get(_SENT, []), last]
    item.stash[_SENT] = []
    # As text, so that it comes through from a worker.
    report.user_properties.append((_PROPERTY, json.dumps([events.to_json(event) for event in sent])))


def refuse(config: pytest.Config, items: list[pytest.Item], reason: str) -> None:
    """Refuse to play: raises pytest.UsageError; a worker cannot, plays nothing, and leaves it to the controller."""
    if not is_worker(config):
        raise pytest.UsageError(reason)
    items.clear()
    config.workeroutput[_REFUSAL] = reason  # type: ignore[attr-defined]


def _is_stale(certificate: Mapping[str, Any]) -> bool:
    """Whether a baseline expects what is not there any more: no test of its own fails for that."""
    return bool((certificate.get("baseline") or {}).get("stale"))


class Collector:
    """Tells the listeners what reports carry, and at the end what it all came to."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.tally = config.stash[TALLY]
        self.refusal: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test is over."""
        for name, value in report.user_properties:
            if name == _PROPERTY and isinstance(value, str):
                for data in json.loads(value):
                    _tell_all(self.config, events.from_json(data))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of xdist has ended: whether it has refused to play."""
        self.refusal = self.refusal or getattr(node, "workeroutput", {}).get(_REFUSAL)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the certificate, where there was anything to certify, once nobody writes any evidence."""
        if self.refusal:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        from mcp_crashtest.files.bundle import Bundle
        from mcp_crashtest.sessions import reports
        from mcp_crashtest.sessions.options import report_dir_of, reports_of

        if self.tally.scenarios:
            self.tally.finished = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
            certificate, bundle = self.tally.certificate(standard()), Bundle(report_dir_of(self.config))
            unwritten = self.config.stash.setdefault(UNWRITTEN, [])
            try:
                self.tally.evidence = certificate["evidence"] = bundle.save_certificate(certificate)
            except OSError as error:
                unwritten.append(f"the certificate could not be written: {error}")
            else:
                self._draw(bundle)
            unwritten += reports.write(reports_of(self.config), bundle, bundle.certificate() or certificate)
            if session.exitstatus == pytest.ExitCode.OK and (unwritten or _is_stale(certificate)):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            _tell_all(self.config, SessionEnded(certificate))

    def _draw(self, bundle: Bundle) -> None:
        """Write the report page. What the session came to stands without it."""
        from mcp_crashtest.page.report import write_page

        other = self.config.getoption("--crashtest-compare")
        try:
            write_page(bundle, Path(other) if other else None)
        except Exception as error:
            self.tally.unsaved = f"the report page could not be drawn: {masked(str(error))}"

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what the session came to, and where the evidence lies."""
        if self.refusal:
            terminalreporter.line(f"ERROR: {self.refusal}", red=True)
        if not self.tally.scenarios:
            return
        terminalreporter.section("mcp-crashtest")
        for line in summary_lines(self.tally.certificate(standard())):
            terminalreporter.line(line)
        for said in self.config.stash.get(UNWRITTEN, ()):
            terminalreporter.line(f"ERROR: {said}", red=True)
        if self.tally.unsaved:
            terminalreporter.line(f"ERROR: {self.tally.unsaved}", red=True)
        terminalreporter.line(f"evidence: {self.config.getoption('--crashtest-report')}")
