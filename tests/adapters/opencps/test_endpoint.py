"""The served LGSP over real HTTP: tokens, documents, rows, and an answer the sender can act on for everything else."""

import base64
import io
import warnings
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from adapters.opencps import ADAPTER, endpoint
from adapters.opencps.invented import life_of
from adapters.transports.http_client import HttpTransport
from adapters.transports.http_server import PRINCIPAL
from contracts.delivery import Rendering
from contracts.envelope import Envelope
from contracts.errors import HubError, IntegrityViolation, MessageRefused, Overloaded
from contracts.picture import Picture
from contracts.ports import Address, Admit, Admitted, Principal, Profile, RecordOutcome

LIFE = next(life_of(2, 1))
DOCUMENT = LIFE.messages[0][1]
ROW = LIFE.messages[1][1]
PARTY = Principal(party="tinh-mau", role="party", adapter="opencps", agencies=("H99",))
AUDITOR = Principal(party="kiem-toan", role="auditor")
SESSION = "the-session"
NOW = 1_770_000_000_000_000


class LittleGate:
    """One party, one auditor, one session at a time; what is admitted is read by the adapter and remembered."""

    def __init__(self, failure: HubError | None = None) -> None:
        self.failure = failure
        self.envelopes: list[Envelope] = []

    @property
    def admit(self) -> Admit:
        return self._admit

    async def _admit(self, envelope: Envelope) -> Admitted:
        if self.failure is not None:
            raise self.failure
        self.envelopes.append(envelope)
        reading = ADAPTER.read(envelope, Profile())
        outcomes = [
            *(RecordOutcome(index=one.index, code=one.dossier, state="applied") for one in reading.records),
            *(RecordOutcome(index=one.index, code=one.dossier, state="parked") for one in reading.parked),
            *(
                RecordOutcome(index=one.index, code=one.dossier, state="refused", errors=one.errors)
                for one in reading.refused
            ),
        ]
        outcomes.sort(key=lambda one: one.index)
        return Admitted(message_id="0190", position=1, accepted_at=NOW, duplicate=False, records=tuple(outcomes))

    def now(self) -> int:
        return NOW

    def by_bearer(self, token: str) -> Principal | None:
        return {"the-bearer": PARTY, "the-auditor": AUDITOR}.get(token)

    def by_path(self, secret: str) -> Principal | None:
        return PARTY if secret == "bi-mat" else None

    def login(self, username: str, password: str) -> str | None:
        return "the-session" if (username, password) == ("tinh-mau", "mật khẩu") else None

    def by_session(self, session: str) -> Principal | None:
        return PARTY if session == "the-session" else None

    async def find_dossier(self, principal: Principal, code: str) -> Picture | None:
        return None

    def catalogue(self, name: str) -> Sequence[Mapping[str, Any]]:
        return ()


@web.middleware
async def by_path(request: web.Request, handler: Any) -> web.StreamResponse:
    """As the API does for path credentials."""
    if request.match_info.get("secret") == "bi-mat":
        with warnings.catch_warnings(action="ignore", category=web.NotAppKeyWarning):
            request[PRINCIPAL] = PARTY
    answer: web.StreamResponse = await handler(request)
    return answer


@asynccontextmanager
async def serving(gate: LittleGate) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application(middlewares=[by_path])
    for route in endpoint.routes(gate):
        app.router.add_route(route.method, route.path, route.handler)
        app.router.add_route(route.method, "/p/{secret}" + route.path, route.handler)
    async with TestClient(TestServer(app)) as client:
        yield client


async def post(
    gate: LittleGate, path: str, body: bytes, *, token: str = SESSION, **headers: str
) -> tuple[int, dict[str, Any], Mapping[str, str]]:
    sent = {"Content-Type": "application/json", **headers}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    async with serving(gate) as client, client.post(path, data=body, headers=sent) as reply:
        return reply.status, msgspec.json.decode(await reply.read()), reply.headers


# ── tokens ─────────────────────────────────────────────────────────────────────────────────────────


async def test_client_credentials_give_a_token_that_sends_messages() -> None:
    gate = LittleGate()
    form = {"grant_type": "client_credentials", "client_id": "tinh-mau", "client_secret": "mật khẩu"}
    async with serving(gate) as client:
        reply = await client.post("/opencps/token", data=form)
        token = await reply.json()
        assert (reply.status, token["token_type"], token["expires_in"]) == (200, "Bearer", 1_800)
        assert reply.headers["Cache-Control"] == "no-store"
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        reply = await client.post("/opencps/Document/SyncDocument", data=DOCUMENT, headers=headers)
        assert reply.status == 200


