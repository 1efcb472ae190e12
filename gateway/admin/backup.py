"""A consistent copy of the store, while it is in use."""

import os
from pathlib import Path

from msgspec import Struct

from gateway.admin.call import Call
from gateway.admin.problem import AdminError


class Copy(Struct, frozen=True, forbid_unknown_fields=True):
    """Where to: the absolute path of a file that is not there yet, on the gateway's own machine."""

    path: str


async def made(call: Call, copy: Copy) -> object:
    """The copy made; its file is readable by the gateway's user alone, for it holds what people did."""
    path = Path(copy.path)
    _claim(path)
    try:
        await call.gateway.back_up(path)
    except BaseException:
        os.unlink(path)  # noqa: PTH108  # one quick call, in whatever state the copy is
        raise
    return {"path": str(path), "bytes": _size(path)}


def _claim(path: Path) -> None:
    """Make the file, empty and for this user alone; raises AdminError where it cannot be or already is."""
    if not path.is_absolute():
        raise AdminError(400, "path must be absolute")
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise AdminError(409, f"{path}: {error.strerror}") from None


def _size(path: Path) -> int:
    return path.stat().st_size
