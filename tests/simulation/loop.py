"""An event loop on virtual time with a network in memory: unmodified aiohttp runs on it, server and client.

Time moves only when nothing is ready. One seed decides the order of task steps, the network and every delay. Whatever
would let the real world in raises ``RealWorldError``: threads, executors, the wall clock read by our own packages.
"""

import asyncio
import os
import random  # noqa: TID251  # seeded below: third-party code may draw from the module
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from heapq import heappop
from typing import Any, Final, TypeVar

import aiohappyeyeballs
import aiohttp.connector
import aiohttp.helpers

from tests.simulation.network import NODE, Network, Node, Ticket

_T = TypeVar("_T")
EPOCH_S: Final = 1_767_225_600.0
"""2026-01-01T00:00:00Z: virtual time of day when the loop starts, at loop time ``BEGIN_S``."""
BEGIN_S: Final = 1_000.0
_RESOLUTION_S: Final = 1e-9
_OURS: Final = frozenset({"hub", "adapters", "ledger", "contracts"})
_STEP: Final = "TaskStepMethWrapper"


class RealWorldError(RuntimeError):
    """Something reached for a thread, an executor or the real time."""


class NothingWillHappenError(RuntimeError):
    """No callback is ready and no timer is set, yet the world waits."""


class SerialFuture(asyncio.Future):  # type: ignore[type-arg]  # asyncio's own generic is not subscriptable at run time
    """A future that a set orders by birth and not by address."""

    def __init__(self, *, loop: "SimLoop") -> None:
        loop.serial += 1
        self._serial = loop.serial
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._serial


class SerialTask(asyncio.Task):  # type: ignore[type-arg]  # as above
    """A task that a set orders by birth and not by address."""

    def __init__(self, coro: Any, *, loop: "SimLoop", **options: Any) -> None:
        loop.serial += 1
        self._serial = loop.serial
        super().__init__(coro, loop=loop, **options)

    def __hash__(self) -> int:
        return self._serial


class SimLoop(asyncio.BaseEventLoop):
    """One world's loop. ``lines`` collects a readable trace when given; ``digest`` always covers all of it."""

    def __init__(self, seed: object = 0, *, lines: list[str] | None = None) -> None:
        super().__init__()
        self.serial = 0
        self.now_s = BEGIN_S
        self.steps = 0
        self.network = Network(self, random.Random(f"{seed}/net"))  # noqa: S311  # faults are drawn from a seed
        self.graveyard: list[asyncio.Handle] = []
        self.errors: list[dict[str, Any]] = []
        self.most_steps = 20_000
        self._order = random.Random(f"{seed}/sched")  # noqa: S311  # as above
        self._hash = blake2b(digest_size=16)
        self._lines = lines
        self.set_task_factory(_make_task)
        self.set_exception_handler(lambda _, context: self.errors.append(context))

    def __del__(self) -> None:
        """Nothing of the system is held, so nothing is left open."""

    # ── time and order ───────────────────────────────────────────────────────────────────────────

    def time(self) -> float:
        """Virtual seconds."""
        return self.now_s

    def _run_once(self) -> None:
        timers = self._scheduled  # type: ignore[attr-defined]  # BaseEventLoop's own heap
        ready = self._ready  # type: ignore[attr-defined]  # and its queue
        while timers and timers[0]._cancelled:
            heappop(timers)._scheduled = False
        if not ready:
            if not timers:
                raise NothingWillHappenError
            self.now_s = max(self.now_s, timers[0]._when)
        end = self.now_s + _RESOLUTION_S
        while timers and timers[0]._when <= end:
            timer = heappop(timers)
            timer._scheduled = False
            ready.append(timer)
        batch = list(ready)
        ready.clear()
        if len(batch) > 1:
            self._trade_places(batch)
        if self.steps > self.most_steps:
            raise TimeoutError(f"{self.steps} steps and no end, last {batch[0]!r}")
        for handle in batch:
            if handle._cancelled:
                continue
            node = handle._context.get(NODE)
            if node is not None and not node.alive:
                self.graveyard.append(handle)
                continue
            self.steps += 1
            handle._run()

    def _trade_places(self, batch: list[Any]) -> None:
        """Only steps of tasks may trade places; plain callbacks stay in their order, as bytes and closes must."""
        places = [place for place, handle in enumerate(batch) if type(handle._callback).__name__ == _STEP]
        if len(places) > 1 and self._order.random() < 0.5:
            steps = [batch[place] for place in places]
            self._order.shuffle(steps)
            for place, step in zip(places, steps, strict=True):
                batch[place] = step

    def _process_events(self, event_list: object) -> None:
        """There is no selector."""

    def create_future(self) -> Any:
        """A future whose place in a set does not depend on addresses."""
        return SerialFuture(loop=self)

    # ── trace ────────────────────────────────────────────────────────────────────────────────────

    def note(self, kind: str, where: object, data: bytes) -> None:
        """One line of the trace."""
        head = f"{self.now_s:.6f} {kind} {where} {len(data)}"
        self._hash.update(head.encode())
        self._hash.update(data)
        if self._lines is not None:
            self._lines.append(f"{head} {data[:160]!r}")

    @property
    def digest(self) -> str:
        """A digest of everything noted so far: wire bytes, faults, lives."""
        return self._hash.hexdigest()

    # ── network ──────────────────────────────────────────────────────────────────────────────────

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **_options: Any) -> Any:
        """Listen in the simulated network."""
        return self.network.listen(protocol_factory, host, port or 0)

    async def create_unix_server(self, protocol_factory: Any, path: Any = None, **_options: Any) -> Any:
        """Listen on a path of the simulated machine."""
        return self.network.listen_unix(protocol_factory, str(path))

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any
    ) -> tuple[Any, Any]:
        """Connect in the simulated network, by a ticket of ``start_connection`` or by address."""
        ticket = options.get("sock") or await self.network.reach(self.network.names.get(host, host), port)
        if not isinstance(ticket, Ticket):
            raise RealWorldError("a real socket")
        return self.network.connect(ticket, protocol_factory)

    async def create_unix_connection(self, protocol_factory: Any, path: Any = None, **_options: Any) -> tuple[Any, Any]:
        """Connect to a path of the simulated machine."""
        return self.network.connect(self.network._ticket(str(path)), protocol_factory)

    async def getaddrinfo(self, host: Any, port: Any, **_options: Any) -> Any:
        """The static table of names."""
        ip = self.network.names.get(str(host))
        if ip is None:
            raise socket.gaierror(socket.EAI_NONAME, f"no such name: {host}")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]

    # ── the real world stays out ─────────────────────────────────────────────────────────────────

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]  # never returns
        """No threads."""
        raise RealWorldError(f"run_in_executor({func!r})")

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]  # never returns
        """No threads."""
        raise RealWorldError(f"call_soon_threadsafe({callback!r})")

    # ── nodes ────────────────────────────────────────────────────────────────────────────────────

    def start_in(self, node: Node, work: Coroutine[Any, Any, _T], *, name: str = "") -> "asyncio.Task[_T]":
        """Run a coroutine, and everything it starts, in one life of one machine."""
        token = NODE.set(node)
        try:
            return self.create_task(work, name=name or node.name)
        finally:
            NODE.reset(token)


