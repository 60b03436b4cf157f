"""The log on standard error: lines for people, or one JSON object a line. What a client did wrong is no error here."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings

from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

from reference_server.plain_text import plain

FORMATS = ("text", "json")
_MINUTE_S = 60.0
_A_MINUTE = 20


class Lines(logging.Formatter):
    """A line for people. What a client has sent may be in it: it begins no line, and moves no cursor."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and below it the traceback where there is one, indented."""
        lines = [plain(f"{record.levelname} {record.name}: {record.getMessage()}")]
        if record.exc_info:
            lines += [f"  {plain(line)}" for line in self.formatException(record.exc_info).splitlines()]
        return "\n".join(lines)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line).replace("\x7f", "\\u007f")


class Seldom:
    """A logger for what anybody can bring about at will: a line a minute, which says for how many it stands."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._next_at = 0.0
        self._untold = 0

    def warning(self, message: str) -> None:
        """Say it, unless it was said less than a minute ago."""
        now = time.monotonic()
        if now < self._next_at:
            self._untold += 1
            return
        more = f" ({self._untold} times more since the last line)" if self._untold else ""
        self._next_at, self._untold = now + _MINUTE_S, 0
        self._logger.warning("%s%s", message, more)


class Measured(logging.Filter):
    """Lets no place in a program say more than so many lines a minute: a client may be the cause of each of them."""

    def __init__(self) -> None:
        super().__init__()
        self._begun_at = time.monotonic()
        self._said: dict[tuple[str, int], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged; the last one in a minute says that the others are not."""
        if record.levelno < logging.WARNING:
            return True
        now = time.monotonic()
        if now - self._begun_at > _MINUTE_S:
            self._begun_at, self._said = now, {}
        place = (record.pathname, record.lineno)
        said = self._said[place] = self._said.get(place, 0) + 1
        if said == _A_MINUTE:
            record.msg, record.args = f"{record.getMessage()} (for a minute no more of these are logged)", None
        return said <= _A_MINUTE


def refusals_are_answers(record: logging.LogRecord) -> bool:
    """False for what was refused: the client has been told, and the log need not be.

    FastMCP logs a tool's own error without a traceback, and one that is nobody's answer with it.
    """
    error = record.exc_info[1] if record.exc_info else None
    if record.name == "fastmcp.server.server" and not record.exc_info:
        return False
    return not isinstance(error, MCPError | ToolError)


def set_up(level: str, form: str) -> None:
    """Log to standard error, and nothing anywhere else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else Lines())
    handler.addFilter(refusals_are_answers)
    handler.addFilter(Measured())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("fastmcp", "mcp"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(max(logging.getLogger().level, logging.WARNING))
    warnings.filterwarnings("ignore", category=MCPDeprecationWarning)  # progress and logs of the handshake era
