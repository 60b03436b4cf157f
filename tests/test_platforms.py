"""On macOS and Windows the lab says at once that it needs Linux, and how it runs there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import ROOT, environment

# Modules that those systems do not have are not there, and sys.platform is theirs.
ELSEWHERE = """
import sys
sys.platform = {platform!r}
sys.path.insert(0, {root!r})
for name in ("fcntl", "resource", "termios", "pwd"):
    sys.modules[name] = None
sys.argv = ["mcp-crashtest", "certify", "--profile", "my server.toml"]
from mcp_crashtest.entry import main
main()
"""


@pytest.mark.parametrize(("platform", "named"), [("darwin", "macOS"), ("win32", "Windows"), ("freebsd14", "freebsd14")])
def test_the_command_refuses_once_with_the_line_that_runs_it(tmp_path: Path, platform: str, named: str) -> None:
    program = ELSEWHERE.format(platform=platform, root=str(ROOT / "harness"))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert f"needs Linux (process groups, pidfd, /proc), and this is {named}" in done.stderr
    assert "docker run --rm -it -v" in done.stderr
    assert "mcp-crashtest certify --profile 'my server.toml'" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


UNDER_PYTEST = """
import sys
import pytest
from mcp_crashtest import plugin
plugin.sys = type("elsewhere", (), {"platform": "darwin"})
sys.exit(pytest.main(sys.argv[1:], plugins=[plugin]))
"""


@pytest.mark.parametrize(("asked", "code"), [("test_mine.py", 0), ("test_scenario.py", 4)])
def test_under_pytest_only_scenarios_are_refused(tmp_path: Path, asked: str, code: int) -> None:
    (tmp_path / "test_mine.py").write_text("def test_of_my_own():\n    pass\n")
    (tmp_path / "test_scenario.py").write_text(
        "import pytest\n\n\n@pytest.mark.crashtest(level=1)\ndef test_it(crashtest):\n    pass\n"
    )
    profile = ["--crashtest-profile", str(ROOT / "tests" / "small" / "small.toml")]
    words = [
        sys.executable,
        "-c",
        UNDER_PYTEST,
        "-p",
        "no:cacheprovider",
        "-p",
        "mcp_crashtest.plugin",
        *profile,
        asked,
    ]
    env = {**environment(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("docker run --rm -it" in done.stdout + done.stderr) is (code != 0)
