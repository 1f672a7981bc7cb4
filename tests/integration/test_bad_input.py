"""Everything senders get wrong, through every door: an answer they can act on, a record of it, and nothing taken down.

Through mapi every answer is HTTP 200 in mapi's own shape, ``message`` is never null and no refusal contains the phrase
that senders take for success.
"""

import unicodedata
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest

from hub.wiring import Hub
from ledger.events import FactRecorded, MessageAccepted, MessageRefused, RecordParked
from tests.integration.samples import code, packet, record, row, xml
from tests.integration.served import COUNTER, MINISTRY, PROVINCE, Served

KEPT: Final = 64 * 1024
SUCCESS: Final = "thành công"


def events(hub: Hub, kind: type) -> list[Any]:
    return [entry.event for entry in hub.ledger.read(0, 10_000) if isinstance(entry.event, kind)]


def refusals(hub: Hub) -> list[tuple[MessageRefused, bytes]]:
    """Every refusal on the log with the bytes kept of it."""
    return [
        (entry.event, hub.ledger.raw_message(entry.position) if entry.event.body_bytes else b"")
        for entry in hub.ledger.read(0, 10_000)
        if isinstance(entry.event, MessageRefused)
    ]


def body_of(*records: Any, **members: Any) -> bytes:
    return msgspec.json.encode(packet(*records) | members)


def nested(depth: int) -> Any:
    value: Any = "đáy"
    for _ in range(depth):
        value = [value]
    return value


def deep(depth: int) -> bytes:
    """A packet whose record holds arrays ``depth`` deep."""
    return body_of(record(1, Sau="@")).replace(b'"@"', b"[" * depth + b"]" * depth)


LAUGHS: Final = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
    b"<DongBoHoSoMC><data><HoSo><MaHoSo>&c;</MaHoSo></HoSo></data></DongBoHoSoMC>"
)
OUTSIDE: Final = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b"<DongBoHoSoMC><data><HoSo><MaHoSo>&x;</MaHoSo></HoSo></data></DongBoHoSoMC>"
)

WHOLE: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "nothing": (lambda: b"", "intake.empty"),
    "words": (lambda: b"xin chao", "read.not_json"),
    "cut off": (lambda: body_of(record(1))[:-40], "read.not_json"),
    "a page of HTML": (lambda: b"<html><body>502</body></html>", "read.envelope"),
    "cut XML": (lambda: xml(1)[:-30], "read.not_xml"),
    "UTF-16": (lambda: body_of(record(1)).decode().encode("utf-16"), "read.encoding"),
    "an old Vietnamese code page": (
        lambda: body_of(record(1, ChuHoSo="@")).replace(b'"@"', '"Đỗ Mẫu"'.encode("cp1258", "replace")),
        "read.encoding",
    ),
    "a byte order mark": (lambda: b"\xef\xbb\xbf" + body_of(record(1)), "read.bom"),
    "a byte order mark before XML": (lambda: b"\xef\xbb\xbf" + xml(1), "read.bom"),
    "a key twice in the envelope": (
        lambda: body_of(record(1)).replace(b'{"session"', b'{"service":"DongBoHoSoMC","session"', 1),
        "read.duplicate_key",
    ),
    "ten thousand levels": (lambda: deep(10_000), "read.too_deep"),
    "an entity bomb": (lambda: LAUGHS, "read.dtd"),
    "an entity from outside": (lambda: OUTSIDE, "read.dtd"),
    "no record": (body_of, "read.record_count"),
    "ten thousand records": (lambda: body_of(*[row(1)] * 10_000), "read.record_count"),
    "no array": (lambda: msgspec.json.encode(packet() | {"data": "không"}), "read.envelope"),
    "an update that is neither": (lambda: body_of(record(1), isUpdating="có thể"), "read.envelope"),
    "a bare NUL": (lambda: body_of(record(1)) + b"\x00", "read.nul"),
}

