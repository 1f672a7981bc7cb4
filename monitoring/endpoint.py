"""The operations port: metrics, health and runbooks. On a listener of its own, loopback unless configured otherwise."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

from aiohttp import web
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from monitoring.health import Health, Report
from monitoring.metrics import Metrics
from monitoring.series import HistogramCell

CACHED_S: Final = 1.0
"""A scrape within this time gets the same page again."""
_SLICE: Final = 150
"""Samples rendered in one go, well below a millisecond or two of the loop."""
_END: Final = b"# EOF\n"


class _OneMetric(Collector):
    """A registry of one metric, as the client library's encoders want it."""

    def __init__(self, metric: Metric) -> None:
        self._metric: Final = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric


class MetricsPage:
    """Renders a registry piece by piece, yielding to the loop between pieces, at most once per second and format."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry: Final = registry
        self._pages: Final[dict[str, tuple[float, bytes]]] = {}
        self._busy: Final = asyncio.Lock()

    async def render(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type, in the format ``accept`` negotiates (text or OpenMetrics)."""
        encode, content_type = choose_encoder(accept)
        async with self._busy:
            now = asyncio.get_running_loop().time()
            kept = self._pages.get(content_type)
            if kept is not None and now - kept[0] < CACHED_S:
                return kept[1], content_type
            page = await self._render(encode, open_metrics="openmetrics" in content_type)
            self._pages.clear()  # whoever asks for ever new versions of a format fills no memory
            self._pages[content_type] = (now, page)
            return page, content_type

    async def _render(self, encode: Callable[[Collector], bytes], *, open_metrics: bool) -> bytes:
        pieces = []
        for metric in self._registry.collect():
            samples = metric.samples
            for start in range(0, max(1, len(samples)), _SLICE):
                metric.samples = samples[start : start + _SLICE]
                text = encode(_OneMetric(metric)).removesuffix(_END)
                pieces.append(text if start == 0 else _without_head(text))
                await asyncio.sleep(0)
        if open_metrics:
            pieces.append(_END)
        return b"".join(pieces)


def _without_head(text: bytes) -> bytes:
    while text.startswith(b"# "):
        text = text.partition(b"\n")[2]
    return text


class LoopLag:
    """Measures how late timers fire: every ``interval_s`` it asks to be woken and records by how much it was late."""

    def __init__(self, cell: HistogramCell, *, interval_s: float = 0.1) -> None:
        self._cell: Final = cell
        self._interval_s: Final = interval_s
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; needs the running loop."""
        loop = asyncio.get_running_loop()
        self._plan(loop, loop.time() + self._interval_s)

    def stop(self) -> None:
        """End; harmless when it does not run."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _plan(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._handle = loop.call_at(due, self._fire, loop, due)

    def _fire(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        self._cell.observe(max(0.0, now - due))
        self._plan(loop, now + self._interval_s)


def runbooks() -> Mapping[str, str]:
    """The runbook pages by alert name, in Markdown."""
    folder = files("monitoring") / "runbooks"
    pages = sorted((page for page in folder.iterdir() if page.name.endswith(".md")), key=lambda page: page.name)
    return {page.name.removesuffix(".md"): page.read_text("utf-8") for page in pages}


def operations_app(metrics: Metrics, health: Health) -> web.Application:
    """``GET /metrics``, ``/livez``, ``/readyz`` (``?verbose``), ``/runbooks`` and ``/runbooks/{alert}``."""
    page = MetricsPage(metrics.registry)
    books = runbooks()
    metrics.ready.read_value(lambda: float(health.readyz().ok))

    async def serve_metrics(request: web.Request) -> web.Response:
        body, content_type = await page.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def serve_livez(request: web.Request) -> web.Response:
        return _health_answer(request, health.livez())

    async def serve_readyz(request: web.Request) -> web.Response:
        return _health_answer(request, health.readyz())

    async def serve_runbook(request: web.Request) -> web.Response:
        found = books.get(request.match_info["alert"])
        if found is None:
            return _text("no such runbook\n" + "".join(f"/runbooks/{name}\n" for name in books), status=404)
        return _text(found)

    async def list_runbooks(_request: web.Request) -> web.Response:
        return _text("".join(f"/runbooks/{name}\n" for name in books))

    app = web.Application()
    app.router.add_get("/metrics", serve_metrics)
    app.router.add_get("/livez", serve_livez)
    app.router.add_get("/readyz", serve_readyz)
    app.router.add_get("/runbooks", list_runbooks)
    app.router.add_get("/runbooks/{alert}", serve_runbook)
    return app


def _health_answer(request: web.Request, report: Report) -> web.Response:
    return _text(report.text(verbose="verbose" in request.query), status=200 if report.ok else 503)


def _text(text: str, **options: Any) -> web.Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, content_type="text/plain", charset="utf-8", headers=headers, **options)
