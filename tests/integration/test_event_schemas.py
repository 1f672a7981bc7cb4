"""What the hub publishes about its events is served by it, and every event it emits is as published."""

import asyncio
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.integration.samples import code, packet, record
from tests.integration.served import AUDITOR, COUNTER, MINISTRY, OPERATOR, PORTAL, PROVINCE, Answer, Served

EVERYONE = (AUDITOR, OPERATOR, PROVINCE, PORTAL, MINISTRY, COUNTER)


class Published:
    """The schemas as the hub serves them."""

    def __init__(self, hub: Served) -> None:
        self._hub = hub
        self._known: dict[str, Draft202012Validator] = {}

    async def judge(self, event: dict[str, Any]) -> str:
        """Fail unless the event is as published, with no member unheard of; its topic."""
        topic, _, version = event["type"].removeprefix("vn.lienthong.").rpartition(".v")
        name = f"{topic}.v{version}.schema.json"
        if name not in self._known:
            answer = await self._hub.get(f"/schemas/{name}")
            assert answer.status == 200, name
            self._known[name] = Draft202012Validator(answer.json, format_checker=Draft202012Validator.FORMAT_CHECKER)
        schema = self._known[name]
        schema.validate(event)
        assert isinstance(schema.schema, dict)
        published = schema.schema["properties"]
        assert set(event) <= set(published)
        assert set(event.get("data", ())) <= set(published["data"]["properties"])
        return str(topic)


async def everything(hub: Served, by: str) -> list[dict[str, Any]]:
    """The whole feed as one caller sees it."""
    events: list[dict[str, Any]] = []
    after = 0
    while True:
        page = (await hub.get(f"/v1/events?after={after}&limit=1000", by=by)).json
        events += page["events"]
        if page["next"] == after:
            return events
        after = page["next"]


async def streamed(hub: Served, by: str, through: int) -> list[dict[str, Any]]:
    """The whole stream up to a position."""
    events: list[dict[str, Any]] = []
    async with (
        asyncio.timeout(20),
        hub.session.get(f"{hub.url}/v1/stream", headers=hub.secrets.bearer(by)) as answer,
    ):
        async for line in answer.content:
            if line.startswith(b"data: "):
                events.append(msgspec.json.decode(line[6:]))
                if events[-1]["position"] >= through:
                    break
    return events


async def park_and_settle(hub: Served) -> None:
    """What the three parties do not cause: conflicts, refusals, parked records read again and dismissed."""
    body = packet(record(1), record(2, state="11"), record(3, state="12"))
    await hub.message(body, by=COUNTER, key="goi-1")
    await hub.message(packet(record(4)), by=COUNTER, key="goi-1")
    await hub.message(packet(record(5, MaTTHC="sai")), by=COUNTER, key="goi-2")
    await hub.post("/v1/admin/dossier.show", {"code": code(1)}, by=OPERATOR)
    waits = (await hub.post("/v1/admin/parked.list", b"{}", by=OPERATOR)).json["parked"]
    records = [one for one in waits if one["kind"] == "record"]
    told = {"position": records[0]["position"], "note": "gửi thử"}
    assert (await hub.post("/v1/admin/parked.dismiss", told, by=OPERATOR)).status == 200
    party = hub.hub.parties[COUNTER]
    known = msgspec.structs.replace(party.profile, statuses={"12": "processing"})
    object.__setattr__(party, "profile", known)  # as a restart with the mapping would
    answer: Answer = await hub.post("/v1/admin/parked.requeue", {"position": records[1]["position"]}, by=OPERATOR)
    assert answer.json["state"] == "applied", answer.body


async def test_every_event_of_a_day_is_as_published_for_everybody_who_sees_it(calm: Served) -> None:
    await calm.traffic(seed=7, dossiers=4)
    await park_and_settle(calm)
    await calm.settle()
    published = Published(calm)
    topics: set[str] = set()
    for by in EVERYONE:
        for event in await everything(calm, by):
            topics.add(await published.judge(event))
    assert {
        *("message.accepted", "message.refused", "message.conflict", "message.reinterpreted"),
        *("dossier.submitted", "dossier.received", "dossier.record-parked", "dossier.record-dismissed"),
        *("sync.confirmed", "party.registered", "key.added", "configuration.changed", "evidence.accessed"),
    } <= topics


async def test_the_stream_gives_the_same_events_as_the_feed(alone: Served) -> None:
    await alone.message(packet(record(1), record(2, state="11")), by=COUNTER, key="goi-1")
    fed = await everything(alone, COUNTER)
    assert await streamed(alone, COUNTER, fed[-1]["position"]) == fed


@pytest.mark.parametrize("path", ["/asyncapi.yaml", "/openapi.yaml"])
async def test_descriptions_are_served_to_anybody(alone: Served, path: str) -> None:
    answer = await alone.get(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/yaml")
    assert yaml.safe_load(answer.body)


async def test_every_schema_the_served_description_names_is_served(alone: Served) -> None:
    document = yaml.safe_load((await alone.get("/asyncapi.yaml")).body)
    for message in document["components"]["messages"].values():
        if "$ref" in message["payload"]:
            answer = await alone.get(message["payload"]["$ref"].removeprefix("."))
            assert (answer.status, answer.headers["Content-Type"]) == (200, "application/schema+json")
            assert answer.json["title"] == message["name"]


@pytest.mark.parametrize("name", ["khong-co.json", "..%2Fopenapi.yaml", "%2e%2e%2fopenapi.yaml", "."])
async def test_nothing_else_is_served_there(alone: Served, name: str) -> None:
    assert (await alone.get(f"/schemas/{name}")).status == 404
