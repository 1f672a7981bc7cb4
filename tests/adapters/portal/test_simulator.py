"""The simulated portal and the online dossiers it hands in."""

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from aiohttp import ClientError, web
from aiohttp.test_utils import TestClient, TestServer

from adapters import registry
from adapters.portal import ADAPTER
from adapters.portal.online import AGENCY, online_record
from adapters.portal.simulator import PASSWORD, PROFILES, USERNAME, Simulator, Weather, online_dossiers
from contracts.ports import Profile
from tests.adapters.portal.specimens import CODE, envelope, packet, progress, record, row

Client = TestClient[web.Request, web.Application]


async def call(client: Client, body: bytes) -> dict[str, Any]:
    async with client.post("/mapi/g", data=body) as reply:
        answer: dict[str, Any] = await reply.json(content_type=None)
        return answer


async def logged_in(simulator: Simulator) -> tuple[Client, str]:
    client: Client = TestClient(TestServer(simulator.app()))
    await client.start_server()
    credentials = json.dumps({"username": USERNAME, "password": PASSWORD})
    async with client.post("/mapi/login", data=credentials) as reply:
        return client, (await reply.json())["session"]


def test_the_registry_knows_it_and_every_profile() -> None:
    assert registry.simulators()["portal"] is Simulator
    assert list(PROFILES) == ["calm", "slow", "flaky", "hostile"]
    assert all(weather.delay_s < 1 and weather.hang_s < 1 for weather in PROFILES.values())


async def test_rows_sent_again_stand_there_twice() -> None:
    simulator = Simulator()
    client, session = await logged_in(simulator)
    await call(client, packet(record(), session=session))

    for _ in range(2):
        await call(client, progress(row(), session=session))

    assert simulator.holdings()[CODE]["rows"] == [row(), row()]
    await client.close()


async def test_packets_are_answered_whole() -> None:
    simulator = Simulator()
    client, session = await logged_in(simulator)
    other = record(MaHoSo="000.21.44.H99-260915-0043")
    await call(client, packet(other, session=session))

    answer = await call(client, packet(record(), other, session=session))

    assert answer["error_code"] == "-3"
    assert CODE not in simulator.dossiers
    await client.close()


async def test_without_a_session_or_a_known_service_nothing_is_done() -> None:
    simulator = Simulator()
    client, session = await logged_in(simulator)

    assert (await call(client, packet(record())))["error_code"] == "2"
    assert (await call(client, packet(record(), session=session, service="KhongCo")))["error_code"] == "1"
    assert (await call(client, packet(session=session)))["error_code"] == "1"
    assert (await call(client, b"khong phai json"))["error_code"] == "2"
    assert simulator.holdings() == {}
    await client.close()


async def test_a_session_ends_after_its_calls() -> None:
    client, session = await logged_in(Simulator(weather=Weather(session_calls=2)))

    codes = [(await call(client, packet(record(), session=session, isUpdating="True")))["error_code"] for _ in range(3)]

    assert codes == ["0", "0", "2"]
    await client.close()


async def test_its_own_online_dossiers_are_known_to_it() -> None:
    simulator = Simulator(weather=Weather(strict=True))
    client, session = await logged_in(simulator)
    own = online_record(1, 0)

    asked = await call(
        client, json.dumps({"session": session, "service": "TraCuuHoSo", "mahoso": own["MaHoSo"]}).encode()
    )
    new = await call(client, packet(own, session=session))
    update = await call(client, packet(own, session=session, isUpdating="True"))

    assert asked["result"][0]["TrangThaiHoSo"] == "1"
    assert (new["error_code"], update["error_code"]) == ("-3", "0")
    await client.close()


@pytest.mark.parametrize("profile", ["flaky", "hostile"])
async def test_faults_are_those_of_the_seed(profile: str) -> None:
    async def run(seed: int) -> list[object]:
        simulator = Simulator(profile, seed, weather=_quick(PROFILES[profile]))
        client, session = await logged_in(simulator)
        seen: list[object] = []
        for number in range(40):
            body = packet(record(MaHoSo=f"000.21.44.H99-260915-{number:04d}"), session=session)
            try:
                async with client.post("/mapi/g", data=body) as reply:
                    seen.append((reply.status, await reply.text()))
            except (ClientError, OSError) as error:
                seen.append(type(error).__name__)
        await client.close()
        return seen

    first, again, other = await run(5), await run(5), await run(6)

    assert first == again
    assert first != other


def _quick(weather: Weather) -> Weather:
    return msgspec.structs.replace(weather, delay_s=0.0, hang_s=0.0, session_calls=0)


def test_online_dossiers_are_read_without_doubt_and_differ() -> None:
    bodies = list(online_dossiers(7, 60, per_packet=7))

    codes = []
    for body in bodies:
        reading = ADAPTER.read(envelope(body), Profile())
        assert (reading.refused, reading.parked) == ((), ())
        for one in reading.records:
            assert one.warnings == ()
            assert one.facts[-1].STATE == "submitted"
            codes.append(one.dossier)
    assert len(bodies) == 9
    assert len(set(codes)) == 60
    assert all(code.startswith(AGENCY) for code in codes)


def test_online_dossiers_depend_on_seed_and_number_alone() -> None:
    assert list(online_dossiers(7, 5)) == list(online_dossiers(7, 5))
    assert next(online_dossiers(7, 5, first=2)) == list(online_dossiers(7, 5))[2]
    assert list(online_dossiers(8, 5)) != list(online_dossiers(7, 5))


def test_codes_run_over_into_the_next_day() -> None:
    codes = [online_record(1, number)["MaHoSo"] for number in (0, 4_999, 5_000)]

    assert codes == [f"{AGENCY}-260105-0001", f"{AGENCY}-260105-5000", f"{AGENCY}-260106-0001"]
    assert all(one < other for one, other in pairwise(codes))
