"""What tables must agree on among themselves: names that exist, keys that need or exclude each other."""

import re
import ssl
from collections.abc import Collection
from pathlib import Path as FilePath
from typing import Final
from urllib.parse import urlsplit

from gateway.config.addresses import is_loopback, is_network, is_url, url_fault
from gateway.config.faults import Faults, not_among
from gateway.config.lines import Path
from gateway.config.names import check_fill, check_hiding
from gateway.config.secrets import UNSET
from gateway.config.structs import ClientTable, Hiding, Tables, Traces, UpstreamTable
from gateway.config.tables import Read
from gateway.contract import Secret
from gateway.wire import json_text

_FILES: Final = ("ca_file", "client_cert")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def check_tables(read: Read, vendors: Collection[str], folder: FilePath, faults: Faults) -> None:
    """Find what is wrong with everything but the routes; `vendors` are those that an upstream may name."""
    tables = read.tables
    _check_ports(tables, faults)
    _check_clients(tables.clients, faults)
    for name, upstream in tables.upstreams.items():
        path: Path = ("upstreams", name)
        if upstream.vendor not in vendors:
            faults.add((*path, "vendor"), not_among(upstream.vendor, vendors) if upstream.vendor else "is required")
        _check_upstream(upstream, path, folder, faults)
        grant = read.accounts[name].grant if name in read.accounts else None
        if grant and (fault := url_fault(grant.token_url, insecure=upstream.insecure)):
            faults.add(path, f"the token_url {fault}")
    if tables.traces is not None:
        _check_traces(tables.traces, sorted(tables.upstreams), faults)
    check_hiding(tables.privacy.at_rest, ("privacy", "at_rest"), faults)
    if tables.privacy.key is None and faults.shaped(("privacy",)):
        for path in hashing(tables):
            faults.add(path, "needs a key: [privacy] key")


def hashing(tables: Tables) -> list[Path]:
    """Where a keyed hash is asked for."""
    places: list[tuple[Path, Hiding]] = [(("privacy", "at_rest"), tables.privacy.at_rest)]
    places += [(("upstreams", name, "privacy"), one.privacy) for name, one in tables.upstreams.items()]
    places += [
        (("routes", index, "targets", position, "privacy"), target.privacy)
        for index, route in enumerate(tables.routes)
        for position, target in enumerate(route.targets)
    ]
    return [(*path, "hash") for path, hiding in places if hiding.hash]


def _check_ports(tables: Tables, faults: Faults) -> None:
    server, admin = tables.server, tables.admin
    for index, proxy in enumerate(server.proxies):
        if not is_network(proxy):
            faults.add(("server", "trusted_proxies", index), 'must be an address or a network such as "10.0.0.0/8"')
    if not is_loopback(admin.host) and admin.token is None:
        faults.add(("admin", "token"), f"is required where the host, {admin.host}, is not this machine's loopback")
    if admin.port == server.port != 0 and admin.host == server.host:
        faults.add(("admin", "port"), "is the public port's: they must differ")


def _check_traces(traces: Traces, upstreams: Collection[str], faults: Faults) -> None:
    endpoint, path = traces.endpoint, ("traces", "endpoint")
    if not endpoint:
        if faults.shaped(("traces",)):
            faults.add(path, "is required")
    elif not is_url(endpoint):
        faults.add(path, 'must be a URL such as "http://127.0.0.1:4318/v1/traces", without credentials or query')
    elif traces.headers and not (endpoint.startswith("https:") or is_loopback(urlsplit(endpoint).hostname or "")):
        faults.add(path, "sends the headers unencrypted: use https://")
    for name in traces.headers:
        if not _HEADER.fullmatch(name):
            faults.add(("traces", "headers", name), "must be the name of a header")
    for index, name in enumerate(traces.propagate):
        if name not in upstreams:
            faults.add(("traces", "propagate", index), not_among(name, upstreams))


def _check_clients(clients: dict[str, ClientTable], faults: Faults) -> None:
    owners: dict[Secret, str] = {}
    for name, client in clients.items():
        path: Path = ("clients", name)
        if (client.key is None) == (client.keys is None) and faults.shaped(path):
            faults.add(path, "needs either key or keys" + ("" if client.key is None else ", not both"))
        shown: list[tuple[Path, Secret]] = [(("key",), client.key)] if client.key else []
        shown += [(("keys", index), key) for index, key in enumerate(client.keys or ())]
        for place, key in shown:
            owner = owners.setdefault(key, name) if key is not UNSET else name
            if owner != name:
                faults.add((*path, *place), f"is also a key of the client {json_text(owner)}")


def _check_upstream(upstream: UpstreamTable, path: Path, folder: FilePath, faults: Faults) -> None:
    """Find what is wrong with the keys that every upstream has."""
    if upstream.base_url is not None and (fault := url_fault(upstream.base_url, insecure=upstream.insecure)):
        faults.add((*path, "base_url"), fault)
    if upstream.retry.base > upstream.retry.cap:
        faults.add((*path, "retry", "base"), "must not exceed cap")
    if upstream.proxy is not None and not is_url(upstream.proxy):
        faults.add((*path, "proxy"), 'must be a URL such as "http://proxy.example:3128"')
    for key in _FILES:
        name = getattr(upstream, key)
        if name is not None and (fault := _file_fault(key, folder / name)):
            faults.add((*path, key), f"{fault}: {name}")
    check_fill(upstream.fill, (*path, "fill"), faults)
    check_hiding(upstream.privacy, (*path, "privacy"), faults)


def _file_fault(key: str, file: FilePath) -> str | None:
    """What is wrong with a file that TLS needs: better said at the start than with the first click."""
    if not file.is_file():
        return "names no file"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if key == "ca_file":
            context.load_verify_locations(file)
        else:
            context.load_cert_chain(file, password="")  # asked for a passphrase, OpenSSL would wait on a terminal
    except (OSError, ValueError):
        return "holds no certificates" if key == "ca_file" else "holds no certificate with its unencrypted key"
    return None
