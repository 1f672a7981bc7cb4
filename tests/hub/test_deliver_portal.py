"""Delivery over real HTTP to the simulated portal: whatever its weather, it ends up with exactly what the log says."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from adapters.portal import ADAPTER
from adapters.portal.simulator import PASSWORD, USERNAME, Simulator, Weather
from adapters.transports.http_client import HttpTransport
from contracts.facts import AnyFact, DossierReceived, DossierSubmitted, Step
from contracts.moment import Moment
from contracts.ports import Address, Profile
from hub.deliver import Delivery, Limits, Target
from hub.lanes.backoff import Patience
from hub.plan import DuePlan
from ledger.events import SyncConfirmed
from tests.hub.deliver_world import ROUTES, TARGET, World, running, settled

CODES = [f"000.00.01.H99-260101-{number:04d}" for number in range(120)]
STORM = Weather(
    error_before=0.08,
    error_after=0.08,
    cut_before=0.05,
    cut_after=0.08,
    text=0.1,
    garbled=0.05,
    session_calls=9,
    strict=True,
    tells_rows=False,
    odd_codes=True,
)
START = Moment(1_767_225_600_000_000)


@asynccontextmanager
async def portal(world: World, simulator: Simulator, *, remotes: int = 2) -> AsyncIterator[Delivery]:
    """A lane to the simulator over sockets of this machine."""
    transport = HttpTransport(connections=remotes)
    async with TestServer(simulator.app()) as server:
        address = Address(
            base_url=str(server.make_url("")).rstrip("/"), username=USERNAME, secret=PASSWORD, agency="000.00.01.H99"
        )
        profile = Profile()
        target = Target(
            party=TARGET,
            adapter=ADAPTER,
            profile=profile,
            remotes=tuple(ADAPTER.remote(address, transport, profile) for _ in range(remotes)),
        )
        delivery = Delivery(
            [target],
            ledger=world.ledger,
            plan=DuePlan(world.ledger, world.dossiers, ROUTES),
            clock=world.clock,
            entropy=world.entropy,
            limits=Limits(
                batch_records=20, linger_s=0.001, patience=Patience(first_s=0.005, longest_s=0.05, limit=500)
            ),
        )
        try:
            async with running(delivery):
                yield delivery
        finally:
            await transport.close()


def submitted(code: str) -> list[tuple[str, AnyFact]]:
    return [(code, DossierSubmitted(dossier=code, procedure_code="1.003560", subject=f"Đề nghị mẫu {code}"))]


def received(code: str) -> list[tuple[str, AnyFact]]:
    step = Step(officer="Lò Thị Mẫu", content=f"Đã tiếp nhận {code}")
    return [(code, DossierReceived(dossier=code, at=START, received_at=START, step=step))]


def tell_all(world: World, codes: list[str]) -> None:
    for start in range(0, len(codes), 30):
        packet = codes[start : start + 30]
        world.record([fact for code in packet for fact in submitted(code)], codes=packet)
        world.record([fact for code in packet for fact in received(code)], codes=packet)


async def test_a_calm_portal_gets_every_record_and_every_row_once(tmp_path: Path) -> None:
    world, simulator = World(tmp_path), Simulator("calm")
    async with portal(world, simulator) as delivery:
        tell_all(world, CODES)
        await settled(world, delivery)
    holdings = simulator.holdings()
    assert sorted(holdings) == CODES
    for code in CODES:
        assert holdings[code]["status"] == "2"
        assert holdings[code]["fields"]["TrichYeuHoSo"] == f"Đề nghị mẫu {code}"
        assert [row["NoiDungXuLy"] for row in holdings[code]["rows"]] == [f"Đã tiếp nhận {code}"]
    assert world.parked() == {}


@pytest.mark.parametrize("seed", range(3))
async def test_in_a_storm_nothing_is_lost_and_a_row_is_double_only_where_the_log_doubts(
    tmp_path: Path, seed: int
) -> None:
    world, simulator = World(tmp_path), Simulator(seed=seed, weather=STORM)
    async with portal(world, simulator) as delivery:
        tell_all(world, CODES)
        await settled(world, delivery)
    holdings = simulator.holdings()
    assert sorted(holdings) == CODES
    names = {stream.hex(): code for code, stream in world.streams.items()}
    doubts = Counter(
        names[item.stream] for event in world.events(SyncConfirmed) for item in event.items if item.doubt and item.rows
    )
    for code in CODES:
        rows = [row["NoiDungXuLy"] for row in holdings[code]["rows"]]
        assert holdings[code]["status"] == "2"
        assert set(rows) == {f"Đã tiếp nhận {code}"}
        assert len(rows) == 1 or doubts[code] > 0
    assert world.parked() == {}
    assert len(world.refusals()) > 0


async def test_a_portal_that_tells_its_rows_gets_none_of_them_twice(tmp_path: Path) -> None:
    world = World(tmp_path)
    simulator = Simulator(seed=4, weather=Weather(cut_after=0.2, cut_before=0.1, error_after=0.1))
    async with portal(world, simulator) as delivery:
        tell_all(world, CODES[:60])
        await settled(world, delivery)
    holdings = simulator.holdings()
    assert sorted(holdings) == CODES[:60]
    assert {len(holdings[code]["rows"]) for code in CODES[:60]} == {1}
    assert not any(item.doubt for event in world.events(SyncConfirmed) for item in event.items)
