"""A hub that listens: start, run until told to stop or halted, stop without losing anything.

Stopping has an order. Readiness goes first, so that no new work is sent here; then the doors close to messages and the
streams end; what was admitted is answered; delivery finishes what is in flight; what is placed is committed; then the
files close. A hub never ends the process itself: ``run`` returns why it ended.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from contracts.errors import HubError, Misconfigured
from contracts.moment import MICROS_PER_SECOND
from hub.api.admin_client import SOCKET_FILE, reachable
from hub.api.keys import trusted_keys
from hub.governance import record_start
from hub.jobs.publish import BUDGET_S
from hub.settings import TRUST_FILE
from hub.watch import oldest_timestamps, waiting
from hub.wiring import Hub, cancel_and_wait
from monitoring.endpoint import LoopLag, operations_app
from monitoring.logs import get_logger

ENDPOINTS_FILE: Final = "endpoints.json"
_DECISIVE: Final = {"__all__": {"id", "adapter", "agencies", "role", "national", "owns", "enabled", "profile"}}
_KEEP_ALIVE_S: Final = 75.0
_OWNER_ONLY: Final = 0o600


class Serving:
    """One hub and its listeners."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.base_url = ""
        self.ops_url = ""
        self._log = get_logger("serve")
        self._runners: list[web.AppRunner] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stop: asyncio.Future[str] | None = None
        self._lag: LoopLag | None = None
        self._socket = Path(hub.world.directory) / SOCKET_FILE

    # ── start ────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Open the listeners and start the work.

        Raises:
            Misconfigured: ``config.invalid`` when an address is taken.
        """
        hub, settings = self.hub, self.hub.settings.hub
        self._stop = asyncio.get_running_loop().create_future()
        await hub.outside.open()
        self._publish_trust()
        self._watch_levels()
        await self._record_start()
        if hub.heads is not None:
            await hub.heads.announce()
            self._spawn("heads", hub.heads.run())
        await hub.publisher.publish(BUDGET_S)
        self._spawn("publish", hub.publisher.run())
        self._spawn("clock", hub.clockwatch.run())
        self._spawn("retention", hub.retention.run())
        self._spawn("views", hub.views.run())
        self._spawn("feed", hub.feed.run())
        if hub.delivery.targets:
            self._spawn("delivery", hub.delivery.run())
        for puller in hub.pullers:
            self._spawn("pull", puller.run())
        for name, job in hub.outside.jobs():
            self._spawn(name, job)
        self.ops_url = await self._listen(operations_app(hub.metrics, hub.health), settings.ops_host, settings.ops_port)
        self.base_url = await self._listen(hub.app, settings.host, settings.port)
        await self._listen_locally(hub.admin_app)
        self._lag = LoopLag(hub.metrics.event_loop_lag.at())
        self._lag.start()
        hub.health.started()
        hub.world.files.write_durable(
            ENDPOINTS_FILE, msgspec.json.encode({"base_url": self.base_url, "ops_url": self.ops_url})
        )
        self._log.info("ready", base_url=self.base_url, ops_url=self.ops_url, position=hub.ledger.committed)

    async def _record_start(self) -> None:
        hub = self.hub
        decisive = hub.settings.model_dump(mode="json", by_alias=True, include={"route": True, "party": _DECISIVE})
        position = record_start(hub.ledger, hub.parties, hub.adapters, decisive, hub.world.clock)
        if position:
            await hub.ledger.durable(position)

    def _publish_trust(self) -> None:
        """The log's verifier keys, for whoever checks the log; not for whoever must distrust this machine."""
        vkeys = trusted_keys(self.hub.ledger)
        if self.hub.heads is not None:
            vkeys = list(dict.fromkeys([*vkeys, self.hub.heads.heads.vkey]))
        logs = "".join(f"log {vkey}\n" for vkey in vkeys)
        self.hub.world.files.write_durable(TRUST_FILE, f"{logs}{self.hub.outside.policy.text()}".encode())

    async def _listen(self, app: web.Application, host: str, port: int) -> str:
        runner = await self._runner(app)
        site = web.TCPSite(runner, host, port, backlog=1_024)
        try:
            await site.start()
        except OSError as error:
            raise Misconfigured("config.invalid", str(error), name=f"{host}:{port}") from error
        actual = runner.addresses[0][1]
        return f"http://{host}:{actual}"

    async def _listen_locally(self, app: web.Application) -> None:
        self._remove_socket()
        runner = await self._runner(app)
        with reachable(self._socket) as path:
            await web.UnixSite(runner, path).start()
        if self.hub.world.socket_files:
            self._socket.chmod(_OWNER_ONLY)

    def _remove_socket(self) -> None:
        if self.hub.world.socket_files:
            self._socket.unlink(missing_ok=True)

    async def _runner(self, app: web.Application) -> web.AppRunner:
        runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE_S,
            shutdown_timeout=self.hub.settings.hub.shutdown_timeout_s,
        )
        await runner.setup()
        self._runners.append(runner)
        return runner

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A service that ends by itself, or fails, halts the hub."""
        if task.cancelled() or self._stop is None or self._stop.done():
            return
        error = task.exception()
        code = error.code if isinstance(error, HubError) else "hub.internal"
        self._log.error("service ended", service=task.get_name(), code=code, exc_info=error)
        self._stop.set_result(f"{task.get_name()}: {code}")

    def _watch_levels(self) -> None:
        hub, metrics = self.hub, self.hub.metrics
        metrics.log_size.read_value(lambda: float(hub.ledger.committed))
        metrics.log_published_size.read_value(lambda: float(hub.publisher.size))
        heads = hub.heads
        if heads is not None:
            metrics.heads_size.read_value(lambda: float(heads.heads.size))
            metrics.heads_lag.read_value(lambda: float(heads.lag()))
        metrics.log_checkpoint_timestamp.read_value(lambda: _newest_us(hub) / MICROS_PER_SECOND)
        metrics.append_queue_units.read_value(lambda: float(hub.ledger.queued[0]))
        metrics.append_queue_limit_units.read_value(lambda: float(hub.settings.ledger.queue_units))
        metrics.outbox_pending.read_from(_by_label(hub.delivery.pending))
        metrics.outbox_oldest_event_timestamp.read_from(
            oldest_timestamps(lambda: [(one.target, one.oldest_accepted_at) for one in hub.delivery.status()])
        )
        metrics.parked.read_from(waiting(hub.parties, hub.views.parked_counts))
        metrics.ready.read_value(lambda: float(hub.health.readyz().ok))
        streams = hub.doors.streams
        if streams is not None:
            metrics.stream_subscribers.read_from(lambda: {("sse",): float(streams.subscribers)})
        for name, adapter in hub.adapters.items():
            metrics.adapter_info.set(1, name, adapter.edition)

    # ── run and stop ─────────────────────────────────────────────────────────────────────────────

    def request_stop(self, reason: str = "asked") -> None:
        """Ask the hub to stop; safe to call twice and from a signal handler of the loop."""
        if self._stop is not None and not self._stop.done():
            self._stop.set_result(reason)

    async def run(self) -> str:
        """Wait until the hub is to stop, stop it, and say why it ended."""
        if self._stop is None:
            raise RuntimeError("start first")
        reason = await self._stop
        await self.stop()
        return reason

    async def stop(self) -> None:
        """Stop in order; nothing that was answered is lost, nothing in flight is cut before its deadline."""
        hub = self.hub
        hub.health.drain()
        hub.doors.close()
        hub.feed.stop()
        for puller in hub.pullers:
            puller.stop()
        for runner in self._runners[1:]:
            await runner.cleanup()
        self._remove_socket()
        await hub.delivery.stop(hub.settings.hub.shutdown_timeout_s)
        hub.views.stop()
        await cancel_and_wait(self._tasks)
        for transport in hub.transports:
            await transport.close()
        await hub.outside.close()
        if self._lag is not None:
            self._lag.stop()
        for runner in self._runners[:1]:
            await runner.cleanup()
        await hub.publisher.finish(BUDGET_S)
        if hub.heads is not None:
            hub.heads.heads.close()
        hub.ledger.close()
        hub.views.close()
        self._log.info("stopped", position=hub.ledger.committed)


def _newest_us(hub: Hub) -> int:
    """When the newest durable event was recorded: its checkpoint was signed in the same commit."""
    entries = hub.ledger.read(hub.ledger.committed - 1, 1) if hub.ledger.committed else []
    return entries[0].recorded_at if entries else 0


def _by_label(source: Callable[[], Any]) -> Callable[[], dict[tuple[str, ...], float]]:
    return lambda: {(name,): float(number) for name, number in source().items()}
