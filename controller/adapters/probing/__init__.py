"""Probes over the network: HTTP/1.1, HTTPS and TCP, on a separate epoll.

No library is used because a probe through aiohttp costs five times the CPU (`make bench`), and a
probe must not do the hard parts of an HTTP client: pools, proxies, cookies, redirects, compression.

`prober` implements the port; `reactor` waits for sockets and deadlines. `network_target` is one
endpoint, `connecting_target` how it gets connected, `address_race` an attempt over several
addresses, `address_families` which of them this host can use. Its connections are
`connection_setup` (TCP and TLS handshake), then `probe_connection` (request, response, reuse).
`probe_request` writes HTTP; `http` reads it. `tls_trust` verifies certificates,
`resolver` resolves names, `socket_budget` says how many sockets there may be, `sockets` sets socket
options, `failure_causes` maps exceptions to findings.
"""
