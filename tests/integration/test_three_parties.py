"""One dossier, three formats, one log: whatever the weather, every party ends with exactly what the log says."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hub.views.schema import SCHEMA, VERSION
from hub.views.views import Views
from ledger.inspect import verify
from ledger.stores.views_store import ViewsStore
from tests.integration.served import MINISTRY, PORTAL, PROVINCE, Served, served


def trusted(root: Path) -> list[str]:
    lines = (root / "trust.txt").read_text("ascii").splitlines()
    return [line.split()[1] for line in lines if line.startswith("log ")]


async def rebuilt(served_hub: Served) -> Mapping[str, Any]:
    """What the read models hold when they are made from nothing."""
    hub = served_hub.hub
    views = Views(
        ViewsStore(":memory:", schema=SCHEMA, version=VERSION),
        ledger=hub.ledger,
        dossiers=hub.dossiers,
        origin=hub.settings.ledger.origin,
    )
    await views.catch_up()
    content = views.content()
    views.close()
    return content


async def test_a_dossier_of_each_origin_reaches_the_other_two(calm: Served) -> None:
    done = await calm.traffic(seed=7, dossiers=6)
    await calm.settle()
    assert done["reasons"] == {}
    held = calm.stage.holdings()
    origins: dict[str, list[str]] = {}
    async for state in states(calm):
        origins.setdefault(state.origin, []).append(state.code)
    assert {origin: len(codes) for origin, codes in origins.items()} == {PROVINCE: 6, PORTAL: 6, MINISTRY: 6}
    assert set(origins[PROVINCE]) <= set(held["portal"])
    assert set(origins[PORTAL]) <= set(held["opencps"])
    assert set(origins[MINISTRY]) <= set(held["portal"]) & set(held["opencps"])
    assert set(origins[MINISTRY]) <= set(held["civil_status"])
    assert await calm.judged() == []


async def states(served_hub: Served) -> Any:
    cursor = ""
    while True:
        page = await served_hub.hub.views.search(cursor=cursor, limit=500)
        for found in page.dossiers:
            yield served_hub.hub.dossiers.state(bytes.fromhex(found.stream))
        cursor = page.cursor
        if not cursor:
            return


@pytest.mark.parametrize("profile", ["calm", "flaky", "hostile"])
async def test_in_every_weather_the_parties_end_with_what_the_log_says(tmp_path: Path, profile: str) -> None:
    async with served(tmp_path, profile=profile, seed=11) as hub:
        done = await hub.traffic(seed=11, dossiers=8)
        await hub.settle(timeout_s=90)
        assert done["reasons"] == {}
        assert await hub.judged() == []
        assert hub.hub.ledger.parked() == []
        assert hub.hub.views.content() == await rebuilt(hub)
    verdict = verify(str(tmp_path), trusted(tmp_path))
    assert verdict["ok"], [check for check in verdict["checks"] if not check["ok"]]


async def test_read_models_asked_for_by_many_at_once_count_everything_once(calm: Served) -> None:
    traffic = asyncio.ensure_future(calm.traffic(seed=5, dossiers=3))
    while not traffic.done():
        await asyncio.gather(*(calm.hub.views.catch_up() for _ in range(4)))
        await asyncio.sleep(0.005)
    await calm.settle()
    assert calm.hub.views.content() == await rebuilt(calm)


async def test_a_hub_that_restarts_goes_on_where_it_was(tmp_path: Path) -> None:
    async with served(tmp_path, profile="calm", seed=3) as first:
        await first.traffic(seed=3, dossiers=3)
        await first.settle()
        views, committed = first.hub.views.content(), first.hub.ledger.committed
    async with served(tmp_path, profile="calm", seed=3) as second:
        await second.settle()
        assert second.hub.ledger.committed == committed
        assert second.hub.views.content() == views
