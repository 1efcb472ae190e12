"""One target held, released, or moved past its backlog."""

from gateway.admin.call import Call, Nothing
from gateway.admin.problem import AdminError
from gateway.config.faults import nearest


async def paused(call: Call, _: Nothing) -> object:
    """The target held: it keeps what comes, and delivers nothing until it is resumed or the gateway restarts."""
    return _pause(call, paused=True)


async def resumed(call: Call, _: Nothing) -> object:
    """The target released."""
    return _pause(call, paused=False)


async def skipped(call: Call, _: Nothing) -> object:
    """The target moved past its backlog, which becomes dead letters; what is under way ends as it does."""
    name = _name(call)
    return {"target": name, "skipped": await call.gateway.store.skip(name)}


def _pause(call: Call, *, paused: bool) -> object:
    name = _name(call)
    if call.gateway.public_port is None:
        raise AdminError(409, "no gateway is running: nothing is delivered anyway")
    call.gateway.pause(name, paused=paused)
    return {"target": name, "paused": paused}


def _name(call: Call) -> str:
    name, known = call.names["name"], call.gateway.store.targets()
    if name not in known:
        raise AdminError(404, f"no target {name!r}{nearest(name, known)}; known: {', '.join(sorted(known)) or 'none'}")
    return name
