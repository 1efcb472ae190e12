"""What may be reached, and from where: loopback addresses and vendors' URLs."""

from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and reachable from nowhere else."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


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
