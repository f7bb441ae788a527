"""Host names in the forms that DNS, TLS and HTTP want.

DNS asks for A-labels, and a final dot means that no search domain is tried (RFC 1034, 3.1). TLS's
server name has no final dot (RFC 6066, 3), nor has a certificate's; HTTP's Host neither, as
browsers and curl send it. Other scripts than ASCII are mapped as browsers do (UTS 46).
"""

from __future__ import annotations

import re
from ipaddress import ip_address

import idna

_LONGEST_NAME, _LONGEST_LABEL = 253, 63
_LABEL = re.compile(r"[A-Za-z0-9_-]+")


def dns_name(host: str) -> str:
    """The host as DNS writes it: A-labels in lower case, a final dot kept; an IP address as it is.

    Raises ValueError, whose text is the reason.
    """
    if is_address(host):
        return host
    absolute, bare = host.endswith("."), host.removesuffix(".")
    if not bare.isascii():
        try:
            bare = idna.encode(bare, uts46=True).decode()
        except idna.IDNAError as error:
            raise ValueError(f"{host} is no host name: {error}") from error
    for label in bare.split("."):
        _check_label(label, host)
    if len(bare) > _LONGEST_NAME:
        raise ValueError(f"a host name has at most {_LONGEST_NAME} characters, this {len(bare)}")
    return bare.lower() + "." * absolute


def server_name(host: str) -> str:
    """The same for TLS and HTTP, without a final dot. Raises ValueError."""
    return dns_name(host).removesuffix(".")


def is_address(host: str) -> bool:
    """Whether it is an IP address, without brackets."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _check_label(label: str, host: str) -> None:
    if not label:
        raise ValueError(f"{host} has an empty part between two dots")
    if len(label) > _LONGEST_LABEL:
        raise ValueError(
            f"a part of a host name has at most {_LONGEST_LABEL} characters, "
            f"{label[:12]}… has {len(label)}"
        )
    if _LABEL.fullmatch(label) is None:
        raise ValueError(f"{host} is no host name: letters, digits, - and _ only")