@pytest.mark.parametrize("how", ["form", "json", "basic"])
async def test_the_secret_may_come_as_form_json_or_basic(how: str) -> None:
    async with serving(LittleGate()) as client:
        url = "/opencps/token"
        if how == "form":
            reply = await client.post(
                url, data={"grant_type": "client_credentials", "client_id": "tinh-mau", "client_secret": "mật khẩu"}
            )
        elif how == "json":
            reply = await client.post(
                url, json={"grant_type": "client_credentials", "client_id": "tinh-mau", "client_secret": "mật khẩu"}
            )
        else:
            basic = base64.b64encode("tinh-mau:mật khẩu".encode()).decode()
            reply = await client.post(
                url, data={"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"}
            )
        assert reply.status == 200


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"grant_type=client_credentials&client_id=tinh-mau&client_secret=sai", 401, "invalid_client"),
        (b"grant_type=client_credentials", 401, "invalid_client"),
        (b"grant_type=password&client_id=tinh-mau&client_secret=x", 400, "unsupported_grant_type"),
        (b"", 400, "unsupported_grant_type"),
        (b"\xff\xfe", 400, "unsupported_grant_type"),
        (b'{"grant_type": [', 400, "unsupported_grant_type"),
        (b"&".join(b"a=1" for _ in range(100)), 400, "unsupported_grant_type"),
        (b"x" * 9_000, 413, "invalid_request"),
    ],
)
async def test_no_token_for_anything_else(body: bytes, status: int, error: str) -> None:
    found, answer, _ = await post(LittleGate(), "/opencps/token", body, token="")
    assert (found, answer["error"]) == (status, error)


async def test_broken_basic_credentials_are_refused() -> None:
    _, answer, headers = await post(
        LittleGate(), "/opencps/token", b"grant_type=client_credentials", token="", Authorization="Basic ***"
    )
    assert answer["error"] == "invalid_client"
    assert headers["WWW-Authenticate"] == "Basic"


# ── messages ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "body", "service"),
    [
        ("SyncDocument", DOCUMENT, "SyncDocument"),
        ("SyncDocuments", b"[" + DOCUMENT + b"]", "SyncDocument"),
        ("UpdateDocumentTraces", ROW, "UpdateDocumentTraces"),
        ("UpdateDocumentTraces", b" [" + ROW + b"]", "UpdateDocumentTraces"),
    ],
)
async def test_a_message_reaches_the_hub_as_it_came(path: str, body: bytes, service: str) -> None:
    gate = LittleGate()
    status, answer, _ = await post(gate, f"/opencps/Document/{path}", body, **{"Idempotency-Key": "k-1"})

    assert (status, answer["Status"], answer["accepted"], answer["message_id"]) == (200, 1, 1, "0190")
    envelope = gate.envelopes[0]
    assert (envelope.body, envelope.type, envelope.party) == (body, f"opencps/{service}", "tinh-mau")
    assert (envelope.agencies, envelope.received_at, envelope.source_id) == (("H99",), NOW, "k-1")


async def test_a_party_is_known_by_session_bearer_or_path() -> None:
    for path, token in (("", "the-session"), ("", "the-bearer"), ("/p/bi-mat", "")):
        status, _, _ = await post(LittleGate(), path + "/opencps/Document/SyncDocument", DOCUMENT, token=token)
        assert status == 200


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ("", 401, "transport.unauthenticated"),
        ("hết-hạn", 401, "transport.unauthenticated"),
        ("the-auditor", 403, "transport.forbidden"),
    ],
)
async def test_nobody_else_gets_in(token: str, status: int, code: str) -> None:
    gate = LittleGate()
    token = base64.b64encode(token.encode()).decode() if token == "hết-hạn" else token
    found, answer, headers = await post(gate, "/opencps/Document/SyncDocument", DOCUMENT, token=token)

    assert (found, answer["Status"], answer["code"]) == (status, 0, code)
    assert ("WWW-Authenticate" in headers) is (status == 401)
    assert not gate.envelopes


async def test_a_refused_record_is_answered_with_every_fault_and_its_place() -> None:
    bad = DOCUMENT.replace(b'"Status":1', b'"Status":"x"').replace(b'"DocTypeCode"', b'"DocTypeKode"')
    status, answer, _ = await post(LittleGate(), "/opencps/Document/SyncDocuments", b"[" + DOCUMENT + b"," + bad + b"]")

    assert (status, answer["Status"], answer["accepted"]) == (422, 0, 1)
    assert {(one["index"], one["code"], one["path"]) for one in answer["errors"]} == {
        (1, "read.pattern", "/1/Status"),
        (1, "read.missing", "/1/DocTypeCode"),
    }
    assert {one["DocCode"] for one in answer["errors"]} == {LIFE.code}
    assert answer["Message"]
    assert "thành công" not in answer["Message"].casefold()


