"""Erasing one citizen of a packet of a hundred: the one can not be recovered, everything of the others stands."""

import base64
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.errors import HubError
from contracts.ports import Principal
from hub.intake import code_key
from ledger.erasure import item_of
from ledger.events import ItemErased, KeyAdded
from ledger.inspect import verify, verify_contents
from ledger.verifier import verify_message, verify_proof
from tests.integration.forensics import Attacker, files_of, spellings, traces
from tests.integration.samples import code, packet, record
from tests.integration.served import AUDITOR, COUNTER, OPERATOR, PORTAL, Served, served

ORIGIN = "lienthong.example/kiem-thu"
NUMBER = "001305990417"
NAME = "Nguyễn Thị Ỷ Mẫu Đặng"
ONE = 57
GROUND = "Điều 16 Nghị định 13/2023/NĐ-CP"
LOCAL = Principal(party="local", role="admin")


def citizen(number: int, **fields: Any) -> dict[str, Any]:
    if number != ONE:
        return record(number, **fields)
    papers = [{"LoaiDinhDanh": "1", "SoDinhDanh": NUMBER}]
    return record(number, ChuHoSo=NAME, SoGiayToChuHoSo=NUMBER, DinhDanhCHS=papers, **fields)


def hundred() -> bytes:
    return msgspec.json.encode(packet(*(citizen(number) for number in range(100))))


def broken(one: dict[str, Any]) -> bytes:
    """A message that is no JSON, so that it is refused and kept as it came."""
    return msgspec.json.encode(packet(one)) + b"}"


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Served]:
    """A hub that was sent a hundred dossiers in one packet, and refused a message that names one of them."""
    async with served(tmp_path) as hub:
        assert (await hub.message(hundred(), by=COUNTER, key="tram")).status == 202
        assert (await hub.message(broken(citizen(ONE, GhiChu="sai")), by=COUNTER, key="sai")).status == 422
        assert (await hub.message(broken(record(3, GhiChu="khac")), by=COUNTER, key="khac")).status == 422
        yield hub


def material(one: dict[str, Any], party: str) -> bytes:
    """What the fingerprint of a record that creates its dossier is taken over."""
    return f"{party}\0DongBoHoSoMC\0c\0".encode() + msgspec.json.encode(one)


def content() -> bytes:
    """What counts as the content of the packet."""
    each = [material(citizen(number), "") for number in range(100)]
    return b"".join(len(one).to_bytes(4, "big") + one for one in each)


def secret_of(opening: Mapping[str, str]) -> bytes:
    """All salts that a receipt's opening shows, in order, and the seed of the glue."""
    salts = [opening[name] for name in sorted((one for one in opening if one.isdigit()), key=int)]
    return bytes.fromhex("".join([*salts, opening["glue"]]))


async def erase(hub: Served, which: str, **values: Any) -> Any:
    return await hub.hub.admin.run(LOCAL, "erase", {"code": which, "ground": GROUND, **values})


def vkeys(hub: Served) -> list[str]:
    return [one.event.vkey for one in hub.hub.ledger.read(0, 16) if isinstance(one.event, KeyAdded)]


