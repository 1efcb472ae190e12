"""What the gateway is measured against: each is started with its port and its vendors' ports, and says what it does."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from bench.processes import CONTENDER_CORE, Process, await_port, started

FILES: Final = Path(__file__).parent / "files"
"""Their configurations."""


class Site(Struct, frozen=True):
    """Where a contender runs: its own folder, its port and its admin's, and the ports of the vendors it tells."""

    folder: Path
    port: int
    admin: int
    vendors: tuple[int, ...]


class Launch(Struct, frozen=True):
    """How a contender is started."""

    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def nothing(_site: Site) -> None:
    """What most contenders have to do before a load, and to finish after it."""


def present() -> None:
    """Why a contender that needs nothing cannot run."""


class Contender(Struct, frozen=True):
    """One way to do a job.

    `launch` writes its files into the site's folder; `missing` says why it cannot run here; `prepare` runs once it
    listens, `settle` after each load, until all is done that was accepted. `variations` is how it writes the campaign's
    variations to the vendor, None where it passes the body on as it came.
    """

    name: str
    note: str
    launch: Callable[[Site], Launch]
    missing: Callable[[], str | None] = present
    prepare: Callable[[Site], None] = nothing
    settle: Callable[[Site], None] = nothing
    variations: tuple[object, ...] | None = None


@contextmanager
def running(contender: Contender, site: Site) -> Iterator[Process]:
    """The contender, listening on its port, on its core."""
    site.folder.mkdir(parents=True, exist_ok=True)
    launch = contender.launch(site)
    with (
        (site.folder / "output").open("wb") as told,
        started(launch.command, CONTENDER_CORE, launch.environment, told) as process,
    ):
        try:
            await_port(site.port, process)
            contender.prepare(site)
            yield process
        except Exception as fault:
            ended = "still running" if process.poll() is None else f"ended with {process.returncode}"
            fault.add_note(f"{contender.name}: {ended}; {said(site)}")
            raise


def said(site: Site) -> str:
    """The last line of what the contender printed."""
    lines = (site.folder / "output").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def filled(name: str, **values: object) -> str:
    """One of `files`, with its `{{places}}` filled."""
    text = (FILES / name).read_text()
    for place, value in values.items():
        text = text.replace(f"{{{{{place}}}}}", str(value))
    return text
