"""The log as readers follow it: cursor feed, long poll and server-sent events, each seeing what concerns it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tests.integration.samples import code, packet, record
from tests.integration.served import AUDITOR, BARE, COUNTER, Served


async def test_the_feed_has_one_event_per_position_and_goes_on_after_any(alone: Served) -> None:
    await alone.message(packet(record(1), record(2)), by=COUNTER, key="x")
    whole = (await alone.get("/v1/events?limit=1000", by=AUDITOR)).json
    assert [event["position"] for event in whole["events"]] == list(range(1, whole["next"] + 1))
    assert len({event["id"] for event in whole["events"]}) == whole["next"]
    part = (await alone.get("/v1/events?after=5&limit=2", by=AUDITOR)).json
    assert part["events"] == whole["events"][5:7]
    assert part["next"] == 7


async def test_a_long_poll_ends_with_the_next_event(alone: Served) -> None:
    end = alone.hub.ledger.committed
    waiting = asyncio.ensure_future(alone.get(f"/v1/events?after={end}&wait=30", by=COUNTER))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await alone.message(packet(record(1)), by=COUNTER, key="x")
    answer = await waiting
    assert answer.json["events"][0]["position"] == end + 1


async def test_a_long_poll_does_not_end_for_what_its_caller_may_not_see(alone: Served) -> None:
    end = alone.hub.ledger.committed
    waiting = asyncio.ensure_future(alone.get(f"/v1/events?after={end}&wait=30", by=BARE))
    await alone.message(packet(record(1)), by=COUNTER, key="x")
    await asyncio.sleep(0.05)
    assert not waiting.done()
    position = (await alone.message(packet(record(2)), by=BARE, key="y")).json["position"]
    assert (await waiting).json["events"][0]["position"] == position
    quiet = await alone.get(f"/v1/events?after={alone.hub.ledger.committed}&wait=1", by=BARE)
    assert quiet.json["events"] == []


@asynccontextmanager
async def stream(
    hub: Served, *, by: str, query: str = "", last: int | None = None
) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    """Server-sent events as they arrive: the fields of each."""
    headers = hub.secrets.bearer(by) | ({} if last is None else {"Last-Event-ID": str(last)})
    async with hub.session.get(f"{hub.url}/v1/stream{query}", headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")

        async def frames() -> AsyncIterator[dict[str, str]]:
            fields: dict[str, str] = {}
            async for line in answer.content:
                name, colon, value = line.decode().rstrip("\n").partition(": ")
                if colon:
                    fields[name or "comment"] = value
                elif fields:
                    yield fields
                    fields = {}

        yield frames()


async def first(frames: AsyncIterator[dict[str, str]], count: int) -> list[dict[str, Any]]:
    """The first ``count`` events with data."""
    found = []
    async with asyncio.timeout(20):
        async for fields in frames:
            if "data" in fields:
                found.append(msgspec.json.decode(fields["data"]))
                assert int(fields["id"]) == found[-1]["position"]
                if len(found) == count:
                    break
    return found


async def test_a_stream_resumes_after_the_last_event_without_a_gap(alone: Served) -> None:
    await alone.message(packet(*(record(number) for number in range(1, 6))), by=COUNTER, key="x")
    whole = (await alone.get("/v1/events?limit=1000", by=COUNTER)).json["events"]
    async with stream(alone, by=COUNTER) as frames:
        head = await first(frames, 3)
    async with stream(alone, by=COUNTER, last=head[-1]["position"]) as frames:
        rest = await first(frames, len(whole) - 3)
        assert head + rest == whole
        await alone.message(packet(record(9)), by=COUNTER, key="y")
        live = await first(frames, 1)
    assert live[0]["position"] > whole[-1]["position"]
    async with stream(alone, by=COUNTER, query=f"?after={whole[-1]['position']}") as frames:
        assert await first(frames, 1) == live


async def test_a_stream_may_be_filtered(alone: Served) -> None:
    await alone.message(packet(record(1), record(2)), by=COUNTER, key="x")
    async with stream(alone, by=COUNTER, query=f"?subject={code(2)}") as frames:
        found = await first(frames, 1)
        assert found[0]["subject"] == code(2)
    async with stream(alone, by=COUNTER, query="?type=vn.lienthong.message.") as frames:
        assert (await first(frames, 1))[0]["type"] == "vn.lienthong.message.accepted.v1"


async def test_a_quiet_stream_beats(alone: Served) -> None:
    streams = alone.hub.doors.streams
    assert streams is not None
    streams._heartbeat_s = 0.02
    async with stream(alone, by=BARE, last=alone.hub.ledger.committed) as frames:
        async with asyncio.timeout(20):
            async for fields in frames:
                if "comment" in fields or ": heartbeat" in fields:
                    break
        assert streams.subscribers == 1


@pytest.mark.parametrize("last", ["mot", "-1", "1.5"])
async def test_a_stream_from_nowhere_is_refused(alone: Served, last: str) -> None:
    answer = await alone.get("/v1/stream", by=COUNTER, headers={"Last-Event-ID": last})
    assert (answer.status, answer.json["code"]) == (400, "query.invalid")
