"""What this machine lacks is said with the package that has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.service_spec import ServiceKind
from mcp_crashtest.subjects import products


@pytest.mark.parametrize(
    ("kind", "package"), [(ServiceKind.REDIS, "redis-server"), (ServiceKind.POSTGRES, "postgresql")]
)
def test_a_program_that_is_missing_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: ServiceKind, package: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(products, "_POSTGRES_BINARIES", str(tmp_path))
    with pytest.raises(SubjectError, match=f"apt-get install {package}$"):
        products.PRODUCTS[kind].words(1, tmp_path)
