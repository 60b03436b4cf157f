"""Standard output and error that no reader can break: a closed pipe is not the verdict's business, nor is an encoding.

What cannot be encoded is shown plainly: stars as asterisks, and anything else as a question mark.
"""

from __future__ import annotations

import codecs
import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_PLAINLY = "mcp-crashtest.plainly"
_PLAIN = {
    "\N{BLACK STAR}": "*",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
    "\N{BOX DRAWINGS HEAVY HORIZONTAL}": "-",
    "\N{BOX DRAWINGS LIGHT VERTICAL}": "|",
}
_GONE = (errno.EPIPE, errno.EIO)


class _Steadfast(io.FileIO):
    """A descriptor that goes on taking what nobody reads any more."""

    def write(self, data: object) -> int:
        """Write, or pretend to where the reader is gone."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            if error.errno not in _GONE:
                raise
            return memoryview(data).nbytes  # type: ignore[arg-type]


def plainly(error: UnicodeError) -> tuple[str, int]:
    """What stands for what cannot be encoded: an error handler of codecs."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


@contextmanager
def steadfast() -> Iterator[None]:
    """For as long as it is open, neither a closed pipe nor an encoding ends the program."""
    codecs.register_error(_PLAINLY, plainly)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _steadfast(sys.stdout), _steadfast(sys.stderr)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def _steadfast(stream: TextIO | None) -> TextIO:
    if stream is None:  # the descriptor is closed
        return io.StringIO()
    try:
        descriptor = stream.fileno()
        stream.flush()
    except OSError:
        return stream
    raw = _Steadfast(descriptor, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=_PLAINLY,
        line_buffering=stream.line_buffering if isinstance(stream, io.TextIOWrapper) else False,
        write_through=stream is sys.stderr,
    )
