"""The vendors of a load, and one that writes down what it is told."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct

from bench.contenders import programs
from bench.processes import LOAD_CORE, await_port, module, started

_CERTIFICATE: Final = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-x509", "-days", "2"]


class Told(Struct):
    """One request that a vendor got."""

    port: int
    path: str
    authorization: str | None
    body: Any


@contextmanager
def answering(
    ports: tuple[int, ...], folder: Path, *, tls: bool = False, kind: Literal["vendor", "numbering"] = "vendor"
) -> Iterator[None]:
    """Vendors that answer 204 to everything, all in one process on the core of the load."""
    secret = [folder / "ca.pem", folder / "key.pem"] if tls else []
    with started(module("bench.plain", kind, *ports, *secret), LOAD_CORE) as process:
        for port in ports:
            await_port(port, process)
        yield


def certify(folder: Path) -> None:
    """Make the key and certificate of a vendor on 127.0.0.1."""
    program = programs.found("openssl")
    assert program is not None
    subject = ["-subj", "/CN=vendor", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")]
    subprocess.run(  # noqa: S603  # the machine's own openssl
        [str(program), "req", *_CERTIFICATE, *subject, *files], check=True, capture_output=True
    )


@contextmanager
def recording(ports: tuple[int, ...]) -> Iterator[list[Told]]:
    """Vendors that answer 204 and write down what they are told."""
    told: list[Told] = []
    with ExitStack() as stack:
        for port in ports:
            server = ThreadingHTTPServer(("127.0.0.1", port), _recorder(port, told))
            server.daemon_threads = True
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield told


def _recorder(port: int, told: list[Told]) -> type[BaseHTTPRequestHandler]:
    class Recorder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self._body()
            told.append(Told(port, self.path, self.headers["Authorization"], json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _body(self) -> bytes:
            if self.headers["Transfer-Encoding"] is None:
                return self.rfile.read(int(self.headers["Content-Length"]))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            return body

    return Recorder
