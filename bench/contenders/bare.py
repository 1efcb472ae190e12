"""Bare aiohttp, what the gateway is built on: its low-level server that answers, its server and client that proxy."""

from bench.contenders import Contender, Launch, Site
from bench.processes import module


def answer() -> Contender:
    """Aiohttp's low-level server: reads the body, answers 204."""
    return Contender("aiohttp's server, 204", "reads the request, answers 204", lambda site: _launch("answer", site))


def proxy() -> Contender:
    """Aiohttp's server and client: the body as it came to all vendors, then an answer."""
    return Contender(
        "aiohttp's server and client",
        "passes the body on as it came",
        lambda site: _launch("proxy", site, *site.vendors),
    )


def _launch(kind: str, site: Site, *vendors: int) -> Launch:
    return Launch(module("bench.bare", kind, site.port, *vendors))
