"""``mcp-crashtest show``: the report page in a browser. One is opened from the disk; several are served as a list.

The server listens on this machine alone, answers to its own name alone, and gives out nothing but the pages.
"""

from __future__ import annotations

import argparse
import html
import sys
import threading
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from mcp_crashtest.commands.exit_codes import ExitCode
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.errors import CrashtestError, UsageError
from mcp_crashtest.page.report import write_page
from mcp_crashtest.telling.words import clean

_LOOPBACK = "127.0.0.1"
_NAMES = frozenset({_LOOPBACK, "localhost"})


def show(options: argparse.Namespace) -> int:
    """Open one report; serve several until Ctrl-C. Raises UsageError where there is none."""
    found = list(reports(map(Path, options.folders)))
    if not found:
        raise UsageError(
            f"there is no report in {', '.join(map(str, options.folders))}: give a report directory, as certify's "
            f"--report-dir has named it"
        )
    for bundle in found:
        if not bundle.page.exists():
            write_page(bundle)
    if len(found) == 1 and not options.port:
        return _open(found[0].page.resolve().as_uri(), options)
    return _serve(found, options)


def reports(folders: Iterator[Path] | Sequence[Path]) -> Iterator[Bundle]:
    """The reports that these folders are, or hold; the sessions before of each come behind it."""
    for folder in folders:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
        for place in [folder] if Bundle(folder).is_ours else inside:
            if not Bundle(place).is_ours:
                continue
            for bundle in (Bundle(place), *Bundle(place).sessions_before()):
                if bundle.certificate() is not None:
                    yield bundle


def _open(address: str, options: argparse.Namespace) -> int:
    print(address)
    if not options.no_browser and not webbrowser.open(address):
        print("no browser could be opened: open that address yourself", file=sys.stderr)
    return ExitCode.CERTIFIED


def _serve(found: Sequence[Bundle], options: argparse.Namespace) -> int:
    pages = {"/": listing(found).encode()}
    handler = type("_Pages", (_Handler,), {"pages": pages, "bundles": found})
    try:
        server = ThreadingHTTPServer((_LOOPBACK, options.port), handler)
    except OSError as error:
        raise UsageError(f"port {options.port} cannot be had: {error}; give another one to --port") from error
    options.endings.gently()
    with server:
        address = f"http://{_LOOPBACK}:{server.server_address[1]}/"
        print(f"{address}  ({len(found)} reports; Ctrl-C ends it)", flush=True)
        if not options.no_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return ExitCode.CERTIFIED
    return ExitCode.CERTIFIED


class _Handler(BaseHTTPRequestHandler):
    """Gives out the list and the pages, to whoever asks by this machine's own name."""

    pages: ClassVar[Mapping[str, bytes]] = {}
    bundles: ClassVar[Sequence[Bundle]] = ()

    def do_GET(self) -> None:
        """Answer with a page, or with nothing."""
        host = (self.headers.get("Host") or "").partition(":")[0]
        body = self._body() if host in _NAMES else None
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def _body(self) -> bytes | None:
        if (known := self.pages.get(self.path)) is not None:
            return known
        number = self.path.strip("/")
        if number.isdecimal() and len(number) < 6 and 0 < int(number) <= len(self.bundles):
            try:
                return self.bundles[int(number) - 1].page.read_bytes()
            except OSError:
                return None
        return None

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def listing(found: Sequence[Bundle]) -> str:
    """The list of several reports, as a page that holds no script."""
    rows = "".join(_row(number, bundle) for number, bundle in enumerate(found, start=1))
    return _LIST.replace("ROWS", rows)


def _row(number: int, bundle: Bundle) -> str:
    try:
        certificate = bundle.certificate() or {}
    except CrashtestError:
        certificate = {}
    verdict = str(certificate.get("verdict", "?"))
    ended = str((certificate.get("times") or {}).get("ended", "")).replace("T", " ")[:16]
    faults = (certificate.get("faults") or {}).get("confirmed", 0)
    cells = (ended, clean(certificate.get("profile", ""), 200), "\N{BLACK STAR}" * int(certificate.get("level") or 0),
             str(faults), str(len(certificate.get("findings") or ())), str(bundle.folder))  # fmt: skip
    told = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row"><a href="/{number}">{html.escape(verdict)}</a></th>{told}</tr>'


_LIST = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Crash-test reports</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>body{font:15px/1.55 system-ui,sans-serif;margin:40px;max-width:1100px}table{border-collapse:collapse}
th,td{text-align:left;padding:8px 24px 8px 0;border-bottom:1px solid #8886}a{color:light-dark(#1d5fa8,#7fb5f2)}</style>
</head><body><main><h1>Crash-test reports</h1><table><thead><tr>
<th scope="col">Verdict</th><th scope="col">Ended, UTC</th>
<th scope="col">Subject</th><th scope="col">Stars</th><th scope="col">Faults</th><th scope="col">Violations</th>
<th scope="col">Where</th></tr></thead><tbody>ROWS</tbody></table></main></body></html>
"""
