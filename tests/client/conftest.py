"""Every test of the client runs on asyncio's own loop and on uvloop, which the gateway uses."""

import asyncio

import uvloop


def pytest_asyncio_loop_factories(config, item):  # noqa: ARG001  # what pytest-asyncio passes
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