async def test_nothing_that_remains_gives_the_erased_citizen_back(told: Served) -> None:
    record_of = msgspec.json.encode(citizen(ONE))
    before = Attacker(told.root, ORIGIN)
    assert traces(spellings(NUMBER), before.contents)
    assert before.confirms(record_of)
    lookup = code_key(code(ONE), "national", COUNTER)
    assert before.knows_code(lookup)
    assert before.recognises(material(citizen(ONE), COUNTER))
    message = (await told.message(hundred(), by=COUNTER, key="tram")).json["position"]
    assert before.remembers(content(), [secret_of(told.hub.ledger.prove(message).opening)])
    root = told.hub.ledger.root_hash
    size = told.hub.ledger.committed
    done = await erase(told, code(ONE))
    places = files_of(told.root)
    after = Attacker(told.root, ORIGIN)
    for word in (NUMBER, NAME, code(ONE)):
        assert traces(spellings(word), places) == []
        assert traces(spellings(word), after.contents) == []
    assert [len(places[f"{name}.db-wal"]) for name in ("keys", "ledger", "views")] == [0, 0, 0]
    assert after.unopened
    assert after.opens_with_any_key() == []
    assert not after.confirms(record_of)
    assert not after.recognises(material(citizen(ONE), COUNTER))
    assert after.recognises(material(record(3), COUNTER))
    assert not after.remembers(content(), [secret_of(told.hub.ledger.prove(message).opening), *after.salts])
    assert not after.knows_code(lookup)
    assert after.knows_code(code_key(code(3), "national", COUNTER))
    assert after.confirms(msgspec.json.encode(record(3)))
    assert done["keys"] == len(done["items"]) == 2
    assert size < told.hub.ledger.committed
    assert root != told.hub.ledger.root_hash
    answers = {}
    for who in (AUDITOR, OPERATOR, COUNTER):
        for path in (
            "/v1/dossiers?limit=200",
            f"/v1/dossiers?q={code(ONE)}",
            f"/v1/dossiers/{code(ONE)}",
            f"/v1/dossiers/{code(ONE)}/events",
            f"/v1/dossiers/{done['streams'][0]}",
            "/v1/events?limit=500",
            "/log/checkpoint",
        ):
            answers[f"{who} {path}"] = (await told.get(path, by=who)).body
    for word in (NUMBER, NAME):
        assert traces(spellings(word), answers) == []


async def test_the_other_ninety_nine_stay_readable_and_their_exact_bytes_provable(told: Served) -> None:
    ledger = told.hub.ledger
    receipt = (await told.message(hundred(), by=COUNTER, key="tram")).json
    position = receipt["position"]
    sent = ledger.message_parts(position)
    proof = ledger.prove(position)
    note, tree = ledger.checkpoint(), ledger.committed
    await erase(told, code(ONE))
    parts = ledger.message_parts(position)
    gone = [at for at, (_, content) in enumerate(parts) if content is None]
    assert len(gone) == 1
    assert NUMBER.encode() in (sent[gone[0]][1] or b"")
    assert [one for at, one in enumerate(parts) if at not in gone] == [
        one for at, one in enumerate(sent) if at not in gone
    ]
    again = ledger.prove(position)
    assert (again.leaf, again.proof, again.checkpoint) == (proof.leaf, proof.proof, proof.checkpoint)
    assert verify_proof(again.proof, again.leaf, vkeys(told))["ok"]
    assert verify_message(base64.b64decode(receipt["leaf"]), receipt["opening"], hundred())["ok"]
    for number in range(100):
        answer = await told.get(f"/v1/dossiers/{code(number)}", by=AUDITOR)
        assert answer.status == (404 if number == ONE else 200)
    covering = ledger._chain.store.checkpoint_covering(tree)
    assert covering is not None
    assert covering[1] == note
    contents = verify_contents(ledger)
    assert contents["ok"]
    assert verify(str(told.root), vkeys(told))["ok"]


async def test_what_was_refused_under_the_code_goes_too_and_what_names_others_stays(told: Served) -> None:
    done = await erase(told, code(ONE))
    refused = [item for item in done["items"] if item != "dossier"]
    assert len(refused) == 1
    opened = Attacker(told.root, ORIGIN).contents
    assert any(code(3).encode() in content and b'"khac"' in content for content in opened.values())
    assert not any(b'"sai"' in content for content in opened.values())


async def test_what_is_read_of_it_says_erased_or_not_found_and_never_nothing(told: Served) -> None:
    receipt = (await told.message(hundred(), by=COUNTER, key="tram")).json
    done = await erase(told, code(ONE))
    stream = done["streams"][0]
    for path in ("", "/events", "/sync"):
        answer = await told.get(f"/v1/dossiers/{stream}{path}", by=AUDITOR)
        assert (answer.status, answer.json["code"]) == (410, "vault.erased")
        answer = await told.get(f"/v1/dossiers/{code(ONE)}{path}", by=AUDITOR)
        assert (answer.status, answer.json["code"]) == (404, "query.not_found")
        answer = await told.get(f"/v1/dossiers/{stream}{path}", by=COUNTER)
        assert answer.status == 404
    for command in ("dossier.show", "dossier.timeline", "erase"):
        with pytest.raises(HubError, match=r"vault\.erased"):
            await told.hub.admin.run(LOCAL, command, {"code": stream, "ground": GROUND})
    with pytest.raises(HubError, match=r"vault\.erased"):
        told.hub.ledger.raw_message(receipt["position"])
    fate = await told.get(f"/v1/messages/{receipt['message_id']}", by=COUNTER)
    assert fate.json["records"] == {"applied": 100}


