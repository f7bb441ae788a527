"""Mistakes in a configuration: name to text, position and path, message and hint."""

from __future__ import annotations

from tests.settings.minimal import MINIMAL, replaced, with_line, with_replacements

CAPACITY = "capacity_rps: 300"
DEMAND = "demand_rps: 100"
REGION = "services.shop.regions.eu-west-1"
POOLS = "services.shop.pools"
ROUTE53 = "services.shop.levers.route53"

MISTAKES = {
    "missing key": (
        replaced("state_path: gtc.sqlite\n", ""),
        "1:1 state_path",
        "the key state_path is missing",
        "SQLite file with overrides, decision records and audit.",
    ),
    "other version": (
        replaced("schema_version: 2", "schema_version: 3"),
        "1:17 schema_version",
        "schema_version must be 2 (or 1, which is read as well), not 3",
        "",
    ),
    "unknown key": (
        with_line("probing: {interval: 1}"),
        "4:11 probing.interval",
        "unknown key interval",
        "did you mean interval_s?",
    ),
    "unknown key like no other": (
        with_line("api: {colour: red}"),
        "4:7 api.colour",
        "unknown key colour",
        "possible here: host, port, hosts, tokens, limits",
    ),
    "misspelt required key": (
        replaced(CAPACITY, "capacity_rsp: 300"),
        f"9:9 {REGION}.capacity_rsp",
        "unknown key capacity_rsp",
        "did you mean capacity_rps?",
    ),
    "text for a number": (
        replaced(CAPACITY, "capacity_rps: lots"),
        f"9:23 {REGION}.capacity_rps",
        "capacity_rps must be a number, not the text 'lots'",
        "",
    ),
    "quoted number": (
        replaced(CAPACITY, 'capacity_rps: "300"'),
        f"9:23 {REGION}.capacity_rps",
        "capacity_rps must be a number, not the text '300'",
        "leave out the quotes",
    ),
    "zero capacity": (
        replaced(CAPACITY, "capacity_rps: 0"),
        f"9:23 {REGION}.capacity_rps",
        "capacity_rps must be greater than 0, not 0",
        "",
    ),
    "no value": (
        replaced(DEMAND, "demand_rps:"),
        f"22:20 {POOLS}.europe.demand_rps",
        "demand_rps must be a number, not empty",
        "",
    ),
    "latency missing for a region": (
        replaced(
            "[us-east-1, eu-west-1]", "[us-east-1, eu-west-1]\n        latency_ms: {us-east-1: 9}"
        ),
        f"26:9 {POOLS}.world.latency_ms",
        "latency_ms lacks eu-west-1; all of the pool's regions, or none",
        "",
    ),
    "latency to a region of another pool": (
        replaced("[eu-west-1]", "[eu-west-1]\n        latency_ms: {eu-west-1: 9, eu-west-2: 9}"),
        f"22:47 {POOLS}.europe.latency_ms.eu-west-2",
        "eu-west-2 is not in pool europe",
        "did you mean eu-west-1?",
    ),
    "list for a number": (
        replaced(CAPACITY, "capacity_rps: [300]"),
        f"9:23 {REGION}.capacity_rps",
        "capacity_rps must be a number, not a list",
        "",
    ),
    "number for a text": (
        replaced("jurisdiction: EU", "jurisdiction: 49"),
        "4:37 regions.eu-west-1.jurisdiction",
        "jurisdiction must be text, not 49",
        "quote it to make it text",
    ),
    "Norway": (
        replaced("jurisdiction: EU", "jurisdiction: NO"),
        "4:37 regions.eu-west-1.jurisdiction",
        "NO is a boolean to some programs and text to others; write true or false, or quote it",
        "",
    ),
    "empty text": (
        replaced("gtc.sqlite", "''"),
        "2:13 state_path",
        "state_path must be text that is not empty, not the text ''",
        "",
    ),
    "a path for a shell": (
        replaced("gtc.sqlite", "~/gtc.sqlite"),
        "2:13 state_path",
        "state_path must be a path such as /var/lib/gtc/gtc.sqlite (~ is not expanded), not the "
        "text '~/gtc.sqlite'",
        "",
    ),
    "text for a mapping": (
        replaced("{name: local}", "local"),
        "3:10 vantage",
        "vantage must be a mapping of keys, not the text 'local'",
        "",
    ),
    "capital in a name": (
        replaced("{name: local}", "{name: Local}"),
        "3:17 vantage.name",
        "name must be a name of lower-case letters, digits and hyphens that begins with a letter, "
        "not the text 'Local'",
        "",
    ),
    "duration with a unit": (
        with_line("probing: {interval_s: 5m}"),
        "4:23 probing.interval_s",
        "interval_s must be a number, not the text '5m'",
        "durations are plain seconds: write 300",
    ),
    "part of a count": (
        with_line("health: {down_after: 2.5}"),
        "4:22 health.down_after",
        "down_after must be a whole number, not 2.5",
        "",
    ),
    "ratio above one": (
        with_line("guards: {panic_ratio: 1.5}"),
        "4:23 guards.panic_ratio",
        "panic_ratio must be at most 1, not 1.5",
        "",
    ),
    "number for a boolean": (
        with_line("aws: {require_endpoint_url: 1}"),
        "4:29 aws.require_endpoint_url",
        "require_endpoint_url must be true or false, not 1",
        "",
    ),
    "unknown mode": (
        with_line("mode: dryrun"),
        "4:7 mode",
        "mode must be active or dry_run, not the text 'dryrun'",
        "did you mean dry_run?",
    ),
    "unknown mode of a service": (
        MINIMAL.replace("    regions:\n", "    mode: dryrun\n    regions:\n", 1),
        "7:11 services.shop.mode",
        "mode must be active or dry_run, not the text 'dryrun'",
        "did you mean dry_run?",
    ),
    "text for a list": (
        with_line("reference_targets: {known_good: http://192.0.2.1/}"),
        "4:33 reference_targets.known_good",
        "known_good must be a list, not the text 'http://192.0.2.1/'",
        "",
    ),
    "port too high": (
        with_line("api: {port: 70000}"),
        "4:13 api.port",
        "port must be at most 65535, not 70000",
        "",
    ),
    "region that is none": (
        with_replacements(("us-east-1:\n", "us-east:\n"), ("[us-east-1, ", "[")),
        "12:7 services.shop.regions.us-east",
        "us-east must be an AWS region such as eu-west-1",
        "",
    ),
    "region that the catalogue lacks": (
        replaced("{jurisdiction: EU}, us-east-1", "{jurisdiction: EU}, us-east-2"),
        "12:7 services.shop.regions.us-east-1",
        "the catalogue of regions (regions) has no us-east-1",
        "did you mean us-east-2? it has eu-west-1, us-east-2",
    ),
    "region unlike any of the catalogue": (
        replaced(", us-east-1: {jurisdiction: US}", ""),
        "12:7 services.shop.regions.us-east-1",
        "the catalogue of regions (regions) has no us-east-1",
        "it has eu-west-1",
    ),
    "no catalogue": (
        replaced("regions: {eu-west-1: {jurisdiction: EU}, us-east-1: {jurisdiction: US}}\n", ""),
        "1:1 regions",
        "the key regions is missing",
        "The catalogue of regions: what is the same for every service; services refer to it.",
    ),
    "region of the catalogue without jurisdiction": (
        replaced("{jurisdiction: US}", "{place: Ohio}"),
        "4:42 regions.us-east-1.jurisdiction",
        "the key jurisdiction is missing",
        "Whose law holds there, for example EU or US; pools with a `residency` compare it.",
    ),
    "lower-case country": (
        replaced("country:DE", "country:de"),
        f"19:23 {POOLS}.europe.geographies[0]",
        "geographies[0] must be default, continent:XX or country:XX with the two-letter code in "
        "capitals, not the text 'country:de'",
        "",
    ),
    "empty list": (
        replaced('["country:DE"]', "[]"),
        f"19:22 {POOLS}.europe.geographies",
        "geographies must be a list with at least 1 entry, not an empty list",
        "",
    ),
    "zone with its path": (
        replaced("Z1", "/hostedzone/Z1"),
        f"29:25 {ROUTE53}.hosted_zone_id",
        "hosted_zone_id must be a hosted zone's id such as Z0123456789ABCDEFGHIJ, "
        "not the text '/hostedzone/Z1'",
        "",
    ),
    "name without its final dot": (
        replaced("example.test.", "example.test"),
        f"30:15 {ROUTE53}.name",
        "name must be a lower-case name with its final dot, such as app.example.com., "
        "not the text 'shop.example.test'",
        "",
    ),
    "key twice": (
        with_line("state_path: other.sqlite"),
        "4:1 state_path",
        "the key state_path appears twice, in line 2 and in line 4; keep one",
        "",
    ),
    "unknown region of a pool": (
        replaced("[eu-west-1]", "[eu-west-2]"),
        f"21:19 {POOLS}.europe.regions[0]",
        "eu-west-2 is not a region of this service",
        "did you mean eu-west-1?",
    ),
    "public API": (
        with_line("api: {host: 0.0.0.0}"),
        "4:13 api.host",
        "api.host is '0.0.0.0', where others reach it, and api.tokens names nobody: "
        "everybody would be admin",
        "make a token with `gtc token new`, or listen on 127.0.0.1",
    ),
}