RECORDS: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "a key twice": (
        lambda: body_of(record(1)).replace(b'{"MaHoSo"', b'{"ChuHoSo":"A","MaHoSo"', 1),
        "read.duplicate_key",
    ),
    "forty levels": (lambda: deep(40), "read.too_deep"),
    "an escaped NUL": (lambda: body_of(record(1, ChuHoSo="Lò\0Mẫu")), "read.nul"),
    "a lone surrogate": (
        lambda: body_of(record(1, ChuHoSo="@")).replace(b'"@"', b'"\\ud83d"'),
        "read.surrogate",
    ),
    "the thirtieth of February": (lambda: body_of(record(1, NgayTiepNhan="20260230080000")), "read.date"),
    "twenty-five o'clock": (lambda: body_of(record(1, NgayTiepNhan="20260105250000")), "read.date"),
    "an object for a text": (lambda: body_of(record(1, ChuHoSo={"ten": "Mẫu"})), "read.type"),
    "no dossier code": (lambda: body_of(record(1, MaHoSo="")), "read.missing"),
    "no status": (lambda: body_of(record(1, TrangThaiHoSo=None)), "read.missing"),
    "a text too long": (lambda: body_of(record(1, TrichYeuHoSo="x" * 100_000)), "read.length"),
    "not a record": (lambda: body_of("hồ sơ"), "read.type"),
    "a bad field in XML": (lambda: xml(1, MaTTHC="sai"), "read.pattern"),
}


async def is_well(hub: Served) -> None:
    """The next message is taken as if nothing had been."""
    answer = await hub.message(packet(record(4_001)), by=COUNTER, key="sau-do")
    assert answer.status == 202, answer.body


def assert_refused(answer: dict[str, Any], expected: str, mapi_code: str = "1") -> None:
    assert answer["error_code"] == mapi_code
    assert expected in {error["code"] for error in answer["errors"]}
    assert isinstance(answer["message"], str)
    assert answer["message"]
    text = unicodedata.normalize("NFC", msgspec.json.encode(answer).decode()).casefold()
    assert SUCCESS not in text
    assert answer["accepted"] == 0


# ── what nobody can read ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [*WHOLE, *RECORDS])
async def test_mapi_answers_in_its_own_shape_and_the_refusal_is_kept(alone: Served, name: str) -> None:
    make, expected = (WHOLE | RECORDS)[name]
    body = make()
    answer = await alone.post(alone.path(COUNTER, "/mapi/g"), body)
    assert answer.status == 200
    if answer.headers["Content-Type"].startswith("application/xml"):
        assert expected.encode() in answer.body
        assert SUCCESS not in answer.body.decode()
    else:
        assert_refused(answer.json, expected)
    ((event, kept),) = refusals(alone.hub)
    assert (event.party, event.body_bytes) == (COUNTER, len(body))
    assert expected in {error.code for error in event.errors}
    assert kept == body[:KEPT]
    assert await alone.metric("lienthong_messages_refused_total") == 1
    await is_well(alone)


@pytest.mark.parametrize("name", [*WHOLE, *RECORDS])
async def test_our_own_door_answers_with_a_problem_and_the_refusal_is_kept(alone: Served, name: str) -> None:
    make, expected = (WHOLE | RECORDS)[name]
    body = make()
    headers = {"Idempotency-Key": "goi-1"}
    answer = await alone.post("/v1/messages?type=qcvn120/DongBoHoSoMC", body, by=COUNTER, headers=headers)
    assert answer.status in {400, 422}, answer.body
    assert expected in answer.codes
    assert all(error["vi"] and error["en"] for error in answer.json["errors"])
    ((event, kept),) = refusals(alone.hub)
    assert (event.party, event.body_bytes) == (COUNTER, len(body))
    assert kept == body[:KEPT]
    await is_well(alone)


