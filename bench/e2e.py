"""End to end: over HTTP in, durable, to two targets over HTTP, confirmed and counted there.

The hub is ``lienthong serve`` on core 0; this process is generator and both sinks on core 1. A case is over when both
targets hold every dossier. Afterwards the hub is stopped and its log is verified from the stored bytes.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, Self

import uvloop

from bench import dossiers, load, machine, served
from bench.sinks import Tally, open_sink
from ledger import inspect

SINGLE, PACKET = 1, 100
CONNECTIONS: Final = 64
_PATIENCE_S: Final = 120.0


def run(*, quick: bool, profile: str = "", only: Sequence[str] = ()) -> list[dict[str, Any]]:
    """All cases, one hub each; results as plain values."""
    cases: dict[str, Callable[[], Coroutine[Any, Any, dict[str, Any]]]] = {
        "single": lambda: _flood("single", 4_000 if quick else 20_000, SINGLE, CONNECTIONS, profile),
        "packets": lambda: _flood("packets", 10_000 if quick else 60_000, PACKET, 8, profile),
        "open_200": lambda: _steady(2_000 if quick else 6_000, 200.0, profile),
    }
    return [uvloop.run(make()) for name, make in cases.items() if not only or name in only]


class _Field:
    """A hub, two sinks, and a place on disk."""

    def __init__(self, profile: str) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="bench-", dir=Path.cwd()))
        self.portal, self.lgsp = Tally(), Tally()
        self._profile = profile

    async def __aenter__(self) -> Self:
        machine.pin(1)
        self._servers = []
        ports = []
        for tally in (self.portal, self.lgsp):
            server, port = await open_sink(tally)
            self._servers.append(server)
            ports.append(port)
        self.token = served.set_up(self.root, portal_port=ports[0], lgsp_port=ports[1])
        self.hub = served.ServedHub(self.root, profile=self._profile)
        await self.hub.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        shutil.rmtree(self.root)

    def requests(self, first: int, n: int, per_packet: int) -> list[bytes]:
        """The requests, made before the clock runs."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return [
            load.post("/mapi/g", body, host="127.0.0.1", headers=headers)
            for body in dossiers.bodies(first, n, per_packet)
        ]

    async def delivered(self, n: int) -> None:
        """Wait until both targets hold ``n`` dossiers."""
        deadline = time.perf_counter() + _PATIENCE_S
        while len(self.portal.codes) < n or len(self.lgsp.codes) < n:
            if time.perf_counter() > deadline:
                raise RuntimeError(f"only {len(self.portal.codes)} and {len(self.lgsp.codes)} of {n} arrived")
            await asyncio.sleep(0.002)


async def _flood(case: str, n: int, per_packet: int, connections: int, profile: str) -> dict[str, Any]:
    async with _Field(profile) as field:
        warm = max(per_packet * 4, 200)
        await load.closed_loop("127.0.0.1", field.hub.port, iter(field.requests(0, warm, per_packet)), connections=4)
        await field.delivered(warm)
        requests = field.requests(warm, n, per_packet)
        before = await field.hub.metrics()
        with machine.Watch([field.hub.pid]) as watch:
            started = time.perf_counter()
            result = await load.closed_loop("127.0.0.1", field.hub.port, iter(requests), connections=connections)
            await field.delivered(warm + n)
            seconds = time.perf_counter() - started
        figures = {
            "case": case,
            "dossiers": n,
            "per_request": per_packet,
            "connections": connections,
            "dossiers_per_s": round(n / seconds, 1),
            "requests_per_s": round(len(requests) / result.seconds, 1),
            "intake_s": round(result.seconds, 3),
            "all_confirmed_s": round(seconds, 3),
            "answer_ms": _quantiles(result.latencies),
        }
        return figures | await _finish(field, watch, before, result, warm, n, per_packet, len(requests))


async def _steady(n: int, rate: float, profile: str) -> dict[str, Any]:
    async with _Field(profile) as field:
        warm = 200
        await load.closed_loop("127.0.0.1", field.hub.port, iter(field.requests(0, warm, 1)), connections=4)
        await field.delivered(warm)
        requests = field.requests(warm, n, 1)
        codes = [dossiers.code(number) for number in range(warm, warm + n)]
        before = await field.hub.metrics()
        with machine.Watch([field.hub.pid]) as watch:
            result = await load.open_loop("127.0.0.1", field.hub.port, iter(requests), rate_per_s=rate, connections=16)
            await field.delivered(warm + n)
        planned = [result.started + (number + 1) / rate for number in range(n)]
        arrived = [
            max(field.portal.arrived[code], field.lgsp.arrived[code]) - at
            for code, at in zip(codes, planned, strict=True)
        ]
        figures = {
            "case": "open_200",
            "dossiers": n,
            "per_request": 1,
            "rate_per_s": rate,
            "answer_ms": _quantiles(result.latencies),
            "at_both_targets_ms": _quantiles(arrived),
        }
        return figures | await _finish(field, watch, before, result, warm, n, 1, n)


