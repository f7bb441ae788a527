"""Who calls: a bearer token (RFC 6750) is looked up by its hash; secrets are never kept.

Without any configured token the daemon listens to this machine only, and whoever calls is `local`
with every right.
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


def identify(request: web.Request, api: ApiSettings, now: datetime) -> Principal:
    """Who calls; ANYBODY without a token where tokens are configured.

    Raises ProblemError for a token that nobody has, or no longer.
    """
    if not api.tokens:
        return LOCAL_ADMIN
    credentials = request.headers.get("Authorization")
    if credentials is None:
        return ANONYMOUS
    if not credentials.lower().startswith(_SCHEME):
        raise _wrong("the Authorization header is not `Bearer` and a token")
    token = _owner(credentials[len(_SCHEME) :].strip(), api.tokens)
    if token is None:
        raise _wrong("nobody has this token")
    if token.expires_at is not None and now.date() >= token.expires_at:
        raise _wrong(f"the token of {token.name} expired on {token.expires_at.isoformat()}")
    return Principal(token.name, token.role)


def require(principal: Principal, needed: Role | None, what: str) -> None:
    """Raise ProblemError unless the caller's role covers the needed one."""
    if principal.may(needed):
        return
    assert needed is not None, "anybody may do what is public"
    if principal.role is None:
        detail = f"{what} takes a token of role {needed}: send `Authorization: Bearer TOKEN`"
        raise ProblemError(401, detail, headers={"WWW-Authenticate": 'Bearer realm="gtc"'})
    challenge = f'Bearer realm="gtc", error="insufficient_scope", scope="{needed}"'
    raise ProblemError(
        403,
        f"{what} takes the role {needed}; {principal.name} is {principal.role}",
        headers={"WWW-Authenticate": challenge},
    )


def signed(principal: Principal, author: str | None) -> str:
    """Who did it: the caller, and whom the caller names, as `ann (ci)`."""
    if author is None or author == principal.name:
        return principal.name
    return f"{author} ({principal.name})"


def _owner(secret: str, tokens: tuple[Token, ...]) -> Token | None:
    """Every token is compared, so that the time tells nothing of which one fits."""
    digest = hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
    found = None
    for token in tokens:
        if hmac.compare_digest(token.sha256, digest):
            found = token
    return found


def _wrong(detail: str) -> ProblemError:
    challenge = 'Bearer realm="gtc", error="invalid_token"'
    return ProblemError(401, detail, headers={"WWW-Authenticate": challenge})
