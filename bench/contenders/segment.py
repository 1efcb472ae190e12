"""Segment's action kit with an equivalent mapping, behind Node's own HTTP server."""

from bench.contenders import FILES, Contender, Launch, Site, programs


def kit(vendors: int = 1) -> Contender:
    """So many destinations told; it answers once all of them have."""
    name = "Segment's action kit" if vendors == 1 else f"Segment's action kit, {vendors} destinations"
    note = "the key checked, what the mapping gives validated by JSON Schema, a connection for each delivery"
    return Contender(name, note, _launch, _missing, variations=("101098971",))


def _launch(site: Site) -> Launch:
    command = programs.launch(
        "node", FILES / "segment.js", site.port, *[f"http://127.0.0.1:{port}" for port in site.vendors]
    ).command
    return Launch(command, {"NODE_PATH": str(programs.NODE / "node_modules"), "NODE_ENV": "production"})


def _missing() -> str | None:
    return programs.missing("node") or (None if programs.kit() else "Segment's action kit is not installed")
