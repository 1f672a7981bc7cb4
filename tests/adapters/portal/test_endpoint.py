"""The drop-in endpoint over real HTTP."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler

from adapters.kit import full_picture
from adapters.portal import answers, endpoint
from adapters.transports.http_server import PRINCIPAL
from contracts import strict_xml
from contracts.errors import CODES, HubError, MessageRefused, Overloaded, field_error
from tests.adapters.portal.little_gate import LittleGate
from tests.adapters.portal.specimens import CODE, RECORD, packet, record, row

Client = TestClient[web.Request, web.Application]
LIMIT = 200_000


@web.middleware
async def paths_prove_parties(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.headers.get("X-Path-Secret") == "duong-mau":
        principal = request.app[GATE].by_path("duong-mau")
        assert principal is not None
        request[PRINCIPAL] = principal
    return await handler(request)


GATE = web.AppKey("gate", LittleGate)


@pytest.fixture
def gate() -> LittleGate:
    return LittleGate()


@pytest.fixture
async def client(gate: LittleGate) -> AsyncIterator[Client]:
    app = web.Application(middlewares=[paths_prove_parties])
    app[GATE] = gate
    app.add_routes(endpoint.routes(gate, max_body_bytes=LIMIT))
    async with TestClient(TestServer(app)) as running:
        yield running


async def post(client: Client, path: str, body: bytes, **headers: str) -> dict[str, Any]:
    async with client.post(
        path, data=body, headers={name.replace("_", "-"): text for name, text in headers.items()}
    ) as reply:
        assert reply.status == 200
        answer: dict[str, Any] = await reply.json()
        assert isinstance(answer["message"], str)
        assert isinstance(answer["error_code"], str)
        assert re.fullmatch(r"-?\d+", answer["error_code"])
        assert ("thành công" in (await reply.text())) is (answer["error_code"] == "0")
        return answer


async def session(client: Client) -> str:
    answer = await post(client, "/mapi/login", b'{"username": "tinh-mau", "password": "mat-khau-mau"}')
    return str(answer["session"])


async def call(client: Client, *records: Any, service: str = "DongBoHoSoMC", **head: Any) -> dict[str, Any]:
    head = {"session": await session(client), **head}
    return await post(client, "/mapi/g", packet(*records, service=service, **head))


async def test_a_login_gives_a_session_and_wrong_credentials_give_none(client: Client) -> None:
    assert await session(client) == "phien-1"
    answer = await post(client, "/mapi/login", b'{"username": "tinh-mau", "password": "sai"}')
    assert answer["error_code"] == "2"
    assert "session" not in answer


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"username": 5}', b"<a/>"])
async def test_a_login_nobody_can_read_is_refused(client: Client, body: bytes) -> None:
    async with client.post("/mapi/login", data=body) as reply:
        assert reply.status == 200
        assert b"thanh cong" not in await reply.read()


@pytest.mark.parametrize("path", ["/mapi/g", "/mapi/integration", "/mapi/share"])
async def test_a_packet_is_taken_at_every_mapi_path(client: Client, gate: LittleGate, path: str) -> None:
    answer = await post(client, path, packet(RECORD, session=await session(client)))

    assert (answer["error_code"], answer["accepted"], answer["message_id"], answer["errors"]) == ("0", 1, "m1", [])
    (taken,) = gate.taken
    assert (taken.party, taken.adapter, taken.type, taken.agencies) == (
        "tinh-mau",
        "portal",
        "qcvn120/DongBoHoSoMC",
        ("H99",),
    )
    assert json.loads(taken.body)["data"] == [RECORD]


async def test_progress_is_taken_too(client: Client) -> None:
    assert (await call(client, row(), row(TrangThai="4"), service="CapNhatTienDoHoSoMC"))["accepted"] == 2


async def test_a_parked_record_is_accepted_because_it_is_ours_then(client: Client) -> None:
    assert (await call(client, record(TrangThaiHoSo="11")))["error_code"] == "0"


async def test_creating_a_dossier_twice_exists(client: Client) -> None:
    await call(client, RECORD)

    answer = await call(client, record(GhiChu="khác"))

    assert answer["error_code"] == "-3"
    assert (
        answer["errors"][0] | {"error_code": "-3", "code": "intake.exists", "MaHoSo": CODE, "index": 0}
        == answer["errors"][0]
    )


async def test_refused_records_are_told_one_by_one_and_share_a_code_only_if_it_is_one(client: Client) -> None:
    bad, foreign = record(MaTTHC="99"), record(MaHoSo="000.21.44.H26-260915-0001")

    one_kind = await call(client, record(MaHoSo="000.21.44.H99-260915-0001"), bad)
    two_kinds = await call(client, foreign, bad)
    only_foreign = await call(client, foreign)

    assert (one_kind["error_code"], one_kind["accepted"]) == ("1", 1)
    assert [(one["index"], one["MaHoSo"], one["code"], one["path"]) for one in one_kind["errors"]] == [
        (1, CODE, "read.pattern", "/data/1/MaTTHC")
    ]
    assert two_kinds["error_code"] == "1"
    assert only_foreign["error_code"] == "4"


@pytest.mark.parametrize("head", [{"session": "cu"}, {"session": None}, {"session": 5}, {"session": ""}])
async def test_without_a_live_session_nothing_is_taken(client: Client, gate: LittleGate, head: dict[str, Any]) -> None:
    answer = await post(client, "/mapi/g", packet(RECORD, **head))

    assert answer["error_code"] == "2"
    assert gate.taken == []


async def test_a_bearer_token_stands_in_for_a_session_and_a_wrong_one_does_not(client: Client) -> None:
    right = await post(client, "/mapi/g", packet(RECORD, session=""), Authorization="Bearer the-mau")
    live = await session(client)
    wrong = await post(client, "/mapi/g", packet(RECORD, session=live), Authorization="Bearer sai")

    assert (right["error_code"], wrong["error_code"]) == ("0", "2")


@pytest.mark.parametrize(("service", "one"), [("DongBoHoSoMC", RECORD), ("CapNhatTienDoHoSoMC", row())])
async def test_bare_arrays_are_taken_with_the_address_as_their_envelope(
    client: Client, gate: LittleGate, service: str, one: dict[str, Any]
) -> None:
    path = f"/api/SynsTTHCC/{service}?MaDinhDanhDV=000.00.01.H99&isUpdating=True"

    answer = await post(client, path, json.dumps([one]).encode(), X_Path_Secret="duong-mau")

    assert answer["error_code"] == "0"
    assert gate.taken[0].options == (("MaDinhDanhDV", "000.00.01.H99"), ("isUpdating", "True"))
    assert gate.taken[0].type == f"qcvn120/{service}"


async def test_a_bare_array_without_a_credential_is_refused(client: Client) -> None:
    assert (await post(client, "/api/SynsTTHCC/DongBoHoSoMC", json.dumps([RECORD]).encode()))["error_code"] == "2"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"khong phai json",
        b"\xef\xbb\xbf{}",
        b'{"session": "s", "data": [',
        b"[" * 10_000,
        b'{"a":' * 10_000,
        packet(RECORD).replace(b'"data"', b'"dulieu"'),
        packet(),
        packet(RECORD, isUpdating="co"),
        packet(*[1] * 1_001),
        packet(RECORD, service="KhongCo"),
        b"<a>",
    ],
)
async def test_what_nobody_can_take_apart_is_invalid_once_the_caller_is_known(client: Client, body: bytes) -> None:
    async with client.post("/mapi/g", data=body, headers={"Authorization": "Bearer the-mau"}) as reply:
        assert reply.status == 200
        text = await reply.text()
    assert "thành công" not in text
    assert ">1</error_code>" in text if body.startswith(b"<") else json.loads(text)["error_code"] == "1"


async def test_a_body_beyond_the_limit_is_413_in_mapis_shape(client: Client, gate: LittleGate) -> None:
    for body in (b"x" * (LIMIT + 1), _chunks()):
        async with client.post("/mapi/g", data=body) as reply:
            assert reply.status == 413
            assert (await reply.json())["error_code"] == "1"
    assert gate.taken == []


async def _chunks() -> AsyncIterator[bytes]:
    for _ in range(50):
        yield b"x" * 10_000


async def test_a_busy_hub_says_when_to_come_back(client: Client, gate: LittleGate) -> None:
    gate.fails = Overloaded(retry_after_s=2.4)

    async with client.post("/mapi/g", data=packet(RECORD), headers={"Authorization": "Bearer the-mau"}) as reply:
        assert (reply.status, reply.headers["Retry-After"]) == (200, "2")
        assert (await reply.json())["error_code"] == "6"


@pytest.mark.parametrize(
    ("code", "mapi"),
    [("intake.agency_forbidden", "4"), ("intake.conflict", "1"), ("transport.forbidden", "4"), ("read.bom", "1")],
)
async def test_a_message_refused_whole_has_its_code(client: Client, gate: LittleGate, code: str, mapi: str) -> None:
    gate.fails = MessageRefused(code, agency="H26")

    answer = await post(client, "/mapi/g", packet(RECORD), Authorization="Bearer the-mau")

    assert (answer["error_code"], answer["accepted"], answer["errors"][0]["code"]) == (mapi, 0, code)


async def test_a_fault_of_ours_is_not_dressed_up_as_an_answer(client: Client, gate: LittleGate) -> None:
    gate.fails = HubError("ledger.unavailable")

    async with client.post("/mapi/g", data=packet(RECORD), headers={"Authorization": "Bearer the-mau"}) as reply:
        assert reply.status == 500


async def test_a_sender_can_not_make_a_refusal_say_success(client: Client) -> None:
    twice = packet(RECORD, session=await session(client)).replace(b'"MaTTHC"', '"thành công": 1, "thành công"'.encode())

    answer = await post(client, "/mapi/g", twice)

    assert answer["error_code"] == "1"


async def test_xml_is_answered_in_xml(client: Client, gate: LittleGate) -> None:
    text = "".join(f"<{name}>{value}</{name}>" for name, value in row().items())
    head = f"<session>{await session(client)}</session>"
    body = f"<CapNhatTienDoHoSoMC>{head}<data><TienDo>{text}</TienDo></data></CapNhatTienDoHoSoMC>"

    async with client.post("/mapi/g", data=body.encode(), headers={"Content-Type": "application/xml"}) as reply:
        assert reply.content_type == "application/xml"
        root = strict_xml.parse(await reply.read())

    assert (root.tag, root.findtext("error_code"), root.findtext("accepted")) == (
        "CapNhatTienDoHoSoMCResponse",
        "0",
        "1",
    )
    assert gate.taken[0].type == "qcvn120/CapNhatTienDoHoSoMC"


async def ask(client: Client, service: str, **params: str) -> list[dict[str, Any]]:
    body = {"session": await session(client), "madonvi": "000.00.00.H99", "service": service, **params}
    answer = await post(client, "/mapi/share", json.dumps(body).encode())
    assert answer["error_code"] == "0"
    result: list[dict[str, Any]] = answer["result"]
    return result


async def test_a_dossier_can_be_looked_up_with_its_rows(client: Client, gate: LittleGate) -> None:
    picture = full_picture()
    gate.pictures[picture.code] = picture

    (found,) = await ask(client, "TraCuuHoSo", mahoso=picture.code)

    assert (found["MaHoSo"], found["TrangThaiHoSo"]) == (picture.code, "4")
    assert [one["TrangThai"] for one in found["DanhSachTienDo"]] == ["2", "4"]
    assert await ask(client, "TraCuuHoSo", mahoso="khong-co") == []


async def test_looking_up_without_a_code_says_what_is_missing(client: Client) -> None:
    answer = await post(
        client, "/mapi/g", json.dumps({"session": await session(client), "service": "TraCuuHoSo"}).encode()
    )

    assert answer["error_code"] == "1"
    assert [one["code"] for one in answer["errors"]] == ["read.missing"]


async def test_a_procedure_is_told_completely_under_its_bare_code(client: Client, gate: LittleGate) -> None:
    gate.catalogues["procedures"] = [
        {"MATTHC": "1.099001", "TENTTHC": "Thủ tục mẫu", "MALINHVUC": "LV1", "TENLINHVUC": "Lĩnh vực mẫu"},
        {"MATTHC": "1.099002", "TENTTHC": "Khác", "LINHVUCTHUCHIEN": [{"MALINHVUC": "LV2", "TENLINHVUC": "Hai"}]},
    ]

    (one,) = await ask(client, "LayThuTuc", maTTHC="1.099001.000.00.00.H99")
    (other,) = await ask(client, "LayThuTuc", maTTHC="1.099002")

    assert one["LINHVUCTHUCHIEN"][0] == {"MALINHVUC": "LV1", "TENLINHVUC": "Lĩnh vực mẫu"}
    assert other["LINHVUCTHUCHIEN"][0]["TENLINHVUC"] == "Hai"
    assert set(one) >= {"TENTTHC", "CACHTHUCTHUCHIEN", "THANHPHANHOSO", "COQUANTHUCHIEN", "TRANGTHAI"}
    assert await ask(client, "LayThuTuc", maTTHC="1.000000") == []


async def test_catalogues_are_told_with_the_wires_own_names(client: Client, gate: LittleGate) -> None:
    gate.catalogues["procedures"] = [{"MATTHC": "1.099001", "TENTTHC": "Thủ tục mẫu", "YEUCAU": "x"}]
    gate.catalogues["agencies"] = [{"MADONVI": "000.00.00.H99", "TENDONVI": "Tỉnh Mẫu", "CAPDONVI": "1"}]
    gate.catalogues["fields"] = [{"MALINHVUC": "LV1", "TENLINHVUC": "Mẫu"}]

    assert await ask(client, "LayDanhSachTTHC") == [{"MATTHC": "1.099001", "TENTTHC": "Thủ tục mẫu"}]
    assert await ask(client, "LayDanhMucCoQuan") == gate.catalogues["agencies"]
    assert await ask(client, "LayDanhMucLinhVuc") == [{"MALINHVUC": "LV1", "TENLINHVUC": "Mẫu", "MANGANH": ""}]


def _every_code() -> Iterator[str]:
    yield from CODES


@pytest.mark.parametrize("code", list(_every_code()))
def test_no_refusal_of_any_code_says_success(code: str) -> None:
    error = MessageRefused(code, errors=(field_error(code, "/thành công", name="THÀNH CÔNG"),), name="thành công")

    text = json.dumps(answers.refused(error), ensure_ascii=False)

    assert "thành công" not in text.casefold()
