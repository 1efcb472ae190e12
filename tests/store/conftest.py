"""The engines that the conformance suite runs on; a third one joins `ENGINES`."""

import pytest
from store_calls import ENGINES


@pytest.fixture(params=sorted(ENGINES))
def engine(request, tmp_path):
    return ENGINES[request.param](tmp_path / "store")


@pytest.fixture
async def store(engine):
    """An open store without targets; closed in the end, unless the test has done so."""
    found = engine.store()
    await found.open([])
    yield found
    if not found._closed:
        await found.close()