@pytest.mark.parametrize(
    ("name", "make", "status", "expected"),
    [
        ("nothing", lambda: b"", 400, "intake.empty"),
        ("words", lambda: b"xin chao", 422, "read.not_json"),
        ("a byte order mark", lambda: b"\xef\xbb\xbf{}", 422, "read.bom"),
        ("UTF-16", lambda: '{"DocCode": "x"}'.encode("utf-16-le"), 422, "read.encoding"),
        ("ten thousand levels", lambda: b'{"DocCode":' + b"[" * 10_000 + b"]" * 10_000 + b"}", 422, "read.too_deep"),
        ("a key twice", lambda: b'{"DocCode":"a","DocCode":"b"}', 422, "read.duplicate_key"),
        ("an array at the address of one", lambda: b"[]", 422, "read.envelope"),
        ("an empty object", lambda: b"{}", 422, "read.missing"),
        ("a NUL", lambda: b'{"DocCode":"a\\u0000"}', 422, "read.nul"),
    ],
)
async def test_an_opencps_sender_sees_by_the_status_that_nothing_was_taken(
    alone: Served, name: str, make: Callable[[], bytes], status: int, expected: str
) -> None:
    body = make()
    answer = await alone.post("/opencps/Document/SyncDocument", body, by=PROVINCE)
    assert answer.status == status, (name, answer.body)
    told = answer.json
    assert expected in {told.get("code"), *(error["code"] for error in told.get("errors", ()))}
    assert SUCCESS not in told["Message"].casefold()
    assert told["Message"]
    recorded = refusals(alone.hub)
    if status == 422 and name != "an array at the address of one":
        assert recorded[0][1] == body[:KEPT]
    await is_well(alone)


async def test_fifty_megabytes_are_turned_away_before_they_are_read(alone: Served) -> None:
    body = b'{"data": "' + b"x" * 50_000_000 + b'"}'
    before = alone.hub.ledger.committed
    for path, by in (("/mapi/g", COUNTER), ("/v1/messages", COUNTER), ("/opencps/Document/SyncDocument", PROVINCE)):
        try:
            answer = await alone.post(path, body, by=by, headers={"Idempotency-Key": "x"})
        except OSError:  # turned away while still sending
            continue
        assert answer.status == 413
        assert SUCCESS not in answer.body.decode().casefold()
    assert alone.hub.ledger.committed == before
    await is_well(alone)


async def test_whoever_hides_the_session_in_a_broken_body_is_told_what_is_broken(alone: Served) -> None:
    session = await alone.login(COUNTER)
    before = alone.hub.ledger.committed
    for broken, expected in (
        (body_of(record(1), session=session)[:-40], "read.not_json"),
        (b"\xef\xbb\xbf" + body_of(record(1), session=session), "read.bom"),
        (deep(10_000).replace(b'"session":""', f'"session":"{session}"'.encode()), "read.too_deep"),
        (b"", "intake.empty"),
    ):
        answer = await alone.post("/mapi/g", broken)
        assert answer.status == 200
        assert_refused(answer.json, expected)
    assert len(refusals(alone.hub)) <= 1
    assert alone.hub.ledger.committed <= before + 1
    await is_well(alone)


async def test_of_a_large_refused_message_only_the_beginning_is_kept_and_sealed(alone: Served) -> None:
    body = body_of(*(record(number, MaTTHC="sai") for number in range(1, 101)))
    assert len(body) > KEPT
    answer = await alone.post(alone.path(COUNTER, "/mapi/g"), body)
    assert answer.json["error_code"] == "1"
    assert len(answer.json["errors"]) >= 100
    ((event, kept),) = refusals(alone.hub)
    assert kept == body[:KEPT]
    assert len(event.errors) <= 100
    stored = (alone.root / "ledger.db").read_bytes() + (alone.root / "ledger.db-wal").read_bytes()
    assert record(1)["ChuHoSo"].encode() not in stored
    assert code(1).encode() not in stored


# ── one bad record among good ones ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [name for name in RECORDS if name != "a bad field in XML"])
async def test_a_bad_record_does_not_hold_up_the_good_ones_of_its_packet(alone: Served, name: str) -> None:
    make, expected = RECORDS[name]
    bad = make()
    start, end = bad.index(b'"data":[') + len(b'"data":['), bad.rindex(b"]")
    good = body_of(record(21), record(22))
    body = good.replace(b'"data":[', b'"data":[' + bad[start:end] + b",", 1)
    answer = await alone.post(alone.path(COUNTER, "/mapi/g"), body)
    told = answer.json
    assert (answer.status, told["accepted"]) == (200, 2)
    assert told["error_code"] == "1"
    assert [error["index"] for error in told["errors"]] == [0] * len(told["errors"])
    assert expected in {error["code"] for error in told["errors"]}
    assert SUCCESS not in told["message"].casefold()
    (accepted,) = events(alone.hub, MessageAccepted)
    assert [item.state for item in accepted.items] == ["applied", "applied"]
    assert [item.index for item in accepted.refused] == [0]
    for number in (21, 22):
        assert (await alone.get(f"/v1/dossiers/{code(number)}", by=COUNTER)).status == 200
    again = (await alone.post(alone.path(COUNTER, "/mapi/g"), body)).json
    assert again["accepted"] == 2
    assert alone.hub.ledger.raw_message(alone.hub.ledger.committed) == body


