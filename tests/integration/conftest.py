"""Hubs for the tests of this folder: one that is served for real, one where a seed decides everything."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.portal.simulator import Weather
from hub.settings import check
from hub.wiring import Hub, World, build
from hub.world_seeded import MemoryFiles, SeededEntropy, SteppedClock
from tests.integration.samples import packet, record, row
from tests.integration.served import COUNTER, Served, served


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


async def _live(root: Path) -> None:
    async with served(root, profile="calm") as hub:
        await hub.traffic(seed=7, dossiers=2)
        await hub.message(packet(record(1)), by=COUNTER, key="goi-1")
        await hub.message(packet(record(1, state="4"), updating="True"), by=COUNTER, key="goi-2")
        hub.stage.simulators["portal"].weather = Weather(strict=True)
        rows_alone = packet(row(2), service="CapNhatTienDoHoSoMC", updating="True")
        await hub.message(rows_alone, by=COUNTER, key="goi-3")
        await hub.settle()
        assert await hub.judged() == []


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped hub that has lived. Not to be written to."""
    root = tmp_path_factory.mktemp("lived")
    asyncio.run(_live(root))
    return root


@pytest.fixture
def own(lived: Path, tmp_path: Path) -> Path:
    """A copy of it to do with as one likes."""
    shutil.copytree(lived, tmp_path / "hub", symlinks=True)
    return tmp_path / "hub"
