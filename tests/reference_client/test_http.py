"""Whose certificates the client believes: reading the system's takes longer than most of what is asked over http."""

from __future__ import annotations

import ssl

import pytest

from reference_client.http import trusted


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/mcp", "http://server.example:443/mcp"])
def test_where_no_certificate_will_be_seen_none_is_read_and_none_would_be_believed(url: str) -> None:
    context = trusted(url)
    assert isinstance(context, ssl.SSLContext)
    assert context.cert_store_stats()["x509_ca"] == 0
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("url", ["https://server.example/mcp", "https://server.example:8000/mcp"])
def test_over_https_the_system_is_asked(url: str) -> None:
    assert trusted(url) is True


@pytest.mark.parametrize("url", ["http://server.example/mcp", "http://server.example:80/mcp"])
def test_http_at_its_own_port_may_be_redirected_to_https(url: str) -> None:
    assert trusted(url) is True
