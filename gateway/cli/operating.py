"""How commands reach a gateway: by its admin port or, when none is running, by opening its store."""

import asyncio
import http.client
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

import click
from msgspec import MsgspecError, json

from gateway.cli.configuration import DEFAULT, read
from gateway.config import Config
from gateway.config.addresses import seen_from_here, url_of
from gateway.config.secrets import UNSET
from gateway.contract import Mappings
from gateway.errors import GatewayError

_PATIENCE: Final = 300.0

CONFIG: Final = click.option(
    "-c", "--config", "path", type=click.Path(path_type=Path), default=DEFAULT, show_default=True
)
Ask = Callable[..., Any]
"""`ask(method, path, query, body)` gives the admin API's answer; ends the command where it is a refusal."""


@contextmanager
def operated(mappings: Mappings, path: Path, *, running: bool = False) -> Iterator[Ask]:
    """A way to ask the gateway of a configuration; `running`: only one that runs will do."""
    config = read(path, mappings, secrets_required=False)
    port = Port(config)
    if port.answers():
        yield port.ask
    elif running:
        raise click.ClickException(f"no gateway answers on {port.url}; this command needs one that runs")
    else:
        with _Stopped(config, mappings, port.url) as stopped:
            yield stopped.ask


def admin_port(mappings: Mappings, path: Path, patience: float) -> "Port":
    """The admin port of a configuration's gateway, whether it runs or not; an answer is waited for so many seconds."""
    return Port(read(path, mappings, secrets_required=False), patience)


def target_path(name: str, verb: str) -> str:
    """The admin path of something done to a target."""
    return f"/api/targets/{quote(name, safe='/')}/{verb}"


class Port:
    """The admin port of a running gateway."""

    def __init__(self, config: Config, patience: float = _PATIENCE) -> None:
        self._host = seen_from_here(config.admin.host)
        self._port = config.admin.port
        self._token = config.admin.token
        self._patience = patience
        self.url = url_of(self._host, self._port)

    def answers(self) -> bool:
        """Whether a gateway listens there."""
        try:
            status, answer = self._exchange("GET", "/healthz", b"")
        except OSError:
            return False
        if (status, answer.get("status")) != (200, "alive"):
            raise self._stranger()
        return True

    def ask(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Any:
        """The answer of the admin API."""
        shown = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        sent = b"" if method == "GET" else json.encode(body or {})
        try:
            status, answer = self._exchange(method, f"{path}?{urlencode(shown)}" if shown else path, sent)
        except OSError as error:
            raise self._silent(error) from None
        if status == 401 and self._token is UNSET:
            raise click.ClickException("the admin token is asked for, and there is none where admin.token says")
        if status >= 400:
            raise click.ClickException(str(answer.get("detail", f"status {status}")))
        return answer

    def text(self, path: str) -> str:
        """What is told at a path as text; raises ClickException."""
        try:
            status, answer = self._call("GET", path, b"")
        except OSError as error:
            raise self._silent(error) from None
        if status != 200:
            raise self._stranger()
        return answer.decode(errors="replace")

    def _exchange(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        status, answer = self._call(method, path, body)
        try:
            found = json.decode(answer)
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            raise self._stranger() from None
        if not isinstance(found, dict):
            raise self._stranger()
        return status, found

    def _call(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._patience)
        headers = {} if method == "GET" else {"Content-Type": "application/json"}
        if self._token is not None and self._token is not UNSET:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException:
            raise self._stranger() from None
        finally:
            connection.close()

    def _silent(self, error: OSError) -> click.ClickException:
        return click.ClickException(f"{self.url} does not answer: {error}")

    def _stranger(self) -> click.ClickException:
        return click.ClickException(f"what listens on {self.url} is no gateway's admin port")


class _Stopped:
    """The store of a gateway that is not running, opened for one command."""

    def __init__(self, config: Config, mappings: Mappings, url: str) -> None:
        self._config = config
        self._mappings = mappings
        self._url = url

    def __enter__(self) -> Self:
        from gateway.admin.api import Api
        from gateway.admin.readings import Growth
        from gateway.halted import Halted

        absent = f"no gateway answers on {self._url}, and "
        if not Path(self._config.store.path).is_dir():
            raise click.ClickException(f"{absent}there is no store in {self._config.store.path}")
        self._halted = Halted(self._config, self._mappings)
        self._api = Api(self._halted, Growth())
        self._runner = asyncio.Runner()
        try:
            self._run(self._halted.open(), absent)
        except click.ClickException:
            self._runner.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._halted.close())
        self._runner.close()

    def ask(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Any:
        """The answer of the same API, without a port in between."""
        shown = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        return self._run(self._api.answer(method, path, shown, None if method == "GET" else dict(body or {})))

    def _run(self, asked: Any, prefix: str = "") -> Any:
        try:
            return self._runner.run(asked)
        except GatewayError as error:
            raise click.ClickException(f"{prefix}{error}") from None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
