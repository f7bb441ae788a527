"""Mistakes in endpoints: name to text, position and path, message and hint."""

from __future__ import annotations

from tests.settings.minimal import replaced, with_line

PROBE = "http://192.0.2.1/healthz"
REGION = "services.shop.regions.eu-west-1"

ENDPOINT_MISTAKES = {
    "known-good reference targets by their earlier name": (
        with_line("canaries: [http://192.0.2.1/]"),
        "4:1 canaries",
        "unknown key canaries",
        "this file is of version 2, where it is reference_targets.known_good",
    ),
    "known-bad reference targets by their earlier name": (
        with_line("bad_canaries: [tcp://192.0.2.1:9]"),
        "4:1 bad_canaries",
        "unknown key bad_canaries",
        "this file is of version 2, where it is reference_targets.known_bad",
    ),
    "known-bad reference target without a port": (
        with_line("reference_targets: {known_bad: [tcp://192.0.2.1]}"),
        "4:33 reference_targets.known_bad[0]",
        "known_bad[0] must be an address to probe (a tcp probe is tcp://host:port, with nothing "
        "behind the port), not the text 'tcp://192.0.2.1'",
        "",
    ),
    "known-good reference target without a scheme": (
        with_line("reference_targets: {known_good: [http://192.0.2.9/, 192.0.2.2]}"),
        "4:53 reference_targets.known_good[1]",
        "known_good[1] must be an address to probe (a probe starts with http://, https:// or "
        "tcp://), not the text '192.0.2.2'",
        "",
    ),
    "tcp probe without a port": (
        replaced(PROBE, "tcp://192.0.2.1"),
        f"11:24 {REGION}.endpoints.web.probe",
        "probe must be an address to probe (a tcp probe is tcp://host:port, with nothing behind "
        "the port), not the text 'tcp://192.0.2.1'",
        "",
    ),
    "probe with an impossible port": (
        replaced(PROBE, "http://192.0.2.1:99999/"),
        f"11:24 {REGION}.endpoints.web.probe",
        "probe must be an address to probe (host and port cannot be read, as they can in "
        "http://[::1]:80/), not the text 'http://192.0.2.1:99999/'",
        "",
    ),
    "status that does not exist": (
        replaced(f'"{PROBE}"', f'"{PROBE}", statuses: [200, 99]'),
        f"11:68 {REGION}.endpoints.web.statuses[1]",
        "statuses[1] must be a status from 100 to 599, a class such as 2xx or a range such as "
        "200-204, not 99",
        "",
    ),
    "status range the wrong way round": (
        replaced(f'"{PROBE}"', f'"{PROBE}", statuses: [204-200]'),
        f"11:63 {REGION}.endpoints.web.statuses[0]",
        "statuses[0] must be a status from 100 to 599, a class such as 2xx or a range such as "
        "200-204, not the text '204-200'",
        "",
    ),
    "no status passes": (
        replaced(f'"{PROBE}"', f'"{PROBE}", statuses: []'),
        f"11:62 {REGION}.endpoints.web.statuses",
        "statuses must be a list with at least 1 entry, not an empty list",
        "",
    ),
    "secret instead of a reference": (
        replaced(f'"{PROBE}"', f'"{PROBE}", headers: {{Authorization: Bearer s3cret-canary}}'),
        f"11:77 {REGION}.endpoints.web.headers.Authorization",
        "Authorization must be where a secret is found, env:NAME or file:/path, never the secret",
        "",
    ),
    "secrets that are no mapping": (
        replaced(f'"{PROBE}"', f'"{PROBE}", headers: Bearer s3cret-canary'),
        f"11:61 {REGION}.endpoints.web.headers",
        "headers must be a mapping of keys",
        "",
    ),
    "reference to a relative path": (
        replaced(f'"{PROBE}"', f'"{PROBE}", headers: {{X-Key: "file:token"}}'),
        f"11:69 {REGION}.endpoints.web.headers.X-Key",
        "X-Key must be where a secret is found, env:NAME or file:/path, never the secret",
        "",
    ),
    "header that is none": (
        replaced(f'"{PROBE}"', f'"{PROBE}", headers: {{"X Key": "env:KEY"}}'),
        f"11:62 {REGION}.endpoints.web.headers.X Key",
        "X Key must be an HTTP header's name such as Authorization",
        "",
    ),
    "host with a port": (
        replaced(f'"{PROBE}"', f'"{PROBE}", host: app.example.com:443'),
        f"11:58 {REGION}.endpoints.web.host",
        "host must be a host name without scheme and port (app.example.com:443 is no host name: "
        "letters, digits, - and _ only), not the text 'app.example.com:443'",
        "",
    ),
    "relative path of authorities": (
        replaced(f'"{PROBE}"', '"https://192.0.2.1/", ca_file: ca.pem'),
        f"11:55 {REGION}.endpoints.web.ca_file",
        "ca_file must be an absolute path such as /etc/gtc/ca.pem, not the text 'ca.pem'",
        "",
    ),
    "password in an address": (
        replaced(PROBE, "http://user:s3cret-canary@192.0.2.1/"),
        f"11:24 {REGION}.endpoints.web.probe",
        "probe must be an address without user name and password; `headers` carries them",
        "",
    ),
}
