"""One seed decides everything: two hubs wired in one process with the same seed, clock and messages are one hub."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from adapters.opencps.invented import life_of
from contracts.envelope import Envelope
from contracts.errors import MessageRefused
from hub.governance import record_start
from hub.wiring import Hub
from hub.world_seeded import SeededEntropy
from ledger import checkpoint
from tests.integration.conftest import seeded_hub
from tests.integration.samples import packet, record, row


def messages(seed: int) -> list[Envelope]:
    """What a province and the portal send, with repetitions, late messages and some that nobody can read."""
    sent = [
        Envelope(
            party="tinh-mau", adapter="opencps", body=body, received_at=0, type=f"opencps/{path.rpartition('/')[2]}"
        )
        for life in life_of(seed, 4)
        for path, body in life.messages
    ]
    packets = [packet(record(number)) for number in range(1, 5)]
    packets += [packet(row(number), service="CapNhatTienDoHoSoMC") for number in range(1, 5)]
    sent += [
        Envelope(party="cong-dvcqg", adapter="portal", body=msgspec.json.encode(one), received_at=0) for one in packets
    ]
    sent.append(Envelope(party="cong-dvcqg", adapter="portal", body=b"khong phai JSON", received_at=0))
    sent.extend(sent[::3])
    order = SeededEntropy(seed)
    sent.sort(key=lambda _: order.random())
    return sent


async def feed(hub: Hub, sent: Sequence[Envelope]) -> None:
    record_start(hub.ledger, hub.parties, hub.adapters, {}, hub.world.clock)
    for envelope in sent:
        try:
            await hub.reception(msgspec.structs.replace(envelope, received_at=hub.world.clock.now()))
        except MessageRefused:
            continue
    await hub.ledger.durable(hub.ledger.placed)


def root(hub: Hub) -> tuple[int, str]:
    signed = checkpoint.parse(hub.ledger.checkpoint().partition("\n\n")[0] + "\n")
    return signed.size, signed.root.hex()


async def two(tmp_path: Path, seeds: tuple[int, int], *, interleaved: bool = False) -> list[tuple[int, str]]:
    """The sizes and roots of two hubs that took the same messages."""
    hubs = [seeded_hub(tmp_path / str(place), seed) for place, seed in enumerate(seeds)]
    sent = messages(7)
    try:
        if interleaved:
            await asyncio.gather(*(feed(hub, sent) for hub in hubs))
        else:
            for hub in hubs:
                await feed(hub, sent)
        return [root(hub) for hub in hubs]
    finally:
        for hub in hubs:
            hub.ledger.close()
            hub.views.close()


async def test_the_same_seed_clock_and_messages_give_the_same_root(tmp_path: Path) -> None:
    first, second = await two(tmp_path, (1, 1))
    assert first == second
    assert first[0] > 50


async def test_two_hubs_of_one_process_do_not_meet(tmp_path: Path) -> None:
    alone = await two(tmp_path / "sau", (1, 1))
    assert await two(tmp_path / "xen", (1, 1), interleaved=True) == alone


async def test_another_seed_gives_another_root_over_the_same_events(tmp_path: Path) -> None:
    first, second = await two(tmp_path, (1, 2))
    assert first[0] == second[0]
    assert first[1] != second[1]


async def test_views_of_two_equal_hubs_are_equal(tmp_path: Path) -> None:
    contents = []
    for place in range(2):
        hub = seeded_hub(tmp_path / str(place), 1)
        await feed(hub, messages(7))
        await hub.views.catch_up()
        contents.append(hub.views.content())
        hub.ledger.close()
        hub.views.close()
    assert contents[0] == contents[1]
