"""Who lives round the hub: three simulated systems on machines of their own, senders that retry, and an auditor."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random  # noqa: TID251  # seeded by the world
from typing import Any, Final, cast

import msgspec
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, web

from adapters.opencps.invented import life_of
from adapters.portal.online import online_dossiers
from adapters.sandbox.senders import LgspSender, MapiSender
from adapters.sandbox.stage import Stage
from tests.integration.samples import packet, record, row
from tests.simulation.loop import SimLoop
from tests.simulation.network import Node

FORMATS: Final = ("portal", "opencps", "civil_status")
IPS: Final = {
    "hub": "10.0.0.1",
    "portal": "10.0.0.11",
    "opencps": "10.0.0.12",
    "civil_status": "10.0.0.13",
    "province": "10.0.1.1",
    "portal_sender": "10.0.1.2",
    "counter": "10.0.1.3",
    "auditor": "10.0.1.4",
}
URL: Final = f"http://{IPS['hub']}:8080"
_TIMEOUT: Final = ClientTimeout(total=5)
_AGAIN: Final = 0.3


class Noting:
    """A client session that notes every answer: message ids with the digest of what they answer, receipts by key."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session
        self.answered: dict[str, str] = {}
        self.receipts: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self.taken: dict[str, int] = {}
        """Digests of bodies that were answered with success, and how often."""

    @asynccontextmanager
    async def post(self, url: str, **options: Any) -> AsyncIterator[ClientResponse]:
        """As ``ClientSession.post``; an answer counts once it was read whole."""
        async with self._session.post(url, **options) as answer:
            body = await answer.read()
            if answer.ok and isinstance(options.get("data"), bytes):
                self._note(options["data"], body, options.get("headers", {}))
            yield answer

    def _note(self, sent: bytes, answer: bytes, headers: dict[str, str]) -> None:
        told: dict[str, Any] = msgspec.json.decode(answer)
        digest = hashlib.sha256(sent).hexdigest()
        if told.get("message_id"):
            self.answered[told["message_id"]] = digest
            self.taken[digest] = self.taken.get(digest, 0) + 1
        if "Idempotency-Key" in headers and "leaf" in told:
            self.receipts.setdefault(headers["Idempotency-Key"], (sent, told))


