"""Served endpoints: bounded bodies and errors a sender can act on."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import make_mocked_request

from adapters.transports.http_server import (
    PROBLEM_JSON,
    STATUS_BY_CODE,
    answers_problems,
    language_of,
    problem,
    read_body,
    retry_after,
    status_of,
)
from contracts.errors import (
    CODES,
    HubError,
    IntegrityViolation,
    MessageRefused,
    Misconfigured,
    Overloaded,
    TargetUnavailable,
    field_error,
)

LIMIT = 1_000


class Served:
    """An application whose one handler the test sets."""

    def __init__(self) -> None:
        self.handle: Callable[[web.Request], Awaitable[web.StreamResponse]] = self._echo
        self.reported: list[BaseException] = []

    async def _echo(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=await read_body(request, LIMIT, timeout_s=0.2))

    async def start(self) -> None:
        async def call(request: web.Request) -> web.StreamResponse:
            return await self.handle(request)

        app = web.Application(middlewares=[answers_problems(lambda _request, error: self.reported.append(error))])
        app.router.add_post("/p/{secret}/messages", call)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.port = self.runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}/p/bi-mat/messages"


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    built = Served()
    await built.start()
    yield built
    await built.runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def fails_with(served: Served, client: ClientSession, error: BaseException, **headers: str) -> Any:
    async def fail(_request: web.Request) -> web.StreamResponse:
        raise error

    served.handle = fail
    return await client.post(served.url, data=b"x", headers=headers)


@pytest.mark.parametrize("size", [0, 1, LIMIT])
async def test_a_body_up_to_the_limit_is_read_exactly(served: Served, client: ClientSession, size: int) -> None:
    async with client.post(served.url, data=b"\xff" * size) as response:
        assert await response.read() == b"\xff" * size


async def test_a_stated_length_over_the_limit_is_refused_before_reading(served: Served, client: ClientSession) -> None:
    async with client.post(served.url, data=b"x" * (LIMIT + 1)) as response:
        assert response.status == 413
        told = await response.json(content_type=PROBLEM_JSON)
    assert told["code"] == "transport.too_large"
    assert str(LIMIT) in told["detail"]


async def test_a_body_of_unstated_length_is_cut_at_the_limit(served: Served, client: ClientSession) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100

    async with client.post(served.url, data=pieces()) as response:
        assert response.status == 413


async def test_a_body_in_pieces_is_put_together(served: Served, client: ClientSession) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"a", b"b", b"c"):
            await asyncio.sleep(0.01)
            yield piece

    async with client.post(served.url, data=pieces()) as response:
        assert await response.read() == b"abc"


async def test_a_body_that_never_ends_times_out(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"POST /p/bi-mat/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf")
    status = await reader.readline()
    assert b" 408 " in status
    writer.close()
    await writer.wait_closed()


async def test_a_refusal_lists_every_fault_in_both_languages(served: Served, client: ClientSession) -> None:
    errors = (
        field_error("read.missing", "/data/0/MaHoSo", name="MaHoSo"),
        field_error("read.date", "/data/0/NgayTiepNhan", 7, name="NgayTiepNhan"),
    )
    response = await fails_with(served, client, MessageRefused("read.structure", errors=errors, name="data"))
    told = json.loads(await response.read())
    assert response.status == 422
    assert response.content_type == PROBLEM_JSON
    assert told["errors"][0] == {
        "path": "/data/0/MaHoSo",
        "code": "read.missing",
        "vi": "Thiếu trường bắt buộc MaHoSo.",
        "en": "Required field MaHoSo is missing.",
    }
    assert told["errors"][1]["line"] == 7


async def test_a_problem_has_the_members_of_rfc_9457_and_masks_the_path(served: Served, client: ClientSession) -> None:
    response = await fails_with(served, client, MessageRefused("intake.conflict"))
    told = json.loads(await response.read())
    assert {"type", "title", "status", "detail", "instance", "code", "errors"} <= told.keys()
    assert told["status"] == response.status == 409
    assert told["type"].endswith(":intake.conflict")
    assert told["instance"] == "/p/***/messages"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "vi"),
        ("en", "en"),
        ("en-GB,vi;q=0.5", "en"),
        ("vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        ("en;q=0.3, vi;q=0.3", "vi"),
        ("fr", "vi"),
        ("en;q=nonsense", "vi"),
        ("EN;q=1.0,*;q=0", "en"),
        (";;,,=", "vi"),
    ],
)
def test_the_language_is_the_callers_and_vietnamese_in_doubt(accept: str, language: str) -> None:
    assert language_of(make_mocked_request("GET", "/", headers={"Accept-Language": accept})) == language


async def test_the_detail_is_in_the_language_asked_for(served: Served, client: ClientSession) -> None:
    english = await fails_with(served, client, MessageRefused("intake.empty"), **{"Accept-Language": "en"})
    assert json.loads(await english.read())["detail"] == "The body is empty."
    assert english.headers["Content-Language"] == "en"
    vietnamese = await fails_with(served, client, MessageRefused("intake.empty"))
    assert json.loads(await vietnamese.read())["detail"] == "Gói tin rỗng."


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MessageRefused("read.not_json"), 422),
        (MessageRefused("intake.type_unknown"), 400),
        (MessageRefused("transport.unauthenticated"), 401),
        (MessageRefused("transport.forbidden"), 403),
        (MessageRefused("query.not_found"), 404),
        (MessageRefused("intake.conflict"), 409),
        (MessageRefused("transport.too_large", limit=1), 413),
        (Overloaded("hub.quota"), 429),
        (Overloaded(), 503),
        (TargetUnavailable(), 503),
        (IntegrityViolation("ledger.corrupt"), 500),
        (Misconfigured("config.missing"), 500),
        (HubError("hub.internal"), 500),
    ],
)
def test_the_status_says_whose_move_it_is(error: HubError, status: int) -> None:
    assert status_of(error) == status


def test_every_code_of_the_table_exists_and_every_code_has_a_status() -> None:
    assert set(STATUS_BY_CODE) <= set(CODES)
    for code in CODES:
        assert 400 <= status_of(MessageRefused(code)) < 600


async def test_waiting_is_told_in_whole_seconds(served: Served, client: ClientSession) -> None:
    response = await fails_with(served, client, Overloaded(retry_after_s=1.2))
    assert response.status == 503
    assert response.headers["Retry-After"] == "2"
    assert retry_after(Overloaded(retry_after_s=0.01)) == 1
    assert retry_after(MessageRefused("intake.empty")) is None


async def test_a_missing_credential_names_the_scheme(served: Served, client: ClientSession) -> None:
    response = await fails_with(served, client, MessageRefused("transport.unauthenticated"))
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_the_unforeseen_is_reported_and_tells_the_caller_nothing(served: Served, client: ClientSession) -> None:
    response = await fails_with(served, client, RuntimeError("Lò Thị Mẫu 001099000001"))
    text = await response.text()
    assert response.status == 500
    assert "Lò" not in text
    assert [type(error) for error in served.reported] == [RuntimeError]


async def test_a_fault_of_the_hub_keeps_its_details_in_the_log(served: Served, client: ClientSession) -> None:
    response = await fails_with(served, client, IntegrityViolation("ledger.corrupt", "leaf 17 of /srv/ledger.db"))
    text = await response.text()
    assert "leaf 17" not in text
    assert "ledger.corrupt" in text
    assert len(served.reported) == 1


async def test_wrong_paths_and_methods_are_problems_too(served: Served, client: ClientSession) -> None:
    async with client.get(f"http://127.0.0.1:{served.port}/nowhere") as response:
        assert response.status == 404
        assert (await response.json(content_type=PROBLEM_JSON))["code"] == "transport.not_found"
    async with client.get(served.url) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"
        assert (await response.json(content_type=PROBLEM_JSON))["code"] == "transport.method"


def test_a_problem_of_every_code_can_be_rendered() -> None:
    request = make_mocked_request("GET", "/v1/x")
    for code in CODES:
        for kind in (MessageRefused, Overloaded, IntegrityViolation):
            answer = problem(kind(code), request, instance="urn:uuid:0")
            assert isinstance(answer.body, bytes)
            told = json.loads(answer.body)
            assert told["instance"] == "urn:uuid:0"
            assert "{" not in told["title"]
