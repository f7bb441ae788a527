"""Probes over the network: HTTP/1.1, HTTPS and TCP on one epoll of our own.

Why not a library: a probe through aiohttp costs five times the CPU (`make bench`). What stands here
is only what a probe needs; everything that is hard in HTTP clients (pools, proxies, cookies,
redirects, compression) is what a probe must not do.

`prober` fulfils the port; `reactor` waits for sockets and deadlines; `target` is one endpoint as it
is asked, `connection` one connection to it; `answer`, `http_head` and `http_body` read HTTP,
`request` writes it; `trust` is TLS, `resolver` DNS, `sockets` the socket options, `failures` the
words for what went wrong.
"""
