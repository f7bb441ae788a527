"""The environment variables by which a process finds the emulated AWS, and cannot find a real one.

The variables are botocore's (SDK reference guide, *Environment variables*): an endpoint for every
service, dummy credentials, no metadata service, no shared files. Proxies and certificate files,
which the SDK's HTTP client obeys as well, would lead requests away from this machine.
"""

from __future__ import annotations

from collections.abc import Mapping

_OUTWARD = frozenset(
    {
        "ALL_PROXY",
        "BOTO_CONFIG",
        "CURL_CA_BUNDLE",
        "FTP_PROXY",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "REQUESTS_CA_BUNDLE",
        "SSLKEYLOGFILE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "WSS_PROXY",
        "WS_PROXY",
    }
)
"""Other variables that clients of AWS obey, in capitals: proxies (urllib's `getproxies`), the SDK's
older configuration file, and where certificates and TLS keys are kept (OpenSSL, requests)."""


def without_aws(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without any variable that leads a client of AWS elsewhere."""
    return {
        key: value
        for key, value in environ.items()
        if not key.startswith("AWS_") and key.upper() not in _OUTWARD
    }


def sandbox_variables(aws_url: str) -> dict[str, str]:
    """The variables that make any AWS SDK or CLI call the emulated AWS at `aws_url`."""
    return {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


def name_server_variables(dns: str) -> dict[str, str]:
    """The variables that make the daemon query the emulated name server at `dns` (host:port)."""
    return {"GTC__ANSWERS__NAME_SERVERS": f"[{dns}]"}


def as_shell(variables: Mapping[str, str]) -> str:
    """The text of a file for `. file` in a shell: it unsets all AWS variables, then sets these.

    The shell keeps its proxies for everything but loopback. Values must not need quotes.
    """
    forget = r"for name in $(env | sed -n 's/^\(AWS_[A-Z0-9_]*\)=.*/\1/p'); do unset $name; done"
    exports = [f"export {key}={value}" for key, value in variables.items()]
    return "\n".join([forget, *exports, *_NO_PROXY_FOR_LOOPBACK, ""])


_NO_PROXY_FOR_LOOPBACK = (
    'export NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}"',
    'export no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"',
)