async def _finish(
    field: _Field,
    watch: machine.Watch,
    before: served.Scrape,
    result: load.Result,
    warm: int,
    n: int,
    per_packet: int,
    answers: int,
) -> dict[str, Any]:
    hub = field.hub
    await asyncio.sleep(0.3)  # the views gather for a moment
    after = await hub.metrics()
    cpu = machine.cpu_seconds(hub.pid)
    rss, peak = machine.rss_bytes(hub.pid), machine.peak_bytes(hub.pid)
    confirmed = {name: after.total("lienthong_sync_latency_seconds_count", f'->{name}"') for name in _TARGETS}
    with machine.Watch() as stopping:
        await hub.__aexit__()
    disk = served.disk_bytes(field.root)
    body_bytes = sum(len(body) for body in dossiers.bodies(warm, n, per_packet))
    lines = (field.root / "trust.txt").read_text("utf-8").splitlines()
    trust = [line.removeprefix("log ") for line in lines if line.startswith("log ")]
    verdict = inspect.verify(str(field.root), trust)
    total = warm + n
    again = served.ServedHub(field.root)
    async with again:
        pass
    gates = {
        "log_verifies": verdict["ok"],
        "answers_200": result.statuses == {200: answers},
        "accepted_all": after.total("lienthong_records_total", 'state="applied"') == total,
        "at_portal": len(field.portal.codes) == field.portal.records == total,
        "at_lgsp": len(field.lgsp.codes) == field.lgsp.records == total,
        "confirmed_on_log": all(count == total for count in confirmed.values()),
    }
    return {
        "wall_s": round(watch.wall_s, 3),
        "hub_cpu_s": round(watch.cpu_s[hub.pid], 3),
        "hub_cpu_us_per_dossier": round(1e6 * watch.cpu_s[hub.pid] / n, 1),
        "hub_core_share": round(watch.cpu_s[hub.pid] / watch.wall_s, 3),
        "generator_cpu_us_per_dossier": round(1e6 * watch.cpu_s[next(iter(watch.cpu_s))] / n, 1),
        "foreign_share": round(watch.foreign_share, 3),
        "noisy": watch.noisy,
        "confirmed_ms": {
            name: round(1_000 * after.quantile("lienthong_sync_latency_seconds", share, before), 2)
            for name, share in (("p50", 0.5), ("p99", 0.99))
        },
        "loop_lag_p99_ms": round(1_000 * after.quantile("lienthong_event_loop_lag_seconds", 0.99, before), 2),
        "requests_to_targets": [field.portal.requests, field.lgsp.requests],
        "rss_mb": round(rss / 1e6, 1),
        "rss_peak_mb": round(peak / 1e6, 1),
        "hub_cpu_total_s": round(cpu, 3),
        "stop_s": round(stopping.wall_s, 3),
        "start_s": round(hub.start_s, 3),
        "start_again_s": round(again.start_s, 3),
        "log_events": after.total("lienthong_log_size_events"),
        "disk_bytes": disk,
        "ledger_bytes_by_table": served.parts_of_disk(field.root),
        "disk_per_message_bytes": round(body_bytes / n, 1),
        "disk_times_message": round(_kept(disk) / (body_bytes * total / n), 2),
        "gates": gates,
        "ok": all(gates.values()),
        "refused": [] if gates["log_verifies"] else [check for check in verdict["checks"] if not check["ok"]][:3],
    }


_TARGETS: Final = (served.PORTAL_TARGET, served.LGSP_TARGET)


def _kept(disk: dict[str, int]) -> int:
    """What is kept for ever: every file but write-ahead logs, which are used again, and the views are counted too."""
    return sum(size for name, size in disk.items() if not name.endswith(("-wal", "-shm", ".log", ".toml")))


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {}
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
    found = {
        name: round(1_000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) for name, share in at.items()
    }
    return found | {"max": round(1_000 * ordered[-1], 2)}
