"""The bearer token: from a variable or a file, never from the command line, never into a file of ours."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from reference_client.errors import UsageError

_LONGEST_TOKEN = 10_000


def token_of(options: argparse.Namespace) -> Callable[[], str | None]:
    """What gives the bearer token: a file, asked at each connection, or a variable; raises UsageError."""

    def token() -> str | None:
        if options.token_file is None:
            return _clean(os.environ.get(options.token_env), f"the variable {options.token_env}")
        try:
            text = options.token_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--token-file {options.token_file}: {error}") from None
        return _clean(text, f"--token-file {options.token_file}")

    return token


def _clean(text: str | None, where: str) -> str | None:
    token = (text or "").strip()
    if len(token) > _LONGEST_TOKEN or not all("!" <= character <= "~" for character in token):
        raise UsageError(f"{where} does not hold a bearer token: one line of visible ASCII is expected")
    return token or None
