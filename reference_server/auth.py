"""Who may ask: bearer tokens from a file, for an embedded server, or signed ones (JWT), for a real one.

The subject of the token owns the tasks that it starts. The token itself is stored nowhere and never logged.
"""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

from fastmcp.server.auth.auth import AccessToken, AuthProvider, TokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier

from reference_server.errors import StartError

_FEWEST_LETTERS = 20
_READABLE_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class SignedTokens:
    """What a signed token must show: whose key has signed it, and for whom."""

    jwks_uri: str | None
    public_key: Path | None
    issuer: str
    audience: str


class TokenFile(TokenVerifier):
    """Tokens that were read from a file once; only their SHA-256 is kept."""

    def __init__(self, subjects: dict[bytes, str]) -> None:
        super().__init__()
        self._subjects = subjects

    async def verify_token(self, token: str) -> AccessToken | None:
        """Whose token it is; a look-up by digest takes as long for a near miss as for any other."""
        subject = self._subjects.get(_digest(token))
        if subject is None:
            return None
        return AccessToken(token=token, client_id=subject, subject=subject, scopes=[])


def read_tokens(path: Path) -> AuthProvider:
    """A file with a subject and its token on each line, with a blank between them; ``#`` begins a comment.

    Raises StartError when it cannot be read, is readable by others, or has a token that could be guessed.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"--tokens {path} cannot be read: {error}") from error
    if mode & _READABLE_BY_OTHERS:
        raise StartError(f"--tokens {path} can be read by others: chmod 600 {path}")
    subjects: dict[bytes, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) != 2:
            raise StartError(f"--tokens {path}, line {number}: expected a subject and its token")
        if len(words[1]) < _FEWEST_LETTERS:
            raise StartError(f"--tokens {path}, line {number}: a token has at least {_FEWEST_LETTERS} characters")
        if subjects.setdefault(_digest(words[1]), words[0]) != words[0]:
            raise StartError(f"--tokens {path}, line {number}: two subjects have the same token")
    if not subjects:
        raise StartError(f"--tokens {path} has no tokens")
    return TokenFile(subjects)


def signed_tokens(wanted: SignedTokens) -> AuthProvider:
    """Tokens that are signed (RFC 7519), with keys from a URL (RFC 7517) or a file; raises StartError."""
    key = None
    if wanted.public_key:
        try:
            key = wanted.public_key.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise StartError(f"--jwt-key {wanted.public_key} cannot be read: {error}") from error
    try:
        return JWTVerifier(jwks_uri=wanted.jwks_uri, public_key=key, issuer=wanted.issuer, audience=wanted.audience)
    except ValueError as error:
        raise StartError(f"signed tokens: {error}") from error


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", errors="surrogatepass")).digest()
