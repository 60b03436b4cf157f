"""Where the extra is not installed the client says so in a sentence."""

from __future__ import annotations

import subprocess
import sys

from tests.lab import ROOT, environment

WITHOUT = "import sys; sys.modules.update(fastmcp=None, mcp=None, httpx=None)"
HELP = "from reference_client.entry import main; sys.exit(main(['--help']))"


def test_without_the_extra_help_is_a_sentence_that_says_what_to_install() -> None:
    command = [sys.executable, "-c", f"{WITHOUT}; {HELP}"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "pip install 'mcp-crashtest[reference]'" in done.stderr
    assert "Traceback" not in done.stderr
