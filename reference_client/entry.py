"""Where the program starts: where the extra that it needs is absent, it says so in a sentence."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    try:
        from reference_client.cli import main as run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == __package__:
            raise
        from reference_client.errors import Exit

        print(
            f"the reference client needs what is not installed here ({error.name}): pip install "
            "'mcp-crashtest[reference]'",
            file=sys.stderr,
        )
        return Exit.USAGE
    return run(arguments)
