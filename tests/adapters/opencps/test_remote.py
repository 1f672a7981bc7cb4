"""The client side over real HTTP against the simulated province, and over memory where the medium must fail."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestServer

from adapters.opencps import ADAPTER
from adapters.opencps.invented import life_of
from adapters.opencps.simulator import PASSWORD, PROFILES, USERNAME, Simulator
from adapters.transports.http_client import HttpTransport
from adapters.transports.memory import MemoryTransport
from contracts.delivery import Outcome, Rendering, Reply, Request, Standing
from contracts.ports import Address, Profile, Remote

ARRAYS = Profile(options={"sync_arrays": "true", "trace_arrays": "true"})
LIFE = next(life_of(1, 1))


@asynccontextmanager
async def serving(simulator: Simulator, base: str = "/opencps") -> AsyncIterator[tuple[Address, HttpTransport]]:
    transport = HttpTransport()
    async with TestServer(simulator.app()) as server:
        try:
            yield Address(base_url=str(server.make_url(base)), username=USERNAME, secret=PASSWORD), transport
        finally:
            await transport.close()


def rendering(path: str, body: bytes, row: int = 0) -> Rendering:
    service = path.rpartition("/")[2]
    code = msgspec.json.decode(body)["DocCode"]
    return Rendering(lane=service, service=service, updating=False, code=code, body=body, rows=(row,) if row else ())


def renderings(messages: Sequence[tuple[str, bytes]], service: str) -> list[Rendering]:
    wanted = [message for message in messages if message[0].endswith("/" + service)]
    return [
        rendering(path, body, index if service.startswith("U") else 0) for index, (path, body) in enumerate(wanted, 1)
    ]


DOCUMENTS = renderings(LIFE.messages, "SyncDocument")
ROWS = renderings(LIFE.messages, "UpdateDocumentTraces")


def remote(address: Address, transport: HttpTransport | MemoryTransport, profile: Profile | None = None) -> Remote:
    return ADAPTER.remote(address, transport, profile or Profile())


async def test_one_token_serves_many_messages_and_documents_are_overwritten() -> None:
    simulator = Simulator()
    async with serving(simulator) as (address, transport):
        party = remote(address, transport)
        for document in DOCUMENTS:
            assert (await party.send([document])).verdict == "done"
        for row in ROWS:
            assert (await party.send([row])).verdict == "done"
        await party.close()

    held = simulator.holdings()[LIFE.code]
    assert simulator.requests == 1 + len(DOCUMENTS) + len(ROWS)
    assert held["fields"] == msgspec.json.decode(DOCUMENTS[-1].body)
    assert held["rows"] == [msgspec.json.decode(row.body) for row in ROWS]
    assert held["status"] == held["fields"]["DossierStatus"]


async def test_the_service_also_stands_at_the_root_and_a_closing_slash_is_harmless() -> None:
    simulator = Simulator()
    async with serving(simulator, "/") as (address, transport):
        assert (await remote(address, transport).send(DOCUMENTS[:1])).verdict == "done"


async def test_a_row_sent_twice_stands_there_twice() -> None:
    simulator = Simulator()
    async with serving(simulator) as (address, transport):
        party = remote(address, transport)
        await party.send(ROWS[:1])
        await party.send(ROWS[:1])

    assert len(simulator.holdings()[LIFE.code]["rows"]) == 2
    assert simulator.holdings()[LIFE.code]["status"] == ""


async def test_arrays_travel_as_one_request_where_they_are_agreed() -> None:
    simulator = Simulator()
    async with serving(simulator) as (address, transport):
        party = remote(address, transport, ARRAYS)
        assert (await party.send(DOCUMENTS)).verdict == "done"
        assert (await party.send(ROWS)).verdict == "done"

    assert simulator.requests == 3
    assert len(simulator.holdings()[LIFE.code]["rows"]) == len(ROWS)


async def test_a_wrong_secret_is_waited_for_and_nothing_is_sent() -> None:
    simulator = Simulator()
    async with serving(simulator) as (address, transport):
        wrong = msgspec.structs.replace(address, secret="sai")
        outcome = await remote(wrong, transport).send(DOCUMENTS[:1])

    assert (outcome.verdict, outcome.retry_after_s) == ("retry", 60.0)
    assert not simulator.holdings()


async def test_rows_before_their_document_are_told_apart_from_other_refusals() -> None:
    simulator = Simulator(rules=True)
    async with serving(simulator) as (address, transport):
        party = remote(address, transport)
        assert (await party.send(ROWS[:1])).verdict == "missing"
        assert (await party.send(DOCUMENTS[:1])).verdict == "done"
        assert (await party.send(ROWS[:1])).verdict == "done"


async def test_a_document_outside_the_contract_is_refused_for_good() -> None:
    broken = rendering("/SyncDocument", b'{"DocCode": "x"}')
    simulator = Simulator()
    async with serving(simulator) as (address, transport):
        assert (await remote(address, transport).send([broken])).verdict == "permanent"


async def test_what_the_target_holds_can_not_be_asked() -> None:
    party = remote(Address(base_url="http://x"), MemoryTransport(_never))
    assert await party.ask("bất kỳ") == Standing(askable=False)


async def _never(_request: Request) -> Reply:
    raise AssertionError("nothing is asked")


class Peer:
    """A scripted other side: ``answers`` by path ending, requests kept."""

    def __init__(self, *answers: Reply, life_s: Any = 3_600) -> None:
        self.answers = list(answers)
        self.life_s = life_s
        self.tokens = 0
        self.seen: list[Request] = []

    async def __call__(self, request: Request) -> Reply:
        if request.url.endswith("/token"):
            self.tokens += 1
            token = {"access_token": f"t{self.tokens}", "expires_in": self.life_s}
            return Reply(status=200, body=msgspec.json.encode(token))
        self.seen.append(request)
        return self.answers.pop(0) if self.answers else Reply(status=200, body=b'{"Status": 1}')


ADDRESS = Address(base_url="http://tinh.example.vn/", username="khoá & bí=mật", secret="m%t+khẩu")


async def test_the_token_is_asked_for_as_a_form_and_used_as_bearer() -> None:
    requests: list[Request] = []

    async def answer(request: Request) -> Reply:
        requests.append(request)
        return Reply(status=200, body=b'{"access_token": "abc", "Status": 1}')

    await remote(ADDRESS, MemoryTransport(answer)).send(DOCUMENTS[:1])

    asked, sent = requests
    assert asked.url == "http://tinh.example.vn/token"
    assert dict(asked.headers)["content-type"] == "application/x-www-form-urlencoded"
    assert asked.body.startswith(
        b"grant_type=client_credentials&client_id=kho%C3%A1+%26+b%C3%AD%3Dm%E1%BA%ADt&client_secret="
    )
    assert "authorization" not in dict(asked.headers)
    assert sent.url == "http://tinh.example.vn/Document/SyncDocument"
    assert dict(sent.headers)["authorization"] == "Bearer abc"
    assert sent.body == DOCUMENTS[0].body


async def test_a_refused_token_is_renewed_once_and_the_message_sent_again() -> None:
    peer = Peer(Reply(status=401))
    outcome = await remote(ADDRESS, MemoryTransport(peer)).send(DOCUMENTS[:1])

    assert outcome.verdict == "done"
    assert [dict(request.headers)["authorization"] for request in peer.seen] == ["Bearer t1", "Bearer t2"]


async def test_a_target_that_refuses_every_token_is_waited_for() -> None:
    peer = Peer(*[Reply(status=401)] * 4)
    outcome = await remote(ADDRESS, MemoryTransport(peer)).send(DOCUMENTS[:1])

    assert outcome.verdict == "retry"
    assert len(peer.seen) == 2


@pytest.mark.parametrize(("life_s", "tokens"), [(3_600, 1), ("3600", 1), (None, 1), ("vô hạn", 1), (0.02, 2), (-5, 1)])
async def test_a_token_is_renewed_before_it_ends(life_s: Any, tokens: int) -> None:
    peer = Peer(life_s=life_s)
    party = remote(ADDRESS, MemoryTransport(peer))
    await party.send(DOCUMENTS[:1])
    if life_s == 0.02:
        party._session._ends = asyncio.get_running_loop().time()  # type: ignore[attr-defined]  # instead of waiting
    await party.send(DOCUMENTS[:1])

    assert peer.tokens == tokens


async def test_an_address_without_a_client_id_is_spoken_to_without_a_token() -> None:
    peer = Peer()
    await remote(Address(base_url="http://x/p/abc"), MemoryTransport(peer)).send(DOCUMENTS[:1])

    assert peer.tokens == 0
    assert "authorization" not in dict(peer.seen[0].headers)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"access_token": 5}', b"<html/>"])
async def test_an_answer_without_a_token_is_waited_for(body: bytes) -> None:
    async def answer(request: Request) -> Reply:
        assert request.url.endswith("/token")
        return Reply(status=200, body=body)

    assert (await remote(ADDRESS, MemoryTransport(answer)).send(DOCUMENTS[:1])).verdict == "retry"


async def test_a_cut_says_whether_the_message_may_have_arrived() -> None:
    peer = Peer()
    lost_token = await remote(ADDRESS, MemoryTransport(peer, faults=["after"])).send(DOCUMENTS[:1])
    not_sent = await remote(ADDRESS, MemoryTransport(peer, faults=["", "before"])).send(DOCUMENTS[:1])
    unsure = await remote(ADDRESS, MemoryTransport(peer, faults=["", "after"])).send(DOCUMENTS[:1])

    assert [outcome.verdict for outcome in (lost_token, not_sent, unsure)] == ["retry", "retry", "unknown"]
    assert [outcome.phrase for outcome in (not_sent, unsure)] == ["target.unavailable", "target.unknown"]


async def bisected(party: Remote, batch: Sequence[Rendering]) -> list[Outcome]:
    """Split a failing batch until every rendering has its own outcome, as the hub does."""
    outcome = await party.send(batch)
    if outcome.verdict == "done" or len(batch) == 1:
        return [outcome] * len(batch)
    middle = len(batch) // 2
    return [*await bisected(party, batch[:middle]), *await bisected(party, batch[middle:])]


async def test_splitting_a_failed_batch_sends_nothing_twice_that_was_taken() -> None:
    simulator = Simulator(rules=True)
    body = ROWS[0].body.replace(LIFE.code.encode(), "lạ-001".encode())
    stranger = msgspec.structs.replace(ROWS[0], body=body, code="lạ-001", rows=(99,))
    batch = [*ROWS[:3], stranger, *ROWS[3:]]
    async with serving(simulator) as (address, transport):
        party = remote(address, transport)
        await party.send(DOCUMENTS[:1])
        outcomes = await bisected(party, batch)
        assert (await party.send(ROWS[:1])).verdict == "done"

    assert [outcome.verdict for outcome in outcomes].count("missing") == 1
    held = [row["DateCreated"] for row in simulator.holdings()[LIFE.code]["rows"]]
    assert held == [*(msgspec.json.decode(row.body)["DateCreated"] for row in ROWS), held[0]]


@pytest.mark.parametrize("profile", sorted(PROFILES))
async def test_every_kind_of_weather_ends_with_everything_there(profile: str) -> None:
    simulator = Simulator(profile, seed=4)
    simulator._weather = msgspec.structs.replace(PROFILES[profile], delay_s=0.001)  # type: ignore[misc]  # not to wait
    async with serving(simulator) as (address, transport):
        party = remote(address, transport)
        for message in [*DOCUMENTS, *ROWS] * 3:
            for _ in range(50):
                if (await party.send([message])).verdict == "done":
                    break
            else:
                raise AssertionError("never taken")

    held = simulator.holdings()[LIFE.code]
    assert held["fields"] == msgspec.json.decode(DOCUMENTS[-1].body)
    assert {row["DateCreated"] for row in held["rows"]} == {
        msgspec.json.decode(row.body)["DateCreated"] for row in ROWS
    }
    assert len(held["rows"]) >= 3 * len(ROWS)


async def test_the_same_seed_draws_the_same_weather() -> None:
    async def verdicts(seed: int) -> list[str]:
        simulator = Simulator("hostile", seed)
        simulator._weather = msgspec.structs.replace(PROFILES["hostile"], delay_s=0)  # type: ignore[misc]  # not to wait
        async with serving(simulator) as (address, transport):
            party = remote(address, transport)
            return [(await party.send(DOCUMENTS[:1])).verdict for _ in range(60)]

    first = await verdicts(1)
    assert first == await verdicts(1)
    assert len(set(first)) > 2
    assert first != await verdicts(2)
