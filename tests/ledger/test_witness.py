"""Asking a witness: it follows the log, and what it knows better stops the log."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.transports.fetch import TransportFetch
from adapters.transports.memory import MemoryTransport
from contracts.delivery import Reply, Request
from hub.world_seeded import MemoryFiles
from ledger.witness import Contradiction, WitnessClient
from ledger.witnessing import WitnessService
from tests.ledger.plain_log import PlainLog, entry
from tests.ledger.witness_pair import client, over, service


def forked(size: int, at: int) -> PlainLog:
    """Another history under the same key: the same up to ``at``, then different."""
    log = PlainLog(at)
    log.append([entry(number) + b" " for number in range(at, size)])
    return log


def saying(status: int, body: str) -> MemoryTransport:
    async def answer(_request: Request) -> Reply:
        return Reply(status=status, body=body.encode())

    return MemoryTransport(answer)


async def test_growth_is_cosigned_and_the_next_request_starts_from_it() -> None:
    log = PlainLog(3)
    witness = service(log)
    transport = over(witness)
    asking = client(log, witness, transport)
    for size in (3, 4, 256, 257, 700):
        log.grow_to(size)
        answer = await asking.ask(log.head())
        assert answer.outcome == "ok"
        assert answer.cosignature is not None
        assert asking.known.size == size
    assert [request.body.split(b"\n", 1)[0] for request in transport.sent] == [
        *(b"old 0", b"old 3", b"old 4", b"old 256", b"old 257"),
    ]


async def test_the_same_tree_is_cosigned_again_with_a_newer_time() -> None:
    log = PlainLog(5)
    witness = service(log)
    asking = client(log, witness, over(witness))
    first = (await asking.ask(log.head())).cosignature
    second = (await asking.ask(log.head())).cosignature
    assert first is not None
    assert second is not None
    assert second.at_s > first.at_s


async def test_a_client_without_memory_is_told_where_the_witness_stands() -> None:
    log = PlainLog(5)
    witness = service(log)
    await client(log, witness, over(witness)).ask(log.head())
    log.grow_to(9)
    transport = over(witness)
    assert (await client(log, witness, transport).ask(log.head())).outcome == "ok"
    assert [request.body.split(b"\n", 1)[0] for request in transport.sent] == [b"old 0", b"old 5"]


async def test_a_witness_that_knows_more_than_was_committed_stops_the_log() -> None:
    """The hub's directory was restored whole from an older copy: only the witness can know (finding ROLLBACK)."""
    log = PlainLog(9)
    witness = service(log)
    await client(log, witness, over(witness)).ask(log.head())
    restored = PlainLog(5)
    with pytest.raises(Contradiction, match="ROLLBACK") as caught:
        await client(restored, witness, over(witness)).ask(restored.head())
    assert (caught.value.finding, caught.value.code) == ("ROLLBACK", "ledger.rollback")


@pytest.mark.parametrize(("size", "at"), [(9, 4), (9, 8), (12, 4), (300, 8)])
async def test_a_witness_that_knows_another_tree_stops_the_log(size: int, at: int) -> None:
    """Yesterday's database with other events appended, the same key: 409 at the same size, 422 beyond (FORK)."""
    log = PlainLog(9)
    witness = service(log)
    await client(log, witness, over(witness)).ask(log.head())
    fork = forked(size, at)
    with pytest.raises(Contradiction, match="FORK"):
        await client(fork, witness, over(witness)).ask(fork.head())


async def test_what_a_witness_once_cosigned_stops_a_fork_even_when_it_can_not_be_reached() -> None:
    log = PlainLog(9)
    witness = service(log)
    files = MemoryFiles()
    await client(log, witness, over(witness), files).ask(log.head())
    fork = forked(12, 4)
    transport = over(witness, ["before"])
    with pytest.raises(Contradiction, match="FORK"):
        await client(fork, witness, transport, files).ask(fork.head())
    shorter = PlainLog(5)
    with pytest.raises(Contradiction, match="ROLLBACK"):
        await client(shorter, witness, transport, files).ask(shorter.head())
    assert transport.sent == []


async def test_a_witness_that_lost_its_memory_is_not_used() -> None:
    """It is never proved to from a smaller tree than it cosigned before."""
    log = PlainLog(9)
    witness = service(log)
    files = MemoryFiles()
    await client(log, witness, over(witness), files).ask(log.head())
    log.grow_to(12)
    forgetful = service(log)
    transport = over(forgetful)
    answer = await client(log, forgetful, transport, files).ask(log.head())
    assert answer.outcome == "refused"
    assert answer.reason == "it fell back from 9 to 0"
    assert len(transport.sent) == 1


