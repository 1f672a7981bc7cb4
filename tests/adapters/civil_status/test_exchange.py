"""The client side over real HTTP against the simulated service: log in, pull, acknowledge, push, ask."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestServer

from adapters.civil_status import ADAPTER, CivilStatusAdapter
from adapters.civil_status.simulator import PASSWORD, PROFILES, USERNAME, Simulator
from adapters.transports.http_client import HttpTransport
from adapters.transports.memory import MemoryTransport
from contracts.delivery import Rendering, Reply, Request
from contracts.errors import TargetUnavailable
from contracts.ports import Address, Profile, Remote, Source

NOW = 1_770_000_000_000_000
ARRAYS = Profile(options={"arrays": "true"})


@asynccontextmanager
async def serving(simulator: Simulator) -> AsyncIterator[tuple[Address, HttpTransport]]:
    transport = HttpTransport()
    async with TestServer(simulator.app()) as server:
        try:
            yield Address(base_url=str(server.make_url("/")), username=USERNAME, secret=PASSWORD), transport
        finally:
            await transport.close()


def message(code: str, status: int = 3, time: str = "06/01/2026 08:00:00") -> Rendering:
    body = msgspec.json.encode(
        {"maTTHC": "2.002621", "maHoSo": code, "trangThai": status, "thoiGianThucHien": time, "soHoSoLT": None}
    )
    return Rendering(lane="trangthai", service="TrangThai", updating=False, code=code, body=body, rows=(1,))


def source(address: Address, transport: HttpTransport | MemoryTransport) -> Source:
    found = ADAPTER.source(address, transport, "btp", lambda: NOW)
    assert found is not None
    return found


def remote(address: Address, transport: HttpTransport | MemoryTransport, profile: Profile = ARRAYS) -> Remote:
    return ADAPTER.remote(address, transport, profile)


async def persist(step: Callable[[], Awaitable[Any]], *, tries: int = 60) -> Any:
    """Try again until the target lets it through, as a hub would."""
    for _ in range(tries):
        try:
            return await step()
        except TargetUnavailable:
            await asyncio.sleep(0)
    raise AssertionError("never let through")


# ── pulling ────────────────────────────────────────────────────────────────────────────────────────


async def test_waiting_dossiers_are_pulled_oldest_first_and_read() -> None:
    simulator = Simulator()
    codes = simulator.enqueue(5)
    async with serving(simulator) as (address, transport):
        pulled = await source(address, transport).poll()
    assert [one.handle for one in pulled] == codes
    readings = [ADAPTER.read(one.envelope, Profile()) for one in pulled]
    assert [reading.records[0].dossier for reading in readings] == codes
    envelope = pulled[0].envelope
    assert (envelope.party, envelope.received_at, envelope.transport) == ("btp", NOW, "pull")


async def test_what_was_not_acknowledged_comes_again_and_nothing_else() -> None:
    simulator = Simulator()
    codes = simulator.enqueue(3)
    async with serving(simulator) as (address, transport):
        asked = source(address, transport)
        first = await asked.poll()
        await asked.acknowledge(first[1].handle)
        again = await asked.poll()
    assert [one.handle for one in again] == [codes[0], codes[2]]
    assert again[0].envelope.body == first[0].envelope.body
    assert simulator.waiting() == (codes[0], codes[2])


async def test_acknowledging_twice_is_harmless() -> None:
    simulator = Simulator()
    (code,) = simulator.enqueue(1)
    async with serving(simulator) as (address, transport):
        asked = source(address, transport)
        await asked.acknowledge(code)
        await asked.acknowledge(code)
        assert await asked.poll() == []


async def test_a_list_that_names_a_dossier_twice_brings_it_once() -> None:
    simulator = Simulator("hostile", seed=5)
    codes = simulator.enqueue(20)
    async with serving(simulator) as (address, transport):
        pulled = await persist(source(address, transport).poll)
    handles = [one.handle for one in pulled]
    assert len(set(handles)) == len(handles)
    assert set(handles) <= set(codes)


@pytest.mark.parametrize("profile", ["flaky", "hostile"])
async def test_every_dossier_arrives_through_any_weather(profile: str) -> None:
    simulator = Simulator(profile, seed=11)
    codes = simulator.enqueue(30)
    arrived: dict[str, bytes] = {}
    async with serving(simulator) as (address, transport):
        asked = source(address, transport)
        while simulator.waiting():
            for one in await persist(asked.poll):
                assert arrived.setdefault(one.handle, one.envelope.body) == one.envelope.body
                try:
                    await asked.acknowledge(one.handle)
                except TargetUnavailable:
                    continue
    assert set(arrived) == set(codes)


async def test_a_detail_that_fails_is_left_for_later_and_holds_up_no_other() -> None:
    async def handler(request: Request) -> Reply:
        if request.url.endswith("/b"):
            return Reply(status=500)
        if "/hosolienthong/" in request.url:
            return Reply(status=200, body=b'{"data": {"maHoSo": "sai"}}')
        listed = [{"id": name, "maHoSo": name.upper()} for name in "abc"]
        return Reply(status=200, body=msgspec.json.encode({"data": listed}))

    asked = source(Address(base_url="http://mau.example.vn"), MemoryTransport(handler))
    assert [one.handle for one in await asked.poll()] == ["A", "C"]


@pytest.mark.parametrize(
    "answer", [b"Client received SOAP Fault from server: x", b"<Fault/>", b'{"data": null}', b'{"status": 0}', b"[]"]
)
async def test_a_fault_in_place_of_a_detail_never_becomes_a_message(answer: bytes) -> None:
    async def handler(request: Request) -> Reply:
        listed = b'{"data": [{"id": 1, "maHoSo": "A"}]}'
        return Reply(status=200, body=answer if request.url.endswith("/1") else listed)

    assert await source(Address(base_url="http://mau.example.vn"), MemoryTransport(handler)).poll() == []


@pytest.mark.parametrize("body", [b"", b"{", b'{"data": 1}', b"[]", b"[" * 100_000])
async def test_an_unreadable_list_is_the_targets_fault(body: bytes) -> None:
    async def handler(_: Request) -> Reply:
        return Reply(status=200, body=body)

    with pytest.raises(TargetUnavailable):
        await source(Address(base_url="http://mau.example.vn"), MemoryTransport(handler)).poll()


async def test_an_acknowledgement_that_was_not_taken_is_not_believed() -> None:
    async def handler(_: Request) -> Reply:
        return Reply(status=200, body='{"message": "Cập nhật không thành công"}'.encode())

    with pytest.raises(TargetUnavailable):
        await source(Address(base_url="http://mau.example.vn"), MemoryTransport(handler)).acknowledge("x")


# ── sessions ───────────────────────────────────────────────────────────────────────────────────────


async def test_wrong_credentials_are_told_and_nothing_is_sent() -> None:
    simulator = Simulator()
    async with serving(simulator) as (address, transport):
        wrong = msgspec.structs.replace(address, secret="sai")
        outcome = await remote(wrong, transport).send([message("a")])
        with pytest.raises(TargetUnavailable):
            await source(wrong, transport).poll()
    assert outcome.verdict == "retry"
    assert not simulator.holdings()


async def test_an_ended_session_is_renewed_once_and_the_message_goes_through() -> None:
    logins = 0
    refusals = [401]

    async def handler(request: Request) -> Reply:
        nonlocal logins
        if "gettoken" in request.url:
            logins += 1
            return Reply(status=200, body=msgspec.json.encode({"token": f"t{logins}"}))
        if refusals:
            return Reply(status=refusals.pop())
        assert ("authorization", "Bearer t2") in request.headers
        return Reply(status=200, body=b'{"status": 1}')

    address = Address(base_url="http://mau.example.vn/", username="u", secret="s")
    outcome = await remote(address, MemoryTransport(handler)).send([message("a")])
    assert (outcome.verdict, logins) == ("done", 2)


async def test_a_push_without_credentials_sends_none() -> None:
    simulator = Simulator()
    async with serving(simulator) as (address, transport):
        anonymous = Address(base_url=address.base_url)
        outcome = await remote(anonymous, transport).send([message("a")])
        with pytest.raises(TargetUnavailable):
            await source(anonymous, transport).poll()
    assert outcome.verdict == "done"


# ── pushing ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_status_arrives_and_is_told_back_when_asked() -> None:
    simulator = Simulator()
    async with serving(simulator) as (address, transport):
        target = remote(address, transport)
        assert (await target.ask("a")).known is False
        assert (await target.send([message("a", 1)])).verdict == "done"
        assert (await target.send([message("a", 3, "07/01/2026 08:00:00")])).verdict == "done"
        standing = await target.ask("a")
    assert (standing.askable, standing.known, standing.state, standing.rows) == (True, True, "3", None)
    assert [row["trangThai"] for row in simulator.holdings()["a"]["rows"]] == [1, 3]


async def test_an_array_is_one_request() -> None:
    simulator = Simulator()
    async with serving(simulator) as (address, transport):
        outcome = await remote(address, transport).send([message(f"d{n}") for n in range(100)])
    assert outcome.verdict == "done"
    assert len(simulator.holdings()) == 100
    assert simulator.requests == 1


async def test_an_array_is_taken_whole_or_not_at_all() -> None:
    simulator = Simulator()
    async with serving(simulator) as (address, transport):
        outcome = await remote(address, transport).send([message("a"), message("b", 99), message("c")])
    assert outcome.verdict == "permanent"
    assert not simulator.holdings()


async def test_what_is_sent_twice_is_kept_twice() -> None:
    simulator = Simulator()
    async with serving(simulator) as (address, transport):
        target = remote(address, transport)
        assert [(await target.send([message("a")])).verdict for _ in range(2)] == ["done", "done"]
    assert len(simulator.holdings()["a"]["rows"]) == 2


async def test_without_arrays_messages_go_one_by_one_until_one_is_not_done() -> None:
    simulator = Simulator()
    async with serving(simulator) as (address, transport):
        one_by_one = remote(address, transport, Profile())
        outcome = await one_by_one.send([message("a"), message("b", 99), message("c")])
    assert outcome.verdict == "permanent"
    assert list(simulator.holdings()) == ["a"]


async def test_a_message_in_its_carrier_is_understood_by_the_service() -> None:
    simulator = Simulator()
    plain = message("a")
    carried = msgspec.structs.replace(plain, body=msgspec.json.encode({"module": "KS", "data": plain.body.decode()}))
    async with serving(simulator) as (address, transport):
        assert (await remote(address, transport).send([carried])).verdict == "done"
    assert list(simulator.holdings()) == ["a"]


async def test_a_reply_that_was_cut_is_unknown_and_one_that_never_left_is_retried() -> None:
    async def handler(_: Request) -> Reply:
        return Reply(status=200, body=b'{"status": 1}')

    address = Address(base_url="http://mau.example.vn")
    transport = MemoryTransport(handler, faults=["after", "before", ""])
    target = remote(address, transport)
    verdicts = [(await target.send([message("a")])).verdict for _ in range(3)]
    assert verdicts == ["unknown", "retry", "done"]


async def test_a_login_that_was_cut_is_no_doubt_about_the_message() -> None:
    async def handler(_: Request) -> Reply:
        return Reply(status=200, body=b'{"token": "t"}')

    transport = MemoryTransport(handler, faults=["after"])
    target = remote(Address(base_url="http://mau.example.vn", username="u"), transport)
    assert (await target.send([message("a")])).verdict == "retry"


@pytest.mark.parametrize("profile", sorted(PROFILES))
async def test_in_any_weather_the_service_ends_up_with_what_it_was_told(profile: str) -> None:
    simulator = Simulator(profile, seed=3)
    verdicts: list[str] = []
    async with serving(simulator) as (address, transport):
        target = remote(address, transport)
        for number in range(5 if profile == "slow" else 40):
            for _ in range(60):
                verdicts.append((await target.send([message(f"d{number}")])).verdict)
                if verdicts[-1] == "done":
                    break
    holdings = simulator.holdings()
    assert len(holdings) == verdicts.count("done")
    assert sum(len(holding["rows"]) for holding in holdings.values()) <= verdicts.count("done") + verdicts.count(
        "unknown"
    )
    assert set(verdicts) <= {"done", "retry", "unknown"}


async def test_a_target_that_can_not_be_asked_says_so() -> None:
    async def handler(_: Request) -> Reply:
        return Reply(status=404)

    address = Address(base_url="http://mau.example.vn")
    assert not (await remote(address, MemoryTransport(handler)).ask("a")).askable
    silent = Profile(options={"askable": "false"})
    assert not (await remote(address, MemoryTransport(handler), silent).ask("a")).askable


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b""), (200, b'{"status": 1}'), (200, b"[]")])
async def test_an_answer_that_tells_nothing_is_the_targets_fault(status: int, body: bytes) -> None:
    async def handler(_: Request) -> Reply:
        return Reply(status=status, body=body)

    with pytest.raises(TargetUnavailable):
        await remote(Address(base_url="http://mau.example.vn"), MemoryTransport(handler)).ask("a")


async def test_paths_are_configurable() -> None:
    async def handler(request: Request) -> Reply:
        assert request.url == "http://mau.example.vn/v9/status"
        return Reply(status=200, body=b'{"status": 1}')

    profile = Profile(options={"path.status": "/v9/status"})
    target = remote(Address(base_url="http://mau.example.vn/"), MemoryTransport(handler), profile)
    assert (await target.send([message("a")])).verdict == "done"
    await target.close()


# ── the simulator's own rules ──────────────────────────────────────────────────────────────────────


async def test_with_its_rules_on_the_service_refuses_steps_out_of_order_in_its_own_words() -> None:
    simulator = Simulator(rules=True)
    async with serving(simulator) as (address, transport):
        target = remote(address, transport)
        verdicts = [(await target.send([message("a", status)])).verdict for status in (4, 1, 5, 4, 3, 5, 3)]
        refused = [(await target.send([message("b", status)])).verdict for status in (1, 6, 3)]
    assert verdicts == ["retry", "done", "permanent", "done", "done", "done", "done"]
    assert refused == ["done", "done", "done"]
    assert [row["trangThai"] for row in simulator.holdings()["a"]["rows"]] == [1, 4, 5]
    assert [row["trangThai"] for row in simulator.holdings()["b"]["rows"]] == [1, 6]


async def test_the_newest_status_is_the_one_of_the_latest_time() -> None:
    simulator = Simulator()
    async with serving(simulator) as (address, transport):
        target = remote(address, transport)
        for status, time in ((3, "06/01/2026 08:00:00"), (4, "09/01/2026 08:00:00"), (7, "07/01/2026 08:00:00")):
            await target.send([message("a", status, time)])
    assert simulator.holdings()["a"]["status"] == "4"


async def test_one_seed_is_one_world() -> None:
    def world(seed: int) -> list[str]:
        simulator = Simulator("hostile", seed)
        return simulator.enqueue(8)

    assert world(1) == world(1)
    assert world(1) != world(2)


def test_arrays_are_for_parties_that_agreed_to_them() -> None:
    assert isinstance(ADAPTER, CivilStatusAdapter)
    assert ADAPTER.for_profile(Profile()).batch_limit == 1
    assert ADAPTER.for_profile(ARRAYS).batch_limit == 100
    assert ADAPTER.for_profile(ARRAYS).mapping_hash() == ADAPTER.mapping_hash()
