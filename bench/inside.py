"""A whole hub inside this process, with sockets left out: what the product itself costs, without HTTP.

Everything is as ``wiring.build`` makes it (SQLite on disk, synchronous FULL), except that the transports answer at once
instead of going over the network. Used where HTTP would drown what is measured, and for growth.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from bench import served
from contracts.delivery import Reply, Request
from contracts.envelope import Envelope
from contracts.ports import Admitted
from hub.settings import load
from hub.wiring import Hub, build, real_world

_MAPI: Final = b'{"error_code":"0","message":"Dong bo thanh cong","session":"bench"}'
_TOKEN: Final = b'{"access_token":"bench","token_type":"Bearer","expires_in":36000}'
_LGSP: Final = b'{"Status":1,"Message":"OK"}'


class Answering:
    """A transport without a network: takes every request and says yes."""

    def __init__(self) -> None:
        self.requests = 0
        self.sent_bytes = 0

    async def exchange(self, request: Request) -> Reply:
        """Count and confirm."""
        self.requests += 1
        self.sent_bytes += len(request.body)
        url = request.url
        return Reply(status=200, body=_TOKEN if url.endswith("/token") else _LGSP if "/Document/" in url else _MAPI)


class InsideHub:
    """One hub with its tasks running. Use as an asynchronous context manager; ``root`` is kept when it was given."""

    def __init__(self, root: Path | None = None, *, views: bool = True, deliver: bool = True) -> None:
        self._made = root is None
        self.root = root or Path(tempfile.mkdtemp(prefix="bench-", dir=Path.cwd()))
        self._views = views
        self._deliver = deliver
        self.answering = Answering()

    async def __aenter__(self) -> Self:
        if not (self.root / "lienthong.toml").exists():
            served.set_up(self.root, portal_port=1, lgsp_port=2, deliver=self._deliver)
        self.hub: Hub = build(load(self.root / "lienthong.toml"), real_world(str(self.root)))
        for transport in self.hub.transports:
            transport.exchange = self.answering.exchange  # type: ignore[method-assign]
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self.hub.delivery.run())]
        if self._views:
            self._tasks.append(loop.create_task(self.hub.views.run()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hub.delivery.stop(10)
        self.hub.views.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self.hub.ledger.close()
        self.hub.views.close()
        if self._made:
            shutil.rmtree(self.root)

    async def admit(self, body: bytes) -> Admitted:
        """One message as the portal endpoint hands it on."""
        return await self.hub.reception(
            Envelope(
                party=served.SENDER,
                adapter="portal",
                body=body,
                received_at=self.hub.world.clock.now(),
                content_type="application/json",
                agencies=("*",),
            )
        )

    async def idle(self) -> None:
        """Until everything placed is durable, delivered and in the views."""
        hub = self.hub
        while True:
            await hub.ledger.durable(hub.ledger.placed)
            placed = hub.ledger.placed
            seen = hub.delivery.idle(placed) and (not self._views or await hub.views.reach(placed, 30))
            if seen and hub.ledger.committed == hub.ledger.placed == placed:
                return
            await asyncio.sleep(0.001)


async def push(inside: InsideHub, bodies: tuple[bytes, ...], *, at_once: int) -> None:
    """Send bodies with ``at_once`` of them in flight, then wait until all is done."""
    waiting = iter(bodies)

    async def sender() -> None:
        for body in waiting:
            await inside.admit(body)

    await asyncio.gather(*[sender() for _ in range(at_once)])
    await inside.idle()


def counts(inside: InsideHub) -> Mapping[str, Any]:
    """What the hub holds now."""
    hub = inside.hub
    return {"committed": hub.ledger.committed, "dossiers": hub.views.size(), "requests": inside.answering.requests}