async def test_a_witness_that_contradicts_its_own_signature_is_refused_and_stops_nothing() -> None:
    log = PlainLog(9)
    witness = service(log)
    files = MemoryFiles()
    await client(log, witness, over(witness), files).ask(log.head())
    log.grow_to(10)
    answer = await client(log, witness, saying(422, ""), files).ask(log.head())
    assert answer.outcome == "refused"
    assert "its own cosignature" in answer.reason


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (404, "", "refused"),
        (403, "", "refused"),
        (400, "", "refused"),
        (500, "", "unavailable"),
        (307, "", "unavailable"),
        (200, "", "refused"),
        (200, "\u2014 ai-do.example/w AAAA\n", "refused"),
        (200, "<html>", "refused"),
        (409, "", "refused"),
        (409, "007\n", "refused"),
        (409, "7", "refused"),
        (409, "-1\n", "refused"),
        (409, "0\n", "refused"),
        (409, "9" * 4_000 + "\n", "refused"),
        (409, "4\n", "refused"),
    ],
)
async def test_answers_that_are_no_cosignature_are_its_own_trouble(status: int, body: str, outcome: str) -> None:
    log = PlainLog(9)
    asking = client(log, service(log), saying(status, body))
    answer = await asking.ask(log.head())
    assert answer.outcome == outcome
    assert answer.reason == asking.trouble != ""
    assert asking.known.size == 0


async def test_a_line_of_the_right_name_that_does_not_verify_is_refused() -> None:
    log = PlainLog(9)
    witness = service(log)
    other = PlainLog(8)
    line = service(other).add_checkpoint(f"old 0\n\n{other.head()}".encode()).body
    answer = await client(log, witness, saying(200, line)).ask(log.head())
    assert (answer.outcome, "does not verify" in answer.reason) == ("refused", True)


async def test_a_lost_answer_is_made_up_for_by_the_next_request() -> None:
    """The witness kept our tree and its answer was lost: asked again, it says where it stands."""
    log = PlainLog(9)
    witness = service(log)
    transport = over(witness, ["after"])
    asking = client(log, witness, transport)
    assert (await asking.ask(log.head())).outcome == "unavailable"
    log.grow_to(11)
    assert (await asking.ask(log.head())).outcome == "ok"


async def test_a_witness_ahead_of_what_is_published_is_waited_for() -> None:
    """Published may lag behind committed after a crash; that is no contradiction."""
    log = PlainLog(9)
    witness = service(log)
    asking = client(log, witness, over(witness))
    await asking.ask(log.head())
    answer = await asking.ask(log.notes.setdefault(5, PlainLog(5).head()))
    assert (answer.outcome, answer.reason) == ("unavailable", "it is at 9, ahead of what is published")


async def test_memory_that_can_not_be_read_is_asked_for_anew() -> None:
    log = PlainLog(9)
    witness = service(log)
    files = MemoryFiles()
    asking = client(log, witness, over(witness), files)
    await asking.ask(log.head())
    (name,) = files.list("witness/asked/")
    for content in (b"", b"{", b'{"vkey":"x","size":-1,"root":"zz"}'):
        files.write_durable(name, content)
        assert (await client(log, witness, over(witness), files).ask(log.head())).outcome == "ok"


@settings(max_examples=60, deadline=None)
@given(status=st.sampled_from([200, 409, 422, 404, 500]), body=st.binary(max_size=60))
def test_no_answer_of_a_witness_ends_in_anything_but_an_outcome_or_a_contradiction(status: int, body: bytes) -> None:
    async def ask() -> None:
        log = PlainLog(9)

        async def answer(_request: Request) -> Reply:
            return Reply(status=status, body=body)

        asking: WitnessClient = client(log, service(log), MemoryTransport(answer))
        if status in {409, 422}:
            with suppress(Contradiction):
                await asking.ask(log.head())
        else:
            await asking.ask(log.head())

    asyncio.run(ask())


async def test_a_reply_too_large_is_unavailable() -> None:
    log = PlainLog(2)

    async def flood(_request: Request) -> Reply:
        return Reply(status=200, body=b"x" * 300_000)

    witness: WitnessService = service(log)
    asking = client(log, witness, over(witness))
    asking._fetch = TransportFetch(MemoryTransport(flood))
    assert (await asking.ask(log.head())).outcome == "unavailable"