class Parties:
    """The systems, their senders, and what each was answered."""

    def __init__(self, loop: SimLoop, seed: object, chance: Random, secrets: Any, *, weather: str) -> None:
        self._loop = loop
        self._chance = chance
        self._secrets = secrets
        self.stage = Stage(FORMATS, profile=weather, seed=int(hashlib.sha256(str(seed).encode()).hexdigest()[:8], 16))
        self.notings: list[Noting] = []
        self.senders: list[asyncio.Task[None]] = []
        self.auditing: asyncio.Task[None] | None = None
        self.checkpoints: dict[str, None] = {}
        """Every checkpoint that was ever handed out, receipts' included."""
        self.refused: list[str] = []
        self.findings: list[str] = []
        self.enqueued: list[str] = []
        self._number = chance.randrange(300)
        self._sessions: list[ClientSession] = []

    async def open(self) -> None:
        """Serve the three systems, each on its own machine."""
        for name, simulator in self.stage.simulators.items():
            await self._loop.start_in(Node(name, IPS[name]), _serve(simulator.app(), IPS[name]))
        self.enqueued = self.stage.simulators["civil_status"].enqueue(self._chance.randrange(1, 4))

    def start(self) -> None:
        """Begin to send and to audit."""
        works = (("province", self._province()), ("portal_sender", self._portal()), ("counter", self._counter()))
        for name, work in works:
            self.senders.append(self._loop.start_in(Node(name, IPS[name]), work))
        self.auditing = self._loop.start_in(Node("auditor", IPS["auditor"]), self._audit())

    @property
    def are_done(self) -> bool:
        """Whether every message has its answer."""
        return all(task.done() for task in self.senders)

    async def close(self) -> None:
        """Stop auditing and close every connection of theirs."""
        if self.auditing is not None:
            self.auditing.cancel()
            await asyncio.wait((self.auditing,))
        for session in self._sessions:
            await session.close()

    def _session(self) -> Noting:
        session = ClientSession(timeout=_TIMEOUT)
        self._sessions.append(session)
        noting = Noting(session)
        self.notings.append(noting)
        return noting

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.random() * 0.8)

    async def _province(self) -> None:
        sender = LgspSender(cast("ClientSession", self._session()), URL, **self._secrets.login("tinh-mau"))
        for life in life_of(self._number, 2, inline=False, first=self._number):
            for message in life.messages[: self._chance.randrange(2, 7)]:
                await self._pause()
                await self._insist(sender, message)

    async def _portal(self) -> None:
        sender = MapiSender(cast("ClientSession", self._session()), URL, **self._secrets.login("cong-dvcqg"))
        for body in online_dossiers(self._number, 2, first=self._number):
            await self._pause()
            await self._insist(sender, msgspec.json.decode(body))

    async def _insist(self, sender: Any, message: Any) -> None:
        """Send until it is taken, and now and then once more."""
        for _ in range(2 if self._chance.random() < _AGAIN else 1):
            if not await sender.send(message):
                self.refused.append(f"{type(sender).__name__}: {dict(sender.tally.reasons)}")

    async def _counter(self) -> None:
        """A one-stop system with message ids: sends each message until it is answered, and now and then once more."""
        noting = self._session()
        key = 0
        for number in (self._number + 1, self._number + 2):
            for body in self._life(number)[: self._chance.randrange(2, 5)]:
                key += 1
                await self._pause()
                for _ in range(2 if self._chance.random() < _AGAIN else 1):
                    await self.keyed(noting, f"goi-{key}", body)

    def _life(self, number: int) -> Sequence[bytes]:
        at = ("20260105081000", "20260106091500", "20260108140000")
        steps = (
            packet(record(number)),
            packet(row(number, at=at[0]), row(number, at=at[1], state="4"), service="CapNhatTienDoHoSoMC"),
            packet(record(number, state="4"), updating="True"),
            packet(row(number, at=at[2], state="9"), service="CapNhatTienDoHoSoMC"),
        )
        return [msgspec.json.encode(step) for step in steps]

    async def keyed(self, noting: Noting, key: str, body: bytes) -> dict[str, Any]:
        """One message through ``POST /v1/messages`` until it is answered; the receipt must be the first one again."""
        headers = {**self._secrets.bearer("mot-cua-hai"), "Idempotency-Key": key, "Content-Type": "application/json"}
        while True:
            try:
                async with noting.post(f"{URL}/v1/messages", data=body, headers=headers) as answer:
                    if answer.status == 202:
                        return self._compared(noting, key, await answer.json())
                    if answer.status < 500 and answer.status != 429:
                        self.refused.append(f"{key}: {answer.status} {await answer.text()}")
                        return {}
            except (ClientError, OSError, TimeoutError):
                pass
            await asyncio.sleep(0.2)

    def _compared(self, noting: Noting, key: str, told: dict[str, Any]) -> dict[str, Any]:
        first = noting.receipts[key][1]
        self.checkpoints[told["checkpoint"]] = None
        same = {name: value for name, value in told.items() if name != "duplicate"}
        if same != {name: value for name, value in first.items() if name != "duplicate"}:
            self.findings.append(f"promise: {key} was answered with another receipt")
        return told

    async def _audit(self) -> None:
        """Fetch the published checkpoint again and again; it may never become smaller."""
        largest = 0
        session = ClientSession(timeout=_TIMEOUT, headers=self._secrets.bearer("thanh-tra"))
        self._sessions.append(session)
        while True:
            try:
                async with session.get(f"{URL}/log/checkpoint") as answer:
                    note = await answer.text()
                    if answer.status == 200 and note:
                        size = int(note.split("\n")[1])
                        if size < largest:
                            self.findings.append(f"log: a checkpoint of {size} after one of {largest}")
                        largest = max(largest, size)
                        self.checkpoints[note] = None
            except (ClientError, OSError, TimeoutError):
                pass
            await asyncio.sleep(0.9)


async def _serve(app: web.Application, ip: str) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, ip, 80).start()