async def test_a_parked_record_is_ours_and_therefore_accepted() -> None:
    odd = DOCUMENT.replace(b'"Status":1', b'"Status":6').replace(b'"DossierStatus"', b'"Khac"')
    status, answer, _ = await post(LittleGate(), "/opencps/Document/SyncDocument", odd)

    assert (status, answer["Status"], answer["accepted"]) == (200, 1, 1)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("SyncDocument", b"", 400, "intake.empty"),
        ("SyncDocument", b"[]", 422, "read.envelope"),
        ("SyncDocuments", b"{}", 422, "read.envelope"),
        ("SyncDocuments", b"[]", 422, "read.record_count"),
        ("SyncDocument", b"{", 422, "read.not_json"),
        ("UpdateDocumentTraces", b"\xef\xbb\xbf{}", 422, "read.bom"),
    ],
)
async def test_an_unreadable_message_is_refused_whole(path: str, body: bytes, status: int, code: str) -> None:
    found, answer, _ = await post(LittleGate(), f"/opencps/Document/{path}", body)

    assert (found, answer["code"], answer["Status"]) == (status, code, 0)
    assert answer["errors"]


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (Overloaded("hub.overloaded", retry_after_s=2.5), 503),
        (Overloaded("hub.draining", retry_after_s=5), 503),
        (MessageRefused("intake.conflict"), 409),
        (MessageRefused("intake.party_disabled"), 403),
        (IntegrityViolation("ledger.corrupt", "chi tiết nội bộ"), 500),
    ],
)
async def test_every_failure_is_told_in_the_sender_s_shape(failure: HubError, status: int) -> None:
    found, answer, headers = await post(LittleGate(failure), "/opencps/Document/SyncDocument", DOCUMENT)

    assert (found, answer["Status"], answer["code"]) == (status, 0, failure.code)
    assert "nội bộ" not in str(answer)
    assert ("Retry-After" in headers) is isinstance(failure, Overloaded)
    assert "thành công" not in answer["Message"].casefold()


async def test_a_body_above_the_limit_is_refused_before_it_is_read() -> None:
    limit = endpoint.max_body_bytes("SyncDocument")
    assert limit == 32 * 1024 * 1024
    async with serving(LittleGate()) as client:
        url = str(client.make_url("/opencps/Document/SyncDocument"))
        headers = {"Authorization": "Bearer the-session", "Content-Length": str(limit + 1)}
        async with ClientSession() as session:
            reply = await session.post(url, headers=headers, data=_trickle(), expect100=True)
            assert reply.status == 413
            assert msgspec.json.decode(await reply.read())["code"] == "transport.too_large"


async def _trickle() -> AsyncIterator[bytes]:
    yield b"{"


async def test_a_large_inline_file_is_taken() -> None:
    content = base64.b64encode(b"\x00\x01" * 1_500_000)
    record = msgspec.json.decode(DOCUMENT)
    record["Attachments"] = [{"AttachmentName": "lớn.pdf", "Base64": content.decode()}]
    gate = LittleGate()
    async with serving(gate) as client:
        reply = await client.post(
            "/opencps/Document/SyncDocument",
            data=io.BytesIO(msgspec.json.encode(record)),
            headers={"Authorization": "Bearer the-session"},
        )
        assert reply.status == 200

    assert len(gate.envelopes[0].body) > 4_000_000


async def test_our_own_client_understands_our_own_answers() -> None:
    gate = LittleGate()
    app = web.Application()
    app.add_routes(endpoint.routes(gate))
    transport = HttpTransport()
    async with TestServer(app) as server:
        address = Address(base_url=str(server.make_url("/opencps")), username="tinh-mau", secret="mật khẩu")
        party = ADAPTER.remote(address, transport, Profile(options={"sync_arrays": "true"}))
        document = Rendering(lane="d", service="SyncDocument", updating=False, code=LIFE.code, body=DOCUMENT)
        row = Rendering(lane="r", service="UpdateDocumentTraces", updating=False, code=LIFE.code, body=ROW, rows=(1,))
        bad = msgspec.structs.replace(document, body=b'{"DocCode": "x"}')
        verdicts = [(await party.send(batch)).verdict for batch in ([document, document], [row], [document, bad])]
        gate.failure = Overloaded(retry_after_s=7)
        busy = await party.send([row])
        await transport.close()

    assert verdicts == ["done", "done", "permanent"]
    assert (busy.verdict, busy.retry_after_s) == ("retry", 7.0)


async def test_basic_authentication_is_no_way_to_send_messages() -> None:
    async with serving(LittleGate()) as client:
        basic = base64.b64encode(b"tinh-mau:mat-khau").decode()
        reply = await client.post(
            "/opencps/Document/SyncDocument", data=DOCUMENT, headers={"Authorization": f"Basic {basic}"}
        )
        assert reply.status == 401
