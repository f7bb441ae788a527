"""Authentication by bearer token (RFC 6750), and authorization by role.

Only hashes of tokens are configured. Without any configured token the daemon listens on loopback
only, and every caller is `local` with the role admin.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from aiohttp import web

from controller.api.http.problems import ProblemError
from controller.model.access import ANONYMOUS, LOCAL_ADMIN, Principal, Role
from controller.model.configuration import ApiSettings, Token

_SCHEME = "bearer "
_INVALID_TOKEN = {"WWW-Authenticate": 'Bearer realm="gtc", error="invalid_token"'}


class ExpiredTokenError(ProblemError):
    """A 401 for a caller who is known, but whose token has expired."""


def authenticate(request: web.Request, api: ApiSettings, now: datetime) -> Principal:
    """The caller; anonymous without an Authorization header where tokens are configured.

    Raises ProblemError 401 for a token that is unknown or has expired.
    """
    if not api.tokens:
        return LOCAL_ADMIN
    credentials = request.headers.get("Authorization")
    if credentials is None:
        return ANONYMOUS
    if not credentials.lower().startswith(_SCHEME):
        raise _invalid_token("the Authorization header is not `Bearer` and a token")
    token = _token_of(credentials[len(_SCHEME) :].strip(), api.tokens)
    if token is None:
        raise _invalid_token("nobody has this token")
    if token.expires_at is not None and now.date() >= token.expires_at:
        expired_on = token.expires_at.isoformat()
        detail = f"the token of {token.name} expired on {expired_on}"
        raise ExpiredTokenError(401, detail, headers=_INVALID_TOKEN)
    return Principal(token.name, token.role)


def authorize(principal: Principal, needed: Role | None, action: str) -> None:
    """Raise ProblemError unless the caller's role covers the needed one.

    401 for a caller without a token, 403 for one whose role is too low. `action` is named in the
    error.
    """
    if principal.may(needed):
        return
    assert needed is not None, "every caller may do what is public"
    if principal.role is None:
        detail = f"{action} takes a token of role {needed}: send `Authorization: Bearer TOKEN`"
        raise ProblemError(401, detail, headers={"WWW-Authenticate": 'Bearer realm="gtc"'})
    challenge = f'Bearer realm="gtc", error="insufficient_scope", scope="{needed}"'
    raise ProblemError(
        403,
        f"{action} takes the role {needed}; {principal.name} is {principal.role}",
        headers={"WWW-Authenticate": challenge},
    )


def actor_name(principal: Principal, author: str | None) -> str:
    """The actor for records and audit: the caller, with the author it names as `ann (ci)`."""
    if author is None or author == principal.name:
        return principal.name
    return f"{author} ({principal.name})"


def _token_of(secret: str, tokens: tuple[Token, ...]) -> Token | None:
    """The token with this secret.

    Compares with every token, each in constant time: the duration must not show which one matches.
    """
    digest = hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
    found = None
    for token in tokens:
        if hmac.compare_digest(token.sha256, digest):
            found = token
    return found


def _invalid_token(detail: str) -> ProblemError:
    return ProblemError(401, detail, headers=_INVALID_TOKEN)
