"""Hubs for the tests of this folder: one that is served for real, one where a seed decides everything."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hub.settings import check
from hub.wiring import Hub, World, build
from hub.world_seeded import MemoryFiles, SeededEntropy, SteppedClock
from tests.integration.served import Served, served


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Served]:
    """A served hub that only takes in: nobody is told of anything."""
    async with served(tmp_path) as hub:
        yield hub


@pytest.fixture
async def calm(tmp_path: Path) -> AsyncIterator[Served]:
    """A served hub between three simulated parties that do what they should."""
    async with served(tmp_path, profile="calm") as hub:
        yield hub


@pytest.fixture
def seeded(tmp_path: Path) -> Iterator[Hub]:
    """A hub without disk or sockets where one seed decides everything; nothing of it runs by itself."""
    hub = seeded_hub(tmp_path, 1)
    yield hub
    hub.ledger.close()
    hub.views.close()


def seeded_hub(directory: Path, seed: int) -> Hub:
    """The hub of a seed."""
    world = World(
        clock=SteppedClock(), entropy=SeededEntropy(seed), files=MemoryFiles(), directory=str(directory / str(seed))
    )
    settings = check(
        {
            "ledger": {"store": "memory", "origin": "lienthong.example/gieo"},
            "party": [
                {"id": "tinh-mau", "adapter": "opencps", "agencies": ["H99"]},
                {"id": "cong-dvcqg", "adapter": "portal", "role": "portal", "national": True},
            ],
        }
    )
    return build(settings, world)
