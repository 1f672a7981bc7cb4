"""Building a hub from settings and a world: what is wrong is told, and two hubs of one process share nothing."""

from pathlib import Path
from typing import Any

import pytest

from contracts.errors import Misconfigured
from hub.settings import check
from hub.wiring import Hub, World, build, cancel_and_wait
from hub.world_seeded import MemoryFiles, SeededEntropy, SteppedClock


def world(tmp_path: Path, files: MemoryFiles | None = None) -> World:
    return World(
        clock=SteppedClock(), entropy=SeededEntropy(1), files=files or MemoryFiles(), directory=str(tmp_path / "so")
    )


def made(tmp_path: Path, *parties: dict[str, Any], files: MemoryFiles | None = None, **tables: Any) -> Hub:
    values = {"ledger": {"store": "memory"}, "party": list(parties), **tables}
    return build(check(values), world(tmp_path, files))


def close(*hubs: Hub) -> None:
    for hub in hubs:
        hub.ledger.close()
        hub.views.close()


PORTAL = {"id": "cong", "adapter": "portal", "role": "portal", "national": True}
COUNTER = {"id": "mot-cua", "adapter": "opencps", "agencies": ["H99"]}
REACHED = {"base_url": "http://127.0.0.1:1", "username": "ta", "secret_file": "secrets/cong"}


@pytest.mark.parametrize(
    ("parties", "tables", "expected"),
    [
        ([{"id": "a", "adapter": "potal"}], {}, "portal"),
        ([PORTAL | REACHED], {}, "secrets/cong"),
        ([PORTAL, COUNTER], {"route": [{"from": "mot-cua", "to": ["cong"]}]}, "cong"),
        ([COUNTER | {"base_url": "http://127.0.0.1:1", "pull": True}], {}, "mot-cua"),
    ],
)
async def test_what_can_not_work_is_told_before_anything_runs(
    tmp_path: Path, parties: list[dict[str, Any]], tables: dict[str, Any], expected: str
) -> None:
    with pytest.raises(Misconfigured) as caught:
        close(made(tmp_path, *parties, **tables))
    assert expected in str(caught.value.vi) + caught.value.detail


async def test_a_hub_that_can_not_be_put_together_lets_its_ledger_go(tmp_path: Path) -> None:
    files = MemoryFiles()
    for _ in range(2):  # the second time it would be held by the first
        with pytest.raises(Misconfigured, match=r"config\.invalid"):
            close(made(tmp_path, PORTAL, COUNTER, files=files, route=[{"from": "mot-cua", "to": ["cong"]}]))


async def test_secrets_and_addresses_reach_the_party_and_nothing_else(tmp_path: Path) -> None:
    files = MemoryFiles()
    files.write_durable("secrets/cong", b" mat-khau-mau \n")
    hub = made(tmp_path, PORTAL | REACHED, COUNTER, files=files, route=[{"from": "mot-cua", "to": ["cong"]}])
    address = hub.parties["cong"].address
    assert address is not None
    assert (address.username, address.secret) == ("ta", "mat-khau-mau")
    assert hub.delivery.targets == ("cong",)
    assert hub.parties["mot-cua"].address is None
    for transport in hub.transports:
        await transport.close()
    close(hub)


async def test_two_hubs_of_one_process_share_nothing(tmp_path: Path) -> None:
    first, second = made(tmp_path, PORTAL), made(tmp_path, PORTAL)
    mutable = ("ledger", "dossiers", "reception", "delivery", "views", "feed", "sight", "access", "admin", "watch")
    for name in (*mutable, "metrics", "health", "app", "admin_app", "doors"):
        assert getattr(first, name) is not getattr(second, name)
    first.metrics.clock_steps.add(1)
    first.doors.close()
    assert not second.doors.is_draining()
    close(first, second)


async def test_only_formats_in_use_serve_addresses(tmp_path: Path) -> None:
    both, one = made(tmp_path, PORTAL, COUNTER), made(tmp_path, PORTAL)
    paths = [{route.resource.canonical for route in hub.app.router.routes() if route.resource} for hub in (both, one)]
    assert "/opencps/token" in paths[0] - paths[1]
    assert "/mapi/g" in paths[0] & paths[1]
    assert "/p/{secret}/mapi/g" in paths[1]
    close(both, one)


async def test_cancelled_tasks_are_waited_for() -> None:
    import asyncio

    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    tasks = [asyncio.create_task(work()) for _ in range(3)]
    await asyncio.sleep(0)
    await cancel_and_wait(tasks)
    assert ended == [True] * 3
