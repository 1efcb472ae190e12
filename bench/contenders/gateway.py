"""The gateway itself, with the configuration that a job asks for."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from msgspec.structs import replace

from bench.contenders import Contender, Launch, Site, filled
from bench.processes import module

NAME: Final = "gateway"
UNCOUNTED: Final = "gateway, counters that do nothing"
_KINDS: Final = {
    "gravity_field": 'api_key = "gf-key"\nfill = { "page.location" = "https://shop.example/" }',
    "dynamic_yield": 'api_key = "dy-key"',
    "vaix": (
        'token = "vaix-token"\nclient_id = "group"\nunsupported = "event"\n'
        'fill = { "page.location" = "https://shop.example/" }'
    ),
    "auxia": (
        'api_key = "auxia-key"\nproject_id = "1250"\nunsupported = "event"\n'
        'fill = { placement = "HOME_SCREEN", variations = "1254" }'
    ),
}
FOUR: Final = tuple(_KINDS)
"""The vendors of a fan-out."""
_NOTE: Final = (
    "the key checked, the body validated and translated, losses by name, metrics, one request in a hundred logged"
)
_PATIENCE: Final = 300.0


def forwarding(kinds: tuple[str, ...] = ("gravity_field",), name: str = NAME, *, tls: bool = False) -> Contender:
    """Forward mode: the caller waits for the first vendor; the others get a stored copy."""
    return Contender(name, _NOTE, _launch(kinds, "forward", tls=tls), settle=drain, variations=("101098971",))


def storing(kinds: tuple[str, ...], name: str = NAME) -> Contender:
    """Store mode: every answer after an fsync, every vendor told from there."""
    return Contender(name, _NOTE, _launch(kinds, "store"), settle=drain, variations=("101098971",))


def accepting() -> Contender:
    """Store mode with its one target held, so that nothing but accepting is measured."""
    return Contender(NAME, _NOTE, _launch(("gravity_field",), "store"), prepare=hold)


def uncounted() -> Contender:
    """Forward mode without what counts."""

    def launch(site: Site) -> Launch:
        forwarding().launch(site)
        return Launch(module("bench.unobserved", site.folder / "config.toml"))

    return replace(forwarding(name=UNCOUNTED), note="", launch=launch)


def pending(site: Site) -> int:
    """How many deliveries wait."""
    return sum(target["pending"] for target in _targets(site))


def drain(site: Site) -> None:
    """Wait until nothing is left to deliver."""
    until = time.monotonic() + _PATIENCE
    while pending(site):
        assert time.monotonic() < until, "the gateway did not deliver all"
        time.sleep(0.05)
    assert not any(target["dead"] for target in _targets(site)), "some ended as dead letters"


def release(site: Site) -> None:
    """Let the targets that are held deliver."""
    for target in _targets(site):
        _answer(site, "POST", f"/api/targets/{target['name']}/resume")


def hold(site: Site) -> None:
    """Hold every target: what comes is kept, nothing is sent."""
    for target in _targets(site):
        _answer(site, "POST", f"/api/targets/{target['name']}/pause")


@contextlib.contextmanager
def watching(site: Site, path: str) -> Iterator[None]:
    """A console that is open meanwhile: it reads the events at a path of the admin port."""
    connection = http.client.HTTPConnection("127.0.0.1", site.admin, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    reading = threading.Thread(target=_read, args=(answer,), daemon=True)
    reading.start()
    try:
        yield
    finally:
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
        reading.join()
        connection.close()


def _read(answer: http.client.HTTPResponse) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        while answer.readline():
            pass


def _targets(site: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_answer(site, "GET", "/api/status"))["targets"]
    return found


def _launch(kinds: tuple[str, ...], mode: str, *, tls: bool = False) -> Any:
    def launch(site: Site) -> Launch:
        ca = f'ca_file = "{site.folder.parent / "ca.pem"}"\n' if tls else ""
        scheme, vendors = "https" if tls else "http", zip(kinds, site.vendors, strict=True)
        upstreams = [
            f'[upstreams.v{index}]\nvendor = "{kind}"\nbase_url = "{scheme}://127.0.0.1:{port}"\n{ca}{_KINDS[kind]}\n'
            for index, (kind, port) in enumerate(vendors)
        ]
        targets = [f'{{ upstream = "v{index}" }}' for index in range(len(kinds))]
        if mode == "forward":
            targets[0] = targets[0].replace(" }", ", primary = true }")
        file = site.folder / "config.toml"
        file.write_text(
            filled(
                "gateway.toml",
                port=site.port,
                admin=site.admin,
                store=site.folder / "store",
                upstreams="\n".join(upstreams),
                mode=mode,
                targets=",\n".join(targets),
            )
        )
        return Launch(module("gateway", "serve", "-c", file))

    return launch


def _answer(site: Site, method: str, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", site.admin, timeout=60)
    try:
        body = None if method == "GET" else "{}"
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = answer.read()
        assert answer.status < 400, told
        return told
    finally:
        connection.close()
