"""The console's page and its assets, as they were built into the package; without them a page that says so.

The page holds no data: whoever may reach the port may load it. The names of assets hold a hash of their content, so
that a browser keeps them for good.
"""

import gzip
from hashlib import blake2b
from pathlib import Path
from typing import Final

from msgspec import Struct

from gateway.admin.call import Reply
from gateway.admin.problem import AdminError

FOLDER: Final = Path(__file__).parent / "dist"
"""Where the console's build puts them: `index.html`, and hashed names below `console/`."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".json": "application/json",
}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_MISSING: Final = b"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Interaction Gateway</title></head>
<body>
<h1>The console is not built</h1>
<p>This copy of the gateway holds no console: its assets were not built into the package, for which
Node 20.19 or newer is needed. Install it, then run <code>make run</code>. All else works without:
<a href="/api/status">/api/status</a>, <a href="/metrics">/metrics</a>, <a href="/openapi.json">/openapi.json</a>.</p>
</body>
</html>
"""


class Asset(Struct, frozen=True):
    """One file: its content, as it is and compressed, its type, and its tag."""

    body: bytes
    zipped: bytes
    kind: str
    tag: str


class Page:
    """The built files, read at the first load of the page, and again when it was built anew."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._built: float | None = None
        self._assets: dict[str, Asset] = {}

    def get(self, path: str, *, known: str | None, zips: bool) -> Reply:
        """The file at a path, unless who asks has it (`known` is its tag); `zips`: who asks can inflate it."""
        self._look()
        asset = self._assets.get(path)
        if asset is None and path == "/":
            asset = _asset(_MISSING, ".html")
        if asset is None:
            raise AdminError(404, "the console has no such file")
        zips = zips and len(asset.zipped) < len(asset.body)
        headers = {
            "Content-Type": asset.kind,
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-cache" if path == "/" else _FOR_GOOD,
            "ETag": asset.tag,
            "Vary": "Accept-Encoding",
        }
        if known is not None and asset.tag in known:
            return Reply(304, headers=headers)
        if zips:
            return Reply(200, asset.zipped, headers | {"Content-Encoding": "gzip"})
        return Reply(200, asset.body, headers)

    def _look(self) -> None:
        """Read the files where they were built since they were last read."""
        try:
            built: float | None = (self._folder / "index.html").stat().st_mtime
        except OSError:
            built = None
        if built != self._built:
            self._built = built
            self._assets = {} if built is None else dict(_read(self._folder))


def _read(folder: Path) -> dict[str, Asset]:
    """Every file by the path it is served at."""
    found: dict[str, Asset] = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix in _TYPES and file.is_file():
            path = "/" if file == folder / "index.html" else f"/{file.relative_to(folder).as_posix()}"
            found[path] = _asset(file.read_bytes(), file.suffix)
    return found


def _asset(body: bytes, suffix: str) -> Asset:
    return Asset(body, gzip.compress(body, mtime=0), _TYPES[suffix], f'"{blake2b(body, digest_size=12).hexdigest()}"')
