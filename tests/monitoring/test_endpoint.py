"""The operations port over real HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from monitoring.endpoint import LoopLag, MetricsPage, operations_app, runbooks
from monitoring.health import Health
from monitoring.metrics import Metrics

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


class Operations:
    """One operations port and what it shows."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.health = Health()
        self.server = TestServer(operations_app(self.metrics, self.health))


@pytest.fixture
async def operations() -> AsyncIterator[Operations]:
    built = Operations()
    await built.server.start_server()
    yield built
    await built.server.close()


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def get(operations: Operations, client: ClientSession, path: str, **headers: str) -> tuple[int, str, str]:
    async with client.get(operations.server.make_url(path), headers=headers) as response:
        return response.status, response.headers["Content-Type"], await response.text()


async def test_metrics_are_served_as_text(operations: Operations, client: ClientSession) -> None:
    operations.metrics.events_appended.add(3, "H99", "dossier.received")
    status, kind, text = await get(operations, client, "/metrics")
    assert status == 200
    assert kind.startswith("text/plain")
    assert 'lienthong_events_appended_total{agency="H99",type="dossier.received"} 3.0' in text
    assert {family.name for family in plain(text)} >= {"lienthong_events_appended", "process_resident_memory_bytes"}


async def test_open_metrics_is_served_to_those_who_ask(operations: Operations, client: ClientSession) -> None:
    operations.metrics.sync_latency.observe(0.2, "a->b")
    _, kind, text = await get(operations, client, "/metrics", Accept=OPEN_METRICS)
    assert kind.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")
    assert text.count("# EOF") == 1
    assert "lienthong_sync_latency_seconds" in {family.name for family in open_metrics(text)}  # type: ignore[no-untyped-call]  # the library has no types


@pytest.mark.parametrize("accept", ["", OPEN_METRICS])
async def test_a_page_in_pieces_equals_the_page_in_one(accept: str) -> None:
    metrics = Metrics()
    for agency in range(400):
        metrics.events_appended.add(agency, f"H{agency:03d}", 'a"b\\c\nd')
    body, kind = await MetricsPage(metrics.registry).render(accept)
    parse = open_metrics if "openmetrics" in kind else plain
    [family] = [one for one in parse(body.decode()) if one.name == "lienthong_events_appended"]
    assert sorted(sample.value for sample in family.samples) == list(range(400))
    assert body.count(b"# TYPE lienthong_events_appended") == 1


async def test_rendering_lets_others_run_in_between() -> None:
    metrics = Metrics()
    for agency in range(900):
        metrics.events_appended.add(1, f"H{agency:03d}", "x")
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(other())
    await MetricsPage(metrics.registry).render("")
    task.cancel()
    assert turns > len(metrics.families)


async def test_a_second_scrape_within_a_second_gets_the_same_page(
    operations: Operations, client: ClientSession
) -> None:
    operations.metrics.clock_steps.add(1)
    first = await get(operations, client, "/metrics")
    operations.metrics.clock_steps.add(1)
    assert await get(operations, client, "/metrics") == first


async def test_a_page_is_made_anew_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    page = MetricsPage(metrics.registry)
    loop = asyncio.get_running_loop()
    await page.render("")
    metrics.clock_steps.add(7)
    later = loop.time() + 1.5
    monkeypatch.setattr(loop, "time", lambda: later)
    body, _ = await page.render("")
    assert b"lienthong_clock_steps_total 7.0" in body


async def test_alive_and_ready_answer_by_status(operations: Operations, client: ClientSession) -> None:
    assert (await get(operations, client, "/livez"))[::2] == (200, "ok\n")
    assert (await get(operations, client, "/readyz"))[0] == 503
    operations.health.add("store", lambda: "")
    operations.health.started()
    assert (await get(operations, client, "/readyz"))[::2] == (200, "ok\n")
    assert "[+]store ok\n" in (await get(operations, client, "/readyz?verbose"))[2]


async def test_readiness_is_a_metric_too(operations: Operations, client: ClientSession) -> None:
    assert "lienthong_ready 0.0" in (await get(operations, client, "/metrics"))[2]


async def test_runbooks_are_served_and_only_they(operations: Operations, client: ClientSession) -> None:
    books = runbooks()
    assert books
    for name, text in books.items():
        assert (await get(operations, client, f"/runbooks/{name}"))[::2] == (200, text)
    assert (await get(operations, client, "/runbooks/Nothing"))[0] == 404
    assert (await get(operations, client, "/runbooks/..%2Fmetrics.py"))[0] == 404
    listed = (await get(operations, client, "/runbooks"))[2]
    assert listed.split() == [f"/runbooks/{name}" for name in books]


async def test_a_blocked_loop_is_seen_in_the_lag() -> None:
    cell = Metrics().event_loop_lag.at()
    lag = LoopLag(cell, interval_s=0.005)
    lag.start()
    await asyncio.sleep(0.02)
    time.sleep(0.06)  # noqa: ASYNC251  # blocking the loop is what is to be seen
    await asyncio.sleep(0.02)
    lag.stop()
    lag.stop()
    seen = sum(cell.counts)
    assert seen > 1
    assert cell.total > 0.04
    await asyncio.sleep(0.02)
    assert sum(cell.counts) == seen