def _make_task(loop: Any, coro: Any, **options: Any) -> Any:
    return SerialTask(coro, loop=loop, **options)


async def _start_connection(addr_infos: Any, **_options: Any) -> Ticket:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, SimLoop):
        raise RealWorldError("a connection outside of the simulated network")
    ip, port = addr_infos[0][4][:2]
    return await loop.network.reach(ip, port)


def _guarded(virtual: Callable[[], Any]) -> Callable[[], Any]:
    def read() -> Any:
        caller = str(sys._getframe(1).f_globals.get("__name__", ""))
        if caller.partition(".")[0] in _OURS:
            raise RealWorldError(f"{caller} reads the machine's time")
        return virtual()

    return read


def _no_thread(self: threading.Thread) -> None:
    raise RealWorldError(f"thread {self.name}")


def _no_randomness(count: int) -> bytes:
    raise RealWorldError(f"{count} bytes of the kernel")


@contextmanager
def virtual_world(loop: SimLoop, seed: object = 0) -> Iterator[None]:
    """While it lasts, every clock of this process shows the loop's time and nothing reaches a thread or the kernel."""

    def seconds() -> float:
        return loop.now_s

    def of_day() -> float:
        return EPOCH_S - BEGIN_S + loop.now_s

    names: list[tuple[Any, str, Any]] = [
        (time, "time", _guarded(of_day)),
        (time, "time_ns", _guarded(lambda: int(of_day() * 1e9))),
        (time, "monotonic", _guarded(seconds)),
        (time, "perf_counter", _guarded(seconds)),
        (aiohttp.connector, "monotonic", seconds),
        (aiohttp.helpers, "_cached_current_datetime", None),
        (aiohappyeyeballs, "start_connection", _start_connection),
        (threading.Thread, "start", _no_thread),
        (os, "urandom", _no_randomness),
    ]
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in names]
    state = random.getstate()
    random.seed(f"{seed}/module")
    for owner, name, value in names:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in kept:
            setattr(owner, name, value)
        random.setstate(state)


def run(work: Coroutine[Any, Any, _T], loop: SimLoop, *, seed: object = 0) -> _T:
    """Run a coroutine to its end in virtual time."""
    with virtual_world(loop, seed):
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(work)
        finally:
            asyncio.set_event_loop(None)
