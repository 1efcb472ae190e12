"""What may be reached, and from where: loopback addresses, the gateway's own ports and vendors' URLs."""

from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # where one listens, seen from here


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and reachable from nowhere else."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def seen_from_here(host: str) -> str:
    """The host by which this machine reaches what listens on a host, which may be all of its addresses."""
    return _EVERYWHERE.get(host, host)


def url_of(host: str, port: int) -> str:
    """The URL of a port, an IPv6 address in brackets."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def is_network(text: str) -> bool:
    """Whether a text is an address or a network."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def url_fault(url: str, *, insecure: bool) -> str | None:
    """What is wrong with a URL to which credentials are sent, if anything."""
    if not is_url(url):
        return 'must be a URL such as "https://vendor.example/path", without credentials, query or fragment'
    parts = urlsplit(url)
    if parts.scheme == "http" and not insecure and not is_loopback(parts.hostname or ""):
        return "sends credentials unencrypted: use https://, or say insecure = true"
    return None


def is_url(url: str) -> bool:
    """Whether a text is an absolute http or https URL of nothing but a host, a port and a path."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises where it is no number
    except ValueError:
        return False
    plain = url.isprintable() and not any(mark in url for mark in "?#@ ")
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain
