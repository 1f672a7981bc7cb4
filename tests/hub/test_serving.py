"""Starting and stopping a hub: in order, told to whoever watches, and never alone half dead."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession

from contracts.errors import IntegrityViolation, Misconfigured
from hub.serving import Serving
from hub.settings import Settings, check
from hub.wiring import Hub, build, real_world
from ledger.events import ConfigurationChanged, KeyAdded, PartyRegistered


def settings(**hub: object) -> Settings:
    return check({"hub": {"port": 0, "ops_port": 0, **hub}, "party": [{"id": "mot-cua", "adapter": "portal"}]})


def made(folder: Path, **hub: object) -> Hub:
    return build(settings(**hub), real_world(str(folder)))


async def status(url: str) -> int:
    async with ClientSession() as session, session.get(url) as answer:
        return answer.status


async def test_a_hub_is_ready_once_it_listens_and_says_where(tmp_path: Path) -> None:
    serving = Serving(made(tmp_path))
    await serving.start()
    told = msgspec.json.decode((tmp_path / "endpoints.json").read_bytes())
    assert told == {"base_url": serving.base_url, "ops_url": serving.ops_url}
    assert await status(serving.ops_url + "/livez") == 200
    assert await status(serving.ops_url + "/readyz") == 200
    assert await status(serving.base_url + "/log/checkpoint") == 200
    serving.request_stop("genug")
    serving.request_stop("again")
    assert await serving.run() == "genug"
    with pytest.raises(OSError, match="Connect"):
        await status(serving.base_url + "/log/checkpoint")


async def test_a_draining_hub_is_alive_and_not_ready(tmp_path: Path) -> None:
    serving = Serving(made(tmp_path))
    await serving.start()
    serving.hub.health.drain()
    assert await status(serving.ops_url + "/livez") == 200
    assert await status(serving.ops_url + "/readyz") == 503
    serving.request_stop()
    await serving.run()


async def test_what_decides_is_on_the_log_once_per_change(tmp_path: Path) -> None:
    events: list[object] = []
    for change in (1, 1, 2):
        hub = build(
            check(
                {
                    "hub": {"port": 0, "ops_port": 0},
                    "party": [{"id": f"mot-cua-{number}", "adapter": "portal"} for number in range(change)],
                }
            ),
            real_world(str(tmp_path)),
        )
        serving = Serving(hub)
        await serving.start()
        events = [entry.event for entry in hub.ledger.read(0, 100)]
        serving.request_stop()
        await serving.run()
    kinds = [type(event) for event in events]
    assert [event.purpose for event in events if isinstance(event, KeyAdded)] == ["log", "heads"]
    assert kinds.count(ConfigurationChanged) == 2
    assert [event.party for event in events if isinstance(event, PartyRegistered)] == ["mot-cua-0", "mot-cua-1"]


async def test_the_keys_of_the_log_are_published(tmp_path: Path) -> None:
    serving = Serving(made(tmp_path))
    await serving.start()
    keys = [one.event.vkey for one in serving.hub.ledger.read(0, 10) if isinstance(one.event, KeyAdded)]
    assert (tmp_path / "trust.txt").read_text("ascii") == "".join(f"log {key}\n" for key in keys) + "quorum none\n"
    serving.request_stop()
    await serving.run()


async def test_a_service_that_fails_halts_the_whole_hub(tmp_path: Path) -> None:
    serving = Serving(made(tmp_path))

    async def fails() -> None:
        raise IntegrityViolation("ledger.corrupt", "as if")

    serving.hub.views.run = fails  # type: ignore[method-assign]  # a service that fails
    await serving.start()
    async with asyncio.timeout(20):
        assert await serving.run() == "views: ledger.corrupt"


async def test_a_taken_address_is_the_operators_move(tmp_path: Path) -> None:
    first = Serving(made(tmp_path / "mot"))
    await first.start()
    port = int(first.base_url.rpartition(":")[2])
    second = Serving(made(tmp_path / "hai", port=port))
    with pytest.raises(Misconfigured) as caught:
        await second.start()
    assert caught.value.code == "config.invalid"
    assert str(port) in caught.value.en
    await second.stop()
    first.request_stop()
    await first.run()


async def test_running_before_starting_is_a_mistake(tmp_path: Path) -> None:
    serving = Serving(made(tmp_path))
    with pytest.raises(RuntimeError):
        await serving.run()
    serving.hub.ledger.close()
    serving.hub.views.close()
