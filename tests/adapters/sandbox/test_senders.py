"""Senders as real ones are: in order per dossier, again until answered, a refusal once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from adapters.sandbox import senders
from adapters.sandbox.senders import LgspSender, MapiSender, live


@asynccontextmanager
async def hub(answers: list[Any]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A hub that gives the answers one after the other, the last one for ever; what it was sent."""
    sent: list[bytes] = []

    async def token(_request: web.Request) -> web.Response:
        return web.json_response({"access_token": "t", "session": "s", "error_code": "0"})

    async def take(request: web.Request) -> web.Response:
        sent.append(await request.read())
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == "cut":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return answer if isinstance(answer, web.Response) else web.json_response(answer)

    app = web.Application()
    app.router.add_post("/opencps/token", token)
    app.router.add_post("/mapi/login", token)
    app.router.add_post("/mapi/g", take)
    app.router.add_post("/opencps/Document/SyncDocument", take)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/"), sent


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senders, "_PAUSE_S", 0.001)


async def test_a_document_is_sent_again_until_it_is_answered() -> None:
    answers = [web.Response(status=503), "cut", web.Response(status=401), web.Response(status=429), {}]
    async with hub(answers) as (url, sent), ClientSession() as session:
        sender = LgspSender(session, url, "mau", "mau")
        assert await sender.send(("/opencps/Document/SyncDocument", b'{"DocCode": "1"}'))
        assert sent == [b'{"DocCode": "1"}'] * 5
        assert sender.tally.counts == {"sent": 1, "retried": 3}


async def test_a_refused_document_is_not_sent_again() -> None:
    async with hub([web.Response(status=422)]) as (url, sent), ClientSession() as session:
        sender = LgspSender(session, url, "mau", "mau")
        assert not await sender.send(("/opencps/Document/SyncDocument", b"{}"))
        assert len(sent) == 1
        assert (sender.tally.counts["refused"], sender.tally.reasons) == (1, {"422": 1})


async def test_a_packet_is_sent_again_until_it_is_answered() -> None:
    answers = [{"error_code": "6"}, "cut", web.Response(body=b"?"), {"error_code": "2"}, {"error_code": "0"}]
    async with hub(answers) as (url, sent), ClientSession() as session:
        sender = MapiSender(session, url, "mau", "mau")
        assert await sender.send({"service": "DongBoHoSoMC", "data": []})
        assert len(sent) == 5
        assert sender.tally.counts["retried"] == 3


async def test_a_refused_packet_is_not_sent_again() -> None:
    async with hub([{"error_code": "-3"}]) as (url, sent), ClientSession() as session:
        sender = MapiSender(session, url, "mau", "mau")
        assert not await sender.send({"service": "DongBoHoSoMC", "data": []})
        assert (len(sent), sender.tally.reasons) == (1, {"-3": 1})


async def test_dossiers_live_side_by_side_and_each_in_order() -> None:
    done: list[tuple[int, int]] = []
    together = 0
    most = 0

    async def send(message: tuple[int, int]) -> bool:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await asyncio.sleep(0)
        together -= 1
        done.append(message)
        return True

    lives = iter([[(dossier, step) for step in range(3)] for dossier in range(6)])
    await live(lives, send, width=3, until=lambda: False)
    assert most == 3
    for dossier in range(6):
        assert [step for one, step in done if one == dossier] == [0, 1, 2]


async def test_no_new_dossier_begins_when_it_is_over() -> None:
    done: list[int] = []

    async def send(message: int) -> bool:
        done.append(message)
        return True

    await live(iter([[1, 2], [3, 4]]), send, width=1, until=lambda: True)
    assert done == [1, 2]