async def test_the_whole_packet_sent_again_after_mending_adds_only_the_mended_record(alone: Served) -> None:
    path = alone.path(COUNTER, "/mapi/g")
    first = (await alone.post(path, body_of(record(1), record(2, MaTTHC="sai")))).json
    mended = (await alone.post(path, body_of(record(1), record(2)))).json
    assert (first["error_code"], first["accepted"]) == ("1", 1)
    assert (mended["error_code"], mended["accepted"]) == ("0", 2)
    assert SUCCESS in mended["message"]
    states = [[item.state for item in event.items] for event in events(alone.hub, MessageAccepted)]
    assert states == [["applied"], ["duplicate", "applied"]]


# ── odd, and taken all the same ──────────────────────────────────────────────────────────────────


async def warnings_of(alone: Served, body: bytes) -> set[str]:
    """The warnings on the events of a message that must be taken."""
    answer = await alone.post("/v1/messages", body, by=COUNTER, headers={"Idempotency-Key": "goi-1"})
    assert answer.status == 202, answer.body
    assert all(dossier["state"] == "applied" for dossier in answer.json["dossiers"])
    told = {warning["code"] for dossier in answer.json["dossiers"] for warning in dossier.get("warnings", ())}
    recorded = {note.code for event in events(alone.hub, FactRecorded) for note in event.warnings}
    assert told == recorded
    return told


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"Sau": nested(10)}, "warn.unknown_field"),
        ({"TruongLa": "giữ nguyên"}, "warn.unknown_field"),
        ({"SoDienThoai": 900000123}, "warn.number_for_string"),
        ({"ChuHoSo": unicodedata.normalize("NFD", "Lò Thị Mẫu Ánh")}, "warn.not_nfc"),
        ({"NgayTiepNhan": "20260105020000", "NgayHenTra": "20260105010000"}, "warn.twelve_hour_clock"),
        ({"SoGiayToChuHoSo": "123456789"}, "warn.fake_citizen_number"),
        ({"NgayTiepNhan": "05/01/2026 08:10:00"}, "warn.date_form"),
        ({"DanhSachTepDinhKemKhac": [{"TenGiayTo": "Bản vẽ", "SoLuong": "2", "LoaiGiayTo": "1"}]}, ""),
    ],
)
async def test_what_is_odd_is_taken_and_the_event_says_so(alone: Served, fields: dict[str, Any], expected: str) -> None:
    found = await warnings_of(alone, body_of(record(1, **fields)))
    assert not expected or expected in found


async def test_an_unknown_field_is_kept_as_it_was_written(alone: Served) -> None:
    body = body_of(record(1, TruongLa="giữ nguyên"))
    answer = await alone.post("/v1/messages", body, by=COUNTER, headers={"Idempotency-Key": "goi-1"})
    assert alone.hub.ledger.raw_message(answer.json["position"]) == body
    shown = (await alone.get(f"/v1/dossiers/{code(1)}", by=COUNTER)).json
    assert "giữ nguyên" in msgspec.json.encode(shown["fields"]).decode()


@pytest.mark.parametrize(
    "text",
    [
        "20260105081000",
        "05/01/2026 08:10:00",
        "2026-01-05T08:10:00+07:00",
        "2026-01-05T01:10:00Z",
        "2026-01-05 08:10:00",
    ],
)
async def test_one_moment_in_every_spelling_is_one_moment(alone: Served, text: str) -> None:
    await warnings_of(alone, body_of(record(1, NgayTiepNhan=text)))
    shown = (await alone.get(f"/v1/dossiers/{code(1)}", by=COUNTER)).json["fields"]["received_at"]["value"]
    assert shown["time"].startswith(("2026-01-05T01:10:00", "2026-01-05T08:10:00")), shown
    assert shown["text"] == text


