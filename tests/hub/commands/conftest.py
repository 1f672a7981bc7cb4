"""One hub's directory with some history in it, made once: commands that only read share it."""

import asyncio
import shutil
from pathlib import Path

import pytest

from adapters.portal.simulator import Weather
from tests.integration.samples import packet, record, row
from tests.integration.served import COUNTER, served


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
