"""Traefik as a mirror: the body as it came to one vendor, and a copy of it to another."""

import http.client
import time

from bench.click import PATH
from bench.contenders import Contender, Launch, Site, filled, programs


def mirror() -> Contender:
    """One vendor told, and a second one sent a copy."""
    return Contender(
        "Traefik mirror", "passes the body on as it came", _launch, lambda: programs.missing("traefik"), prepare=_routed
    )


def _launch(site: Site) -> Launch:
    file = site.folder / "traefik.yaml"
    file.write_text(filled("traefik.yaml", first=site.vendors[0], second=site.vendors[1]))
    arguments = [
        f"--entrypoints.clicks.address=127.0.0.1:{site.port}",
        f"--providers.file.filename={file}",
        "--log.level=ERROR",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]
    return programs.launch("traefik", *arguments)


def _routed(site: Site) -> None:
    """Wait until it knows its routes: it listens before that."""
    for _ in range(100):
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
        connection.request("GET", PATH)
        status = connection.getresponse().status
        connection.close()
        if status != 404:
            return
        time.sleep(0.05)
    raise AssertionError("Traefik knows no route")
