"""After a crash or a stop the log says where to go on; what may have been sent is asked about, doubted, never lost."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from hub.deliver import Limits
from ledger.events import SyncConfirmed
from tests.hub.deliver_world import TARGET, Desk, World, running, settled, until

CODES = [f"H99.02-260101-{number:04d}" for number in range(60)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, store="sqlite")


async def crash_while_sending(world: World, desk: Desk, *, codes: list[str], rows: list[str]) -> None:
    """The target takes a batch and the process dies before the outcome is on the log."""
    delivery = world.delivery(desk)
    world.tell(*codes, rows=rows)
    world.ledger.flush()
    task = asyncio.create_task(delivery.run())
    await until(lambda: bool(desk.batches))
    task.cancel()
    await asyncio.wait((task,))
    world.reopen()


async def test_a_record_that_arrived_before_the_crash_is_found_by_asking(world: World) -> None:
    desk = Desk()
    desk.on_send = None
    hold = asyncio.Event()

    async def take_and_hang(batch: object) -> None:
        desk._take(batch)  # type: ignore[arg-type]
        await hold.wait()

    desk.send = take_and_hang  # type: ignore[assignment,method-assign]
    await crash_while_sending(world, desk, codes=["A", "B"], rows=["một"])
    again = Desk()
    again.records, again.rows = desk.records, desk.rows
    assert sorted(again.records) == ["A", "B"]
    async with running(world.delivery(again)) as delivery:
        await settled(world, delivery)
    assert sorted(again.asked) == ["A", "B"]
    assert again.rows == {"A": ["một"], "B": ["một"]}
    assert not any(item.doubt for event in world.events(SyncConfirmed) for item in event.items)


async def test_without_asking_what_was_past_the_cursor_goes_once_more_and_the_log_doubts(world: World) -> None:
    desk = Desk(askable=False)
    async with running(world.delivery(desk)) as delivery:
        world.tell("A")
        await settled(world, delivery)
    world.tell("A", subject="", rows=["một"])
    desk.rows["A"] = ["một"]
    world.ledger.flush()
    world.reopen()
    async with running(world.delivery(desk)) as delivery:
        await settled(world, delivery)
    assert desk.rows == {"A": ["một", "một"]}
    doubts = [item.doubt for event in world.events(SyncConfirmed) for item in event.items if item.rows]
    assert doubts == [True]


async def test_what_comes_after_the_restart_is_not_doubted(world: World) -> None:
    desk = Desk(askable=False)
    async with running(world.delivery(desk)) as delivery:
        world.tell("A")
        await settled(world, delivery)
    world.reopen()
    async with running(world.delivery(desk)) as delivery:
        world.tell("B", rows=["một"])
        await settled(world, delivery)
    assert not any(item.doubt for event in world.events(SyncConfirmed) for item in event.items)
    assert desk.asked == []


async def test_crashes_at_many_moments_lose_nothing_and_double_only_where_the_log_doubts(world: World) -> None:
    desk = Desk(tells_rows=False)
    for life in range(8):
        delivery = world.delivery(desk, limits=Limits(batch_records=7, linger_s=0.0))
        task = asyncio.create_task(delivery.run())
        for code in CODES[life * 7 : life * 7 + 7]:
            world.tell(code, rows=[f"một {code}", f"hai {code}"])
        before = len(desk.batches)
        await until(lambda: len(desk.batches) > before + life % 3)  # noqa: B023  # used in this round only
        task.cancel()
        await asyncio.wait((task,))
        world.reopen()
    async with running(world.delivery(desk)) as delivery:
        await settled(world, delivery)
    told = CODES[:56]
    assert sorted(desk.records) == told
    assert {code: sorted(set(rows)) for code, rows in desk.rows.items()} == {
        code: [f"hai {code}", f"một {code}"] for code in told
    }
    names = {stream.hex(): code for code, stream in world.streams.items()}
    doubted = {
        names[item.stream] for event in world.events(SyncConfirmed) for item in event.items if item.doubt and item.rows
    }
    doubled = {code for code, rows in desk.rows.items() if max(Counter(rows).values()) > 1}
    assert doubled <= doubted
    assert world.parked() == {}


async def test_stopping_under_load_waits_for_what_is_in_flight_and_loses_nothing(world: World) -> None:
    desk = Desk()
    for life in range(4):
        delivery = world.delivery(desk, limits=Limits(batch_records=5, linger_s=0.0))
        task = asyncio.create_task(delivery.run())
        for code in CODES[life * 15 : life * 15 + 15]:
            world.tell(code, rows=[code])
        before = len(desk.batches)
        await until(lambda: len(desk.batches) > before + 1)  # noqa: B023  # used in this round only
        await delivery.stop(5.0)
        await task
        assert desk.now_sending == 0
        assert desk.closed
        world.reopen()
    async with running(world.delivery(desk)) as delivery:
        await settled(world, delivery)
    assert sorted(desk.records) == CODES
    assert desk.rows == {code: [code] for code in CODES}
    assert max(world.confirmed().values()) <= 3


async def test_a_stop_abandons_an_exchange_that_does_not_end_by_the_deadline(world: World) -> None:
    desk = Desk()
    desk.gate = asyncio.Event()
    delivery = world.delivery(desk)
    task = asyncio.create_task(delivery.run())
    through = world.tell("A")
    await until(lambda: desk.now_sending == 1)
    await delivery.stop(0.01)
    assert task.cancelled()
    assert world.ledger.cursor(TARGET) < through
    world.reopen()
    desk.gate = None
    async with running(world.delivery(desk)) as again:
        await settled(world, again)
    assert desk.asked == ["A"]
    assert desk.records == {"A": "Đề nghị mẫu"}
