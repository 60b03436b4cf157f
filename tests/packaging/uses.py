"""What a user does with an installed wheel, in a folder that has nothing to do with us; raises Failed."""

from __future__ import annotations

from tests.packaging.checkout import ROOT
from tests.packaging.environment import Environment
from tests.packaging.neighbour import settle

PLAIN = ROOT / "tests" / "packaging" / "plain.toml"
_DURABLE = ROOT / "scenarios" / "profiles" / "reference-durable.toml"
_SCENARIOS = ("--pyargs", "mcp_crashtest.scenarios")
_USAGE_ERROR, _USAGE_ERROR_OF_PYTEST = 2, 4
_ADVICE = ("pip install 'mcp-crashtest[reference]'", "--profile")


def without_the_extra(environment: Environment) -> str:
    """The lab alone answers, refuses to try a server that is not there, and certifies one that needs no package."""
    expect = environment.expect
    expect(0, "mcp-crashtest", "--help", says=("certify",))
    expect(0, "mcp-crashtest", "list", says=("undisturbed",))
    expect(0, "mcp-crashtest", "explain", "records.lost", says=("must hold",))
    expect(_USAGE_ERROR, "mcp-crashtest", "certify", says=_ADVICE)
    expect(_USAGE_ERROR, "mcp-crashtest-client", "--help", says=_ADVICE[:1])
    expect(_USAGE_ERROR_OF_PYTEST, "pytest", *_SCENARIOS, says=_ADVICE)
    some = ("--scenario", "undisturbed", "--scenario", "server-killed-everywhere")
    return expect(0, "mcp-crashtest", "certify", "--quick", *some, "--profile", PLAIN, says=("PASS: plain",))


def with_the_extra(environment: Environment, *depth: str) -> str:
    """The reference server is certified; and it is tried where a project has folders with our names."""
    stars = "★" if "--quick" in depth else "★★"
    said = environment.expect(
        0, "mcp-crashtest", "certify", *depth, says=("PASS: reference-durable", f"earned {stars}")
    )
    settle(environment.folder)
    environment.expect(0, "python", "-m", "pytest", "-q", says=("2 passed",))
    chosen = ("--crashtest-quick", "--crashtest-scenario=undisturbed", f"--crashtest-profile={_DURABLE}")
    environment.expect(0, "pytest", *_SCENARIOS, *chosen, says=("1 passed",))
    return said
