"""Every test of the client runs on asyncio's own loop and on uvloop, which the gateway uses."""

import asyncio

import pytest
import uvloop


def pytest_asyncio_loop_factories(config, item):  # noqa: ARG001  # what pytest-asyncio passes
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def _loop_has_nothing_to_complain_of(caplog):
    """No exception gets lost in a callback of the loop."""
    yield
    assert not [record.getMessage() for record in caplog.get_records("call") if record.name == "asyncio"]
