"""The log as CloudEvents: one per position, stable, and cut to what its reader may see."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from contracts.ports import Principal
from hub.feed import Feed, cloud_event
from ledger.port import Entry
from tests.hub.deliver_world import SOURCE, TARGET, Desk, World, running, settled

CODE = "H99.01-260101-0001"
STAFF = Principal(party="kiem-toan", role="auditor")
SENDER = Principal(party=SOURCE, role="party")
STRANGER = Principal(party="nguoi-la", role="party")
RECEIVER = Principal(party=TARGET, role="party")


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    async with running(world.delivery(Desk())) as delivery:
        world.tell(CODE, "H98-260101-0001", rows=["Tiếp nhận"])
        world.tell("của riêng", party="nguoi-la")
        await settled(world, delivery)
    world.ledger.flush()
    return world


def feed_of(world: World) -> Feed:
    def sees(principal: Principal, stream: bytes) -> bool:
        state = world.dossiers.state(stream)
        told = any(one.event.party == principal.party for one in state.told)
        return told or principal.party in world.ledger.standings(stream)

    return Feed(ledger=world.ledger, sees=sees)


def everything(feed: Feed, principal: Principal, **wanted: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    after = 0
    while True:
        page, following = feed.page(principal, after, 3, **wanted)
        events += page
        if following == after:
            return events
        after = following


async def test_a_fact_is_a_cloud_event_with_its_dossier_business_time_and_place_on_the_log(world: World) -> None:
    (shown, *_) = everything(feed_of(world), SENDER, subject=CODE)
    assert shown["specversion"] == "1.0"
    assert shown["type"] == "vn.lienthong.dossier.submitted.v1"
    assert shown["source"] == "/agencies/H99.01"
    assert shown["subject"] == CODE
    assert shown["partitionkey"] == world.stream(CODE).hex()
    assert shown["data"]["fact"]["subject"] == "Đề nghị mẫu"
    assert shown["time"].endswith("Z")
    entry = next(entry for entry in world.log() if entry.position == shown["position"])
    assert shown["id"] == entry.leaf_hash.hex()
    json.dumps(shown)


async def test_staff_see_every_position_once_and_no_sealed_value(world: World) -> None:
    events = everything(feed_of(world), STAFF)
    assert [event["position"] for event in events] == [entry.position for entry in world.log()]
    assert "Đề nghị mẫu" not in json.dumps(events, ensure_ascii=False)


async def test_a_party_sees_its_messages_and_the_dossiers_that_concern_it_and_nothing_else(world: World) -> None:
    subjects = {event.get("subject") for event in everything(feed_of(world), STRANGER)}
    assert subjects == {"của riêng", "nguoi-la", TARGET}
    outcomes = [event for event in everything(feed_of(world), STRANGER) if event["subject"] == TARGET]
    assert [item["stream"] for event in outcomes for item in event["data"]["items"]] == [
        world.stream("của riêng").hex()
    ]
    assert CODE not in json.dumps(everything(feed_of(world), STRANGER))


async def test_a_target_sees_its_outcomes_whole(world: World) -> None:
    events = [event for event in everything(feed_of(world), RECEIVER) if event["type"].startswith("vn.lienthong.sync")]
    assert sum(len(event["data"]["items"]) for event in events) == 5


async def test_filters_choose_by_type_and_subject(world: World) -> None:
    feed = feed_of(world)
    kinds = {event["type"] for event in everything(feed, STAFF, kind="vn.lienthong.message.")}
    assert kinds == {"vn.lienthong.message.accepted.v1"}
    assert len(everything(feed, STAFF, subject=CODE)) == 2


async def test_frames_carry_the_position_and_the_same_event_as_the_page(world: World) -> None:
    feed = feed_of(world)
    frames, reached = feed.frames(SENDER, 0, 1_000)
    assert reached == world.ledger.committed
    found = []
    for frame in frames.decode().strip().split("\n\n"):
        position, data = frame.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert position == f"id: {event['position']}"
        found.append(event)
    assert found == json.loads(json.dumps(everything(feed, SENDER)))
    assert feed.frames(SENDER, reached, 10) == (b"", reached)


async def test_who_sees_nothing_of_a_stretch_still_moves_on(world: World) -> None:
    nobody = Principal(party="khong-lien-quan", role="party")
    frames, reached = feed_of(world).frames(nobody, 0, 10)
    assert frames == b"id: %d\n\n" % reached
    assert reached == world.ledger.committed


async def test_an_event_is_encoded_once_for_all_who_see_the_same(world: World) -> None:
    feed = feed_of(world)
    first, _ = feed.page(SENDER, 0, 10)
    second, _ = feed.page(SENDER, 0, 10)
    assert all(one is other for one, other in zip(first, second, strict=True))
    assert feed.frames(SENDER, 0, 10)[0] is feed.frames(SENDER, 0, 10)[0]
    feed.forget()
    third, _ = feed.page(SENDER, 0, 10)
    assert third == first
    assert not any(one is other for one, other in zip(first, third, strict=True))


async def test_waiting_ends_with_the_next_event_or_in_time(world: World) -> None:
    feed = feed_of(world)
    following = asyncio.create_task(feed.run())
    end = world.ledger.committed
    assert await feed.wait_beyond(end, 0.01) == end
    waiting = asyncio.create_task(feed.wait_beyond(end, 5.0))
    await asyncio.sleep(0)
    world.tell("mới")
    assert await waiting > end
    feed.stop()
    await following


async def test_the_trace_of_a_message_is_on_every_event_it_caused(world: World) -> None:
    entry = world.log()[-1]
    assert "traceparent" not in cloud_event(entry, values=True)
    assert cloud_event(entry, values=True, traceparent="00-ab-cd-01")["traceparent"] == "00-ab-cd-01"


async def test_an_erased_event_keeps_its_place_and_loses_its_words(world: World) -> None:
    entry = next(entry for entry in world.log() if entry.stream == world.stream(CODE))
    erased = Entry(
        position=entry.position,
        stream=entry.stream,
        rev=entry.rev,
        topic=entry.topic,
        recorded_at=entry.recorded_at,
        leaf_hash=entry.leaf_hash,
        event=None,
    )
    shown = cloud_event(erased, values=True)
    assert shown["id"] == cloud_event(entry, values=True)["id"]
    assert "data" not in shown
    assert "subject" not in shown
