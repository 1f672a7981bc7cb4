"""``POST /v1/messages`` and what can be read afterwards: by whom, and what is left on the log of it."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.moment import rfc3339
from hub.wiring import Hub
from ledger.events import ConflictDetected, EvidenceAccessed, KeyAdded, MessageAccepted
from ledger.verifier import verify_message, verify_proof
from tests.integration.samples import code, packet, record, row, xml
from tests.integration.served import (
    AUDITOR,
    BARE,
    BARRED,
    COUNTER,
    OPERATOR,
    PORTAL,
    PROVINCE,
    THRIFTY,
    Served,
    served,
)


def events(hub: Hub, kind: type) -> list[Any]:
    return [entry.event for entry in hub.ledger.read(0, 10_000) if isinstance(entry.event, kind)]


def vkeys(hub: Hub) -> list[str]:
    return [event.vkey for event in events(hub, KeyAdded)]


# ── receipts ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_receipt_proves_offline_that_the_log_holds_exactly_this_message(alone: Served) -> None:
    body = msgspec.json.encode(packet(record(1), record(2)))
    answer = await alone.message(body, by=COUNTER, key="goi-1")
    assert answer.status == 202
    receipt = answer.json
    assert [dossier["state"] for dossier in receipt["dossiers"]] == ["applied", "applied"]
    assert [dossier["code"] for dossier in receipt["dossiers"]] == [code(1), code(2)]
    keys, leaf = vkeys(alone.hub), base64.b64decode(receipt["leaf"])
    assert verify_proof(receipt["proof"], leaf, keys)["ok"]
    assert verify_message(leaf, receipt["opening"], body)["ok"]
    assert not verify_message(leaf, receipt["opening"], body.replace(b"1.012753", b"1.012754"))["ok"]
    assert not verify_proof(receipt["proof"], leaf[:-1] + b" }", keys)["ok"]
    assert alone.hub.ledger.raw_message(receipt["position"]) == body


async def test_the_same_message_again_gets_its_first_receipt(alone: Served) -> None:
    first = await alone.message(packet(record(1)), by=COUNTER, key="goi-1")
    again = await alone.message(packet(record(1)), by=COUNTER, key="goi-1")
    assert (first.status, again.status) == (202, 202)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == first.json | {"duplicate": True}
    assert len(events(alone.hub, MessageAccepted)) == 1


async def test_equal_messages_sent_at_once_have_one_effect(alone: Served) -> None:
    answers = await asyncio.gather(*(alone.message(packet(record(1)), by=COUNTER, key="goi-1") for _ in range(8)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["message_id"] for answer in answers}) == 1
    assert sum(not answer.json["duplicate"] for answer in answers) == 1
    assert len(events(alone.hub, MessageAccepted)) == 1


async def test_the_same_id_with_other_content_is_a_conflict_and_both_are_kept(alone: Served) -> None:
    first = await alone.message(packet(record(1)), by=COUNTER, key="goi-1")
    other = await alone.message(packet(record(2)), by=COUNTER, key="goi-1")
    assert (first.status, other.status) == (202, 409)
    assert other.json["code"] == "intake.conflict"
    conflict = events(alone.hub, ConflictDetected)[0]
    assert conflict.first_position == first.json["position"]
    position = next(one.position for one in alone.hub.ledger.read(0, 100) if one.event == conflict)
    assert alone.hub.ledger.raw_message(position) == msgspec.json.encode(packet(record(2)))
    assert (await alone.get(f"/v1/dossiers/{code(2)}", by=COUNTER)).status == 404


async def test_ids_of_two_parties_do_not_meet(alone: Served) -> None:
    first = await alone.message(packet(record(1)), by=COUNTER, key="goi-1")
    other = await alone.message(packet(record(2)), by=BARE, key="goi-1")
    assert (first.status, other.status) == (202, 202)
    assert first.json["message_id"] != other.json["message_id"]


async def test_a_packet_is_taken_record_by_record(alone: Served) -> None:
    answer = await alone.message(packet(record(1), record(2, MaTTHC="x"), record(3)), by=COUNTER, key="goi-1")
    assert answer.status == 202
    assert [one["state"] for one in answer.json["dossiers"]] == ["applied", "refused", "applied"]
    refused = answer.json["dossiers"][1]
    assert refused["position"] is None
    assert refused["errors"][0] == refused["errors"][0] | {"path": "/data/1/MaTTHC", "code": "read.pattern"}


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_message_without_an_id_is_not_taken(alone: Served) -> None:
    answer = await alone.post("/v1/messages", packet(record(1)), by=COUNTER)
    assert (answer.status, answer.json["code"]) == (400, "intake.idempotency_key_missing")
    assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({}, 401, "transport.unauthenticated"),
        ({"Authorization": "Bearer bia-dat"}, 401, "transport.unauthenticated"),
        ({"Authorization": "Bearer 000000000000_bia-dat"}, 401, "transport.unauthenticated"),
        ({"Authorization": "Basic bWF1Om1hdQ=="}, 401, "transport.unauthenticated"),
    ],
)
async def test_nobody_enters_without_a_good_credential(
    alone: Served, headers: dict[str, str], status: int, expected: str
) -> None:
    before = alone.hub.ledger.committed
    for method, path in (("POST", "/v1/messages"), ("GET", "/v1/dossiers"), ("POST", "/v1/admin/status")):
        answer = await alone.call(method, path, body=b"{}" if method == "POST" else b"", headers=headers)
        assert (answer.status, answer.json["code"]) == (status, expected)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert alone.hub.ledger.committed == before


async def test_roles_only_grow(alone: Served) -> None:
    body = packet(record(1))
    assert (await alone.message(body, by=AUDITOR, key="x")).json["code"] == "transport.forbidden"
    assert (await alone.message(body, by=OPERATOR, key="x")).json["code"] == "transport.forbidden"
    for party in (COUNTER, AUDITOR):
        answer = await alone.post("/v1/admin/status", b"{}", by=party)
        assert (answer.status, answer.json["code"]) == (403, "transport.forbidden")
    assert (await alone.post("/v1/admin/status", b"{}", by=OPERATOR)).status == 200


async def test_a_barred_party_neither_sends_nor_reads(alone: Served) -> None:
    sent = await alone.message(packet(record(1)), by=BARRED, key="x")
    read = await alone.get("/v1/dossiers", by=BARRED)
    assert (sent.status, sent.json["code"]) == (403, "intake.party_disabled")
    assert (read.status, read.json["code"]) == (403, "intake.party_disabled")


async def test_a_message_for_an_agency_outside_the_credential_is_forbidden(alone: Served) -> None:
    body = packet(record(1, agency="000.00.01.G01")) | {"madonvi": "000.00.00.G01"}
    answer = await alone.message(body, by=COUNTER, key="x")
    assert (answer.status, answer.json["code"]) == (403, "intake.agency_forbidden")


async def test_a_body_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    async with served(tmp_path, hub="max_body_bytes = 4096") as hub:
        before = hub.hub.ledger.committed
        answer = await hub.message(b"[" + b" " * 5_000 + b"]", by=COUNTER, key="x")
        assert (answer.status, answer.json["code"]) == (413, "transport.too_large")
        assert hub.hub.ledger.committed == before
        assert (await hub.message(packet(record(1)), by=COUNTER, key="y")).status == 202


async def test_a_refusal_names_every_fault_in_both_languages(alone: Served) -> None:
    bad = record(1, MaTTHC="sai", NgayTiepNhan="20260230000000", TrangThaiHoSo="")
    answer = await alone.message(packet(bad), by=COUNTER, key="x")
    assert answer.status == 422
    faults = {error["path"]: error["code"] for error in answer.json["errors"]}
    assert faults["/data/0/TrangThaiHoSo"] == "read.missing"
    assert faults["/data/0/MaTTHC"] == "read.pattern"
    assert all(error["vi"] and error["en"] for error in answer.json["errors"])
    english = await alone.message(packet(bad), by=COUNTER, key="x", headers={"Accept-Language": "en"})
    assert english.json["detail"] != answer.json["detail"]


async def test_a_refusal_of_xml_names_the_line(alone: Served) -> None:
    body = xml(1, MaTTHC="sai")
    answer = await alone.message(body, by=COUNTER, key="x")
    assert answer.status == 422
    line = next(number for number, text in enumerate(body.splitlines(), 1) if b"<MaTTHC>" in text)
    assert {"path": "/DongBoHoSoMC/data/HoSo[1]/MaTTHC", "line": line} in [
        {"path": error["path"], "line": error.get("line")} for error in answer.json["errors"]
    ]


async def test_the_id_of_a_refused_message_stays_free_for_the_mended_one(alone: Served) -> None:
    assert (await alone.message(packet(record(1, MaTTHC="sai")), by=COUNTER, key="goi-1")).status == 422
    assert (await alone.message(packet(record(1)), by=COUNTER, key="goi-1")).status == 202


@pytest.mark.parametrize(("body", "start"), [(packet, "/data"), (lambda *rows: list(rows), "")])
async def test_an_error_names_the_place_in_the_whole_message(alone: Served, body: Any, start: str) -> None:
    answer = await alone.message(body(record(1, MaTTHC="sai"), record(2, MaTTHC="sai")), by=COUNTER, key="goi-1")

    assert answer.status == 422
    assert [error["path"] for error in answer.json["errors"]] == [f"{start}/0/MaTTHC", f"{start}/1/MaTTHC"]


async def test_who_sends_more_than_agreed_is_told_when_to_come_back(alone: Served) -> None:
    answers = [await alone.message(packet(record(number)), by=THRIFTY, key=f"goi-{number}") for number in (1, 2, 3)]
    assert [answer.status for answer in answers] == [202, 202, 429]
    assert answers[-1].json["code"] == "hub.quota"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert (await alone.message(packet(record(9)), by=COUNTER, key="goi-9")).status == 202


@pytest.mark.parametrize("kind", ["", "?type=qcvn120/KhongCo", "?type=opencps/SyncDocument"])
async def test_a_message_of_no_known_type_is_refused(alone: Served, kind: str) -> None:
    body = b'{"la": 1}' if not kind else msgspec.json.encode(packet(record(1)))
    answer = await alone.post(f"/v1/messages{kind}", body, by=COUNTER, headers={"Idempotency-Key": "x"})
    assert (answer.status, answer.json["code"]) == (400, "intake.type_unknown")


async def test_the_content_type_may_name_the_type(alone: Served) -> None:
    headers = {"Content-Type": 'application/json; profile="qcvn120/CapNhatTienDoHoSoMC"'}
    answer = await alone.message([row(1)], by=COUNTER, key="x", headers=headers)
    assert answer.status == 202, answer.body


async def test_what_is_not_there_and_what_is_not_allowed_are_told_apart(alone: Served) -> None:
    assert (await alone.get("/v1/khong-co", by=COUNTER)).json["code"] == "transport.not_found"
    wrong = await alone.call("PUT", "/v1/messages", by=COUNTER, body=b"{}")
    assert (wrong.status, wrong.json["code"], wrong.headers["Allow"]) == (405, "transport.method", "POST")


# ── credentials in the address ───────────────────────────────────────────────────────────────────


async def test_a_secret_address_is_a_credential_and_is_never_told_again(alone: Served) -> None:
    secret = alone.secrets.of(BARE, "path")
    headers = {"Idempotency-Key": "goi-1"}
    taken = await alone.post(f"/p/{secret}/v1/messages", packet(record(1)), headers=headers)
    assert taken.status == 202
    assert events(alone.hub, MessageAccepted)[0].party == BARE
    refused = await alone.post(f"/p/{secret}/v1/messages", b"{", headers=headers)
    assert secret not in refused.body.decode()
    assert (await alone.get("/v1/dossiers", headers={"Authorization": f"Bearer {secret}"})).status == 401


@pytest.mark.parametrize("secret", ["bia-dat", "000000000000_bia-dat"])
async def test_a_wrong_secret_address_opens_nothing(alone: Served, secret: str) -> None:
    answer = await alone.post(f"/p/{secret}/v1/messages", packet(record(1)), headers={"Idempotency-Key": "x"})
    assert (answer.status, answer.json["code"]) == (401, "transport.unauthenticated")
    bearer = alone.secrets.of(COUNTER)
    assert (await alone.post(f"/p/{bearer}/v1/messages", packet(record(1)))).status == 401


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


async def test_the_fate_of_a_message_can_be_asked_for_at_once_and_by_its_sender_only(alone: Served) -> None:
    receipt = (await alone.message(packet(record(1), record(2, MaTTHC="x")), by=COUNTER, key="x")).json
    fate = await alone.get(f"/v1/messages/{receipt['message_id']}", by=COUNTER)
    assert fate.status == 200
    assert fate.json["state"] == "accepted"
    assert fate.json["records"] == {"applied": 1, "refused": 1}
    assert fate.json["position"] == receipt["position"]
    assert (await alone.get(f"/v1/messages/{receipt['message_id']}", by=BARE)).status == 404
    assert (await alone.get(f"/v1/messages/{receipt['message_id']}", by=AUDITOR)).status == 200
    assert (await alone.get("/v1/messages/khong-co", by=AUDITOR)).status == 404


async def test_the_fate_of_a_message_tells_what_every_target_confirmed(calm: Served) -> None:
    receipt = (await calm.message(packet(record(1)), by=COUNTER, key="x")).json
    await calm.settle()
    fate = (await calm.get(f"/v1/messages/{receipt['message_id']}", by=COUNTER)).json
    assert fate["sync"] == {PORTAL: {"confirmed": 1}}
    sync = (await calm.get(f"/v1/dossiers/{code(1)}/sync", by=COUNTER)).json["sync"]
    assert sync[PORTAL]["state"] == "confirmed"


async def test_a_party_sees_what_concerns_it_and_nothing_else(alone: Served) -> None:
    await alone.message(packet(record(1)), by=COUNTER, key="x")
    local = packet(record(2, MaHoSo="12/2026/0001"))
    assert (await alone.message(local, by=COUNTER, key="y")).status == 202
    assert (await alone.message(packet(record(3, MaHoSo="12/2026/0001")), by=BARE, key="z")).status == 202
    await alone.hub.views.catch_up()
    seen = (await alone.get("/v1/dossiers", by=COUNTER)).json["dossiers"]
    assert sorted(one["code"] for one in seen) == [code(1), "12/2026/0001"]
    other = (await alone.get("/v1/dossiers", by=BARE)).json["dossiers"]
    assert [one["code"] for one in other] == ["12/2026/0001"]
    assert other[0]["stream"] not in [one["stream"] for one in seen]
    assert (await alone.get("/v1/dossiers", by=PROVINCE)).json["dossiers"] == []
    for path in ("", "/events", "/sync", "/diff?from=1&to=99"):
        assert (await alone.get(f"/v1/dossiers/{code(1)}{path}", by=BARE)).status == 404
        assert (await alone.get(f"/v1/dossiers/{code(1)}{path}", by=COUNTER)).status in {200, 404}
    own = (await alone.get("/v1/events", by=BARE)).json["events"]
    assert {event["data"].get("party", BARE) for event in own} == {BARE}
    assert [row["id"] for row in (await alone.get("/v1/parties", by=BARE)).json["parties"]] == [BARE]


async def test_a_dossier_is_found_in_any_spelling_of_its_code(alone: Served) -> None:
    await alone.message(packet(record(1)), by=COUNTER, key="x")
    await alone.hub.views.catch_up()
    for spelling in (code(1), code(1).lower(), "H98.44.21.000-260105-0001"):
        found = await alone.get(f"/v1/dossiers/{spelling}", by=COUNTER)
        assert (found.status, found.json.get("code")) == (200, code(1)), spelling
    assert (await alone.get("/v1/dossiers?q=h98 260105-0001", by=COUNTER)).json["dossiers"]


async def test_every_reading_by_an_auditor_is_on_the_log_before_it_is_answered(alone: Served) -> None:
    await alone.message(packet(record(1)), by=COUNTER, key="x")
    known = alone.hub.ledger.committed
    stream = alone.hub.dossiers.by_code(code(1), (COUNTER,))
    assert stream is not None
    base = f"/v1/dossiers/{code(1)}"
    expected = []
    for path, what in (
        ("", "dossier"),
        ("/events", "events"),
        ("/sync", "sync"),
        (f"/diff?from={known}&to=99", "diff"),
    ):
        answer = await alone.get(base + path, by=AUDITOR)
        assert answer.status == 200, answer.body
        expected.append((AUDITOR, "auditor", what))
        opened = events(alone.hub, EvidenceAccessed)
        assert [(one.by, one.role, one.what) for one in opened] == expected
        assert opened[-1].stream == stream.stream.hex()
    lookup = {"service": "TraCuuHoSo", "mahoso": code(1)}
    asked = await alone.post("/mapi/g", lookup, by=AUDITOR)
    assert asked.json["result"][0]["MaHoSo"] == code(1)
    assert len(events(alone.hub, EvidenceAccessed)) == len(expected) + 1
    await alone.get(base, by=COUNTER)
    assert len(events(alone.hub, EvidenceAccessed)) == len(expected) + 1


async def test_the_feed_shows_staff_no_sealed_value_and_says_so_to_nobody(alone: Served) -> None:
    await alone.message(packet(record(1)), by=COUNTER, key="x")
    feed = (await alone.get("/v1/events?limit=1000", by=AUDITOR)).json["events"]
    assert len(feed) == alone.hub.ledger.committed
    assert record(1)["ChuHoSo"].encode() not in msgspec.json.encode(feed)
    assert events(alone.hub, EvidenceAccessed) == []


async def test_the_past_is_shown_as_it_was_known(alone: Served) -> None:
    first = (await alone.message(packet(record(1)), by=COUNTER, key="x")).json
    later = packet(record(1, state="4", GhiChu="Đã phân công"), updating="True")
    second = (await alone.message(later, by=COUNTER, key="y")).json
    base = f"/v1/dossiers/{code(1)}"
    now = (await alone.get(base, by=COUNTER)).json
    before = (await alone.get(f"{base}?position={second['position'] - 1}", by=COUNTER)).json
    assert (before["status"]["portal"], now["status"]["portal"]) == ("2", "4")
    told = (await alone.get(f"{base}/events", by=COUNTER)).json["events"]
    known = next(event["recordedtime"] for event in told if event["position"] == first["dossiers"][0]["position"])
    at = (await alone.get(f"{base}?at={known}", by=COUNTER)).json
    assert at["status"]["portal"] == "2"
    diff = (await alone.get(f"{base}/diff?from={before['position']}&to={now['position']}", by=COUNTER)).json
    assert "state" in {change["field"] for change in diff["changes"]}
    assert now["fields"]["remark"]["position"] > before["position"]


@pytest.mark.parametrize(
    "query",
    ["?position=0", "?position=mot", "?position=" + "9" * 40, "?at=hom-qua", "?at=2026-01-01T00:00:00", "?position=٣"],
)
async def test_a_question_that_makes_no_sense_is_refused(alone: Served, query: str) -> None:
    await alone.message(packet(record(1)), by=COUNTER, key="x")
    answer = await alone.get(f"/v1/dossiers/{code(1)}{query}", by=COUNTER)
    assert (answer.status, answer.json["code"]) == (400, "query.invalid")


@pytest.mark.parametrize("path", ["/v1/dossiers?limit=0", "/v1/dossiers?cursor=%00", "/v1/events?after=-1"])
async def test_a_page_that_can_not_be_is_refused(alone: Served, path: str) -> None:
    answer = await alone.get(path, by=COUNTER)
    assert (answer.status, answer.json["code"]) == (400, "query.invalid")


async def test_search_goes_through_all_pages(alone: Served) -> None:
    await alone.message(packet(*(record(number) for number in range(1, 8))), by=COUNTER, key="x")
    await alone.hub.views.catch_up()
    codes: list[str] = []
    cursor = ""
    while True:
        page = (await alone.get(f"/v1/dossiers?limit=3&cursor={cursor}", by=COUNTER)).json
        codes += [one["code"] for one in page["dossiers"]]
        cursor = page["next"]
        if not cursor:
            break
    assert sorted(codes) == [code(number) for number in range(1, 8)]


# ── operators ────────────────────────────────────────────────────────────────────────────────────


async def test_an_operator_asks_by_name_and_gets_plain_values(alone: Served) -> None:
    await alone.message(packet(record(1)), by=COUNTER, key="x")
    status = (await alone.post("/v1/admin/status", b"", by=OPERATOR)).json
    assert status["committed"] == alone.hub.ledger.committed
    listed = (await alone.post("/v1/admin/dossier.list", {"query": "0001"}, by=OPERATOR)).json
    assert [one["code"] for one in listed["dossiers"]] == [code(1)]
    shown = (await alone.post("/v1/admin/dossier.show", {"code": code(1)}, by=OPERATOR)).json
    assert shown["status"]["portal"] == "2"
    timeline = (await alone.post("/v1/admin/dossier.timeline", {"code": code(1)}, by=OPERATOR)).json
    assert timeline["events"][0]["subject"] == code(1)
    grants = (await alone.post("/v1/admin/access.list", b"", by=OPERATOR)).json["credentials"]
    assert "digest" not in msgspec.json.encode(grants).decode()
    assert [one.role for one in events(alone.hub, EvidenceAccessed)] == ["operator", "operator"]


@pytest.mark.parametrize(
    ("command", "body", "status", "expected"),
    [
        ("khong.co", b"{}", 404, "query.not_found"),
        ("dossier.show", b'{"code": "khong-co"}', 404, "query.not_found"),
        ("dossier.show", b'{"code": 7}', 400, "query.invalid"),
        ("dossier.list", b'{"limit": "nhieu"}', 400, "query.invalid"),
        ("dossier.diff", b'{"code": "%s"}', 400, "query.invalid"),
        ("dossier.at", b'{"code": "%s", "time": "hom-qua"}', 400, "query.invalid"),
        ("dossier.at", b'{"code": "%s", "position": true}', 400, "query.invalid"),
        ("parked.requeue", b'{"code": "%s", "target": "khong-co"}', 404, "query.not_found"),
        ("status", b"[]", 400, "query.invalid"),
        ("status", b"{", 400, "query.invalid"),
    ],
)
async def test_an_operator_is_told_what_is_wrong_with_a_command(
    alone: Served, command: str, body: bytes, status: int, expected: str
) -> None:
    await alone.message(packet(record(1)), by=COUNTER, key="x")
    answer = await alone.post(f"/v1/admin/{command}", body.replace(b"%s", code(1).encode()), by=OPERATOR)
    assert (answer.status, answer.json["code"]) == (status, expected)


# ── stopping ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_hub_that_stops_refuses_new_messages_and_still_shows(alone: Served) -> None:
    await alone.message(packet(record(1)), by=COUNTER, key="x")
    session = await alone.login(COUNTER)
    alone.hub.doors.close()
    answer = await alone.message(packet(record(2)), by=COUNTER, key="y")
    assert (answer.status, answer.json["code"]) == (503, "hub.draining")
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await alone.get(f"/v1/dossiers/{code(1)}", by=COUNTER)).status == 200
    legacy = await alone.mapi("DongBoHoSoMC", [record(2)], session=session, isUpdating="False")
    assert legacy["error_code"] == "6"


async def test_the_times_of_a_receipt_are_those_of_the_log(alone: Served) -> None:
    receipt = (await alone.message(packet(record(1)), by=COUNTER, key="x")).json
    accepted = events(alone.hub, MessageAccepted)[0]
    assert receipt["accepted_at"] == rfc3339(accepted.accepted_at)