async def test_the_old_message_sent_again_gets_a_clear_answer_and_changes_nothing(told: Served) -> None:
    assert (await told.message(hundred(), by=COUNTER, key="tram")).json["duplicate"] is True
    await erase(told, code(ONE))
    size = told.hub.ledger.committed
    again = await told.message(hundred(), by=COUNTER, key="tram")
    assert (again.status, again.json["code"]) == (410, "intake.erased")
    assert told.hub.ledger.committed == size


async def test_a_later_message_under_the_code_begins_a_dossier_of_its_own(told: Served) -> None:
    done = await erase(told, code(ONE))
    later = await told.message(packet(record(ONE), updating="True"), by=COUNTER, key="sau")
    assert later.status == 202
    shown = await told.get(f"/v1/dossiers/{code(ONE)}", by=AUDITOR)
    assert shown.status == 200
    assert NAME not in shown.body.decode()
    await told.hub.views.catch_up()
    found = await told.get(f"/v1/dossiers?q={code(ONE)}", by=AUDITOR)
    streams = [row["stream"] for row in found.json["dossiers"]]
    assert len(streams) == 1
    assert streams[0] not in done["streams"]
    assert (await erase(told, code(ONE)))["streams"] == streams


async def test_it_is_on_the_log_without_saying_who_and_the_feed_shows_it(told: Served) -> None:
    done = await erase(told, code(ONE))
    entry = told.hub.ledger.read(done["position"] - 1, 1)[0]
    assert isinstance(entry.event, ItemErased)
    assert (entry.event.ground, entry.event.by, entry.event.stream) == (GROUND, "local", done["streams"][0])
    events = (await told.get(f"/v1/events?after={done['position'] - 1}&limit=1", by=AUDITOR)).json["events"]
    assert events[0]["type"] == "vn.lienthong.item.erased.v1"
    assert traces(spellings(code(ONE)), {"event": msgspec.json.encode(events[0])}) == []


async def test_what_is_asked_wrongly_erases_nothing(told: Served) -> None:
    size = told.hub.ledger.committed
    party = told.hub.ledger.named_stream("party", COUNTER).hex()
    for values, expected in (
        ({"code": code(ONE)}, "query.invalid"),
        ({"code": code(ONE), "ground": "  "}, "query.invalid"),
        ({"code": "", "ground": GROUND}, "query.invalid"),
        ({"code": code(ONE), "ground": GROUND, "items": [item_of(2, 0)]}, "query.invalid"),
        ({"code": "H98-KHONG-CO", "ground": GROUND}, "query.not_found"),
        ({"code": party, "ground": GROUND}, "query.not_found"),
    ):
        answer = await told.post("/v1/admin/erase", values, by=OPERATOR)
        assert answer.json["code"] == expected
    assert (await told.post("/v1/admin/erase", {"code": code(ONE), "ground": GROUND}, by=AUDITOR)).status == 403
    would = await told.hub.admin.run(LOCAL, "erase.preview", {"code": code(ONE), "ground": GROUND})
    assert len(would["items"]) == 2
    assert would["parties"] == [COUNTER]
    assert told.hub.ledger.committed == size


async def test_nothing_more_is_sent_of_it_and_other_deliveries_go_on(tmp_path: Path) -> None:
    async with served(tmp_path, profile="calm") as hub:
        gone: list[str] = []
        for number in range(40):
            answer = await hub.message(packet(record(number)), by=COUNTER, key=f"goi-{number}")
            assert answer.status == 202
            if number % 4 == 0:
                await erase(hub, code(number))
                gone.append(code(number))
        await hub.settle()
        for number in range(40):
            if code(number) not in gone:
                shown = (await hub.get(f"/v1/dossiers/{code(number)}", by=AUDITOR)).json
                assert shown["sync"][PORTAL]["state"] == "confirmed"
        for one in hub.hub.ledger.parked():
            assert one.parked == "sync.erased"
        assert verify_contents(hub.hub.ledger)["ok"]
        rebuilt = hub.hub.views.content()
        assert all(row[1] not in gone for row in rebuilt["dossiers"])