@pytest.mark.parametrize("text", ["20260105", "05.01.2026"])
async def test_a_day_without_a_time_is_that_day(alone: Served, text: str) -> None:
    await warnings_of(alone, body_of(record(1, NgayTiepNhan=text)))
    shown = (await alone.get(f"/v1/dossiers/{code(1)}", by=COUNTER)).json["fields"]["received_at"]["value"]
    assert shown["text"] == text


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"TrangThaiHoSo": "11"}, "park.status_unmapped"),
        ({"KenhThucHien": "99"}, "park.code_unmapped"),
        ({"LoaiDoiTuong": "99"}, "park.code_unmapped"),
    ],
)
async def test_a_code_that_no_table_knows_is_ours_and_waits(
    alone: Served, fields: dict[str, Any], expected: str
) -> None:
    session = await alone.login(COUNTER)
    told = await alone.mapi("DongBoHoSoMC", [record(1, **fields), record(2)], session=session, isUpdating="False")
    assert (told["error_code"], told["accepted"]) == ("0", 2)
    (parked,) = events(alone.hub, RecordParked)
    assert (parked.code, parked.word) == (expected, next(iter(fields.values())))
    (accepted,) = events(alone.hub, MessageAccepted)
    assert [item.state for item in accepted.items] == ["parked", "applied"]


async def test_an_empty_text_never_erases_what_is_known(alone: Served) -> None:
    session = await alone.login(COUNTER)
    await alone.mapi("DongBoHoSoMC", [record(1)], session=session, isUpdating="False")
    blank = dict.fromkeys(("ChuHoSo", "SoDienThoai", "TrichYeuHoSo"), "")
    told = await alone.mapi("DongBoHoSoMC", [record(1, state="4", **blank)], session=session, isUpdating="True")
    assert told["error_code"] == "0"
    fields = (await alone.get(f"/v1/dossiers/{code(1)}", by=COUNTER)).json["fields"]
    assert fields["applicant_name"]["value"] == record(1)["ChuHoSo"]
    assert fields["phone"]["value"] == record(1)["SoDienThoai"]


# ── who may not ──────────────────────────────────────────────────────────────────────────────────


async def test_an_expired_session_an_unknown_one_and_none_are_code_two(alone: Served) -> None:
    live = await alone.login(COUNTER)
    body, _, mac = live.rpartition(".")
    grant, expiry, nonce = body.split(".")
    forged = f"{grant}.{int(expiry) + 9_999}.{nonce}.{mac}"
    for session in ("", "phien-la", forged, live[:-1], "...", "a.b.c.d", "ấ.ấ.ấ.ấ"):
        told = await alone.mapi("DongBoHoSoMC", [record(1)], session=session, isUpdating="False")
        assert told["error_code"] == "2", session
        assert SUCCESS not in told["message"].casefold()
    assert events(alone.hub, MessageAccepted) == []
    assert refusals(alone.hub) == []


async def test_an_agency_outside_the_credential_is_code_four_for_its_records_alone(alone: Served) -> None:
    session = await alone.login(COUNTER)
    foreign = record(1, agency="000.21.44.H99")
    told = await alone.mapi("DongBoHoSoMC", [foreign, record(2)], session=session, isUpdating="False")
    assert (told["error_code"], told["accepted"]) == ("4", 1)
    whole = await alone.post("/mapi/g", packet(record(3)) | {"session": session, "madonvi": "000.00.00.H99"})
    assert_refused(whole.json, "intake.agency_forbidden", "4")
    assert refusals(alone.hub)[0][0].errors[0].code == "intake.agency_forbidden"


async def test_nobody_speaks_another_partys_format(alone: Served) -> None:
    foreign = await alone.post("/mapi/g", packet(record(1)), by=PROVINCE)
    assert_refused(foreign.json, "transport.forbidden", "4")
    document = await alone.post("/opencps/Document/SyncDocument", b"{}", by=COUNTER)
    assert document.status == 403
    assert (await alone.message(packet(record(1)), by=MINISTRY, key="x")).json["code"] == "intake.type_unknown"
    assert alone.hub.views.counts() == {}
