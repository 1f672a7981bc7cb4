"""What was refused long ago is erased in bulk, with a leaf that says so; the younger and the accepted stay."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from contracts.moment import MICROS_PER_SECOND
from hub.erase import Eraser
from hub.jobs import retention
from hub.jobs.retention import GROUND, Retention
from ledger.inspect import verify_contents
from tests.integration.samples import packet, record
from tests.integration.served import COUNTER, Served, served

DAY_US = 86_400 * MICROS_PER_SECOND
REFUSED = 5


class Later:
    """A clock some days ahead of a hub's."""

    def __init__(self, hub: Served, days: float) -> None:
        self._clock = hub.hub.world.clock
        self._ahead = int(days * DAY_US)

    def now(self) -> int:
        """The hub's time, later."""
        return self._clock.now() + self._ahead


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as hub:
        for number in range(REFUSED):
            broken = msgspec.json.encode(packet(record(number))) + b"}"
            assert (await hub.message(broken, by=COUNTER, key=f"sai-{number}")).status == 422
            assert (await hub.message(packet(record(number)), by=COUNTER, key=f"dung-{number}")).status == 202
        yield hub


def job(hub: Served, days_later: float, *, refused_days: int = 90) -> Retention:
    one = hub.hub
    clock = Later(hub, days_later)
    eraser = Eraser(
        ledger=one.ledger,
        dossiers=one.dossiers,
        views=one.views,
        feed=one.feed,
        delivery=one.delivery,
        clock=clock,
        refused_days=refused_days,
    )
    return Retention(eraser, one.ledger, clock=clock, refused_days=refused_days, interval_s=60)


def readable(hub: Served) -> int:
    """How many refused messages can still be read."""
    positions = [position for position, _ in hub.hub.ledger.erasure.messages(0, 1_000)]
    return sum(len(hub.hub.ledger.erasure.refused_parts(position)) for position in positions)


async def test_refused_content_is_erased_when_its_days_are_over_and_not_before(told: Served) -> None:
    assert readable(told) == REFUSED
    assert await job(told, 89).sweep() == 0
    assert await job(told, 91, refused_days=0).sweep() == 0
    assert readable(told) == REFUSED
    sweeper = job(told, 91)
    assert await sweeper.sweep() == REFUSED
    assert await sweeper.sweep() == 0
    assert await job(told, 91).sweep() == 0
    assert readable(told) == 0
    contents = verify_contents(told.hub.ledger)
    assert contents["ok"]
    (event,) = told.hub.ledger.erasure.recorded()
    assert (event.stream, event.ground, event.by, len(event.items)) == ("", GROUND, "hub", REFUSED)


async def test_many_are_erased_by_several_events(told: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST", 2)
    assert await job(told, 91).sweep() == REFUSED
    assert [len(event.items) for event in told.hub.ledger.erasure.recorded()] == [2, 2, 1]
    assert readable(told) == 0


async def test_accepted_dossiers_stay_whole(told: Served) -> None:
    before = [told.hub.ledger.raw_message(position) for position in accepted(told)]
    await job(told, 91).sweep()
    assert [told.hub.ledger.raw_message(position) for position in accepted(told)] == before


def accepted(hub: Served) -> list[int]:
    """Positions of accepted messages."""
    found = hub.hub.ledger.read(0, 1_000)
    return [entry.position for entry in found if entry.topic == "message.accepted"]
