"""Settings with a token for every role, and the headers that show them."""

from __future__ import annotations

import hashlib
from datetime import date

from controller.model.access import Role
from controller.model.configuration import ApiLimits, Settings, Token
from tests.api.serving import QUICK

EXPIRED = "expired"


def _token(name: str, role: Role, expires_at: date | None = None) -> Token:
    return Token.model_validate(
        {
            "name": name,
            "role": role,
            "sha256": hashlib.sha256(_secret(name).encode()).hexdigest(),
            # As in a file: the model parses a date from text.
            "expires_at": expires_at.isoformat() if expires_at else None,
        }
    )


def _secret(name: str) -> str:
    return f"secret-of-{name}"


GENEROUS = ApiLimits(writes_per_min=1e6, writes_burst=10**6, reads_per_s=1e6, reads_burst=10**6)


def guarded(limits: ApiLimits = GENEROUS) -> Settings:
    """Settings under which a token is needed: `viewer`, `operator`, `admin` and `expired`.

    The last has every right, and ended on the day on which the fakes' clock begins.
    """
    tokens = [_token(role.value, role) for role in Role]
    tokens.append(_token(EXPIRED, Role.ADMIN, date(2026, 6, 1)))
    api = QUICK.api.model_copy(update={"tokens": tuple(tokens), "limits": limits})
    return QUICK.model_copy(update={"api": api})


def bearer(name: str) -> dict[str, str]:
    """The header with which a caller says who it is; any other name has no token."""
    return {"Authorization": f"Bearer {_secret(name)}"}
