"""``kill -9`` of a serving hub under load, twenty times; and SIGTERM under load, which loses nothing and exits 0.

Real senders of three formats go on sending, and real receivers go on listening, while the hub dies and comes back.
"""

import asyncio
import base64
import hashlib
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from adapters.sandbox.stage import Stage
from adapters.sandbox.traffic import Traffic
from hub.serving import Serving
from hub.settings import load
from hub.wiring import Hub, build, real_world
from hub.world_seeded import SeededEntropy
from ledger.events import KeyAdded, MessageAccepted
from ledger.inspect import verify, verify_contents
from ledger.verifier import verify_message, verify_proof
from tests.faults.hub_process import HubProcess, Noting, free_port
from tests.integration.samples import packet, record
from tests.integration.served import (
    CONFIG,
    COUNTER,
    FORMATS,
    Secrets,
    Served,
    configuration,
    furnish,
    traffic_order,
)

LIVES = 20
SEED = int(os.environ.get("FAULTS_SEED", "20260105"))
"""Decides the traffic and the moments of dying; another one is another run."""
LONGEST_LIFE_S = 0.6
BORN_DEAD = 0.2
"""Share of lives that end before the hub listens."""
UPSTART_S = 0.8
NEW = frozenset({"applied", "questioned", "parked"})


class Load:
    """Senders of all three formats, who note every answer they get."""

    def __init__(self, stage: Stage, session: ClientSession, url: str, secrets: Secrets) -> None:
        self.noting = Noting(session)
        order = traffic_order(url, secrets, seed=SEED, dossiers=0, seconds=3_600)
        self._traffic = Traffic(stage, cast("ClientSession", self.noting), order, report=lambda _: None)
        self._url = url
        self._bearer = secrets.bearer(COUNTER)
        self._over = False
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self) -> None:
        """Begin to send."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._traffic.run()), loop.create_task(self._keyed())]

    async def finish(self) -> Mapping[str, Any]:
        """Begin nothing new, have everything begun answered; what the senders did."""
        self._over = True
        self._traffic._over.set()
        done: dict[str, Any] = await self._tasks[0]
        await self._tasks[1]
        return done

    async def _keyed(self) -> None:
        """A sender that gives its messages ids, and sends each until it is answered."""
        number = 0
        while not self._over:
            number += 1
            body = msgspec.json.encode(packet(record(number)))
            headers = {**self._bearer, "Idempotency-Key": f"goi-{number}", "Content-Type": "application/json"}
            while True:
                try:
                    async with self.noting.post(f"{self._url}/v1/messages", data=body, headers=headers) as answer:
                        assert answer.status in {202, 503}, await answer.text()
                        if answer.status == 202:
                            break
                except (ClientError, OSError, TimeoutError):
                    pass
                await asyncio.sleep(0.05)


class Scene:
    """Parties and senders in this process, the hub in another."""

    def __init__(self, root: Path, stage: Stage, process: HubProcess, load: Load, secrets: Secrets) -> None:
        self.root = root
        self.stage = stage
        self.process = process
        self.load = load
        self.secrets = secrets

    @asynccontextmanager
    async def last_life(self) -> AsyncIterator[Served]:
        """The same hub once more, in this process, so that it can be looked into."""
        serving = Serving(build(load(self.root / CONFIG), real_world(str(self.root))))
        await serving.start()
        async with ClientSession(timeout=ClientTimeout(total=60)) as session:
            try:
                yield Served(serving, self.secrets, session, self.stage)
            finally:
                serving.request_stop()
                await serving.run()


@asynccontextmanager
async def scene(root: Path, profile: str) -> AsyncIterator[Scene]:
    stage = Stage(FORMATS, profile=profile, seed=SEED)
    addresses = await stage.open({})
    port = free_port()
    text = configuration(stage, addresses).replace("\nport = 0\n", f"\nport = {port}\n")
    secrets = furnish(root, SeededEntropy(SEED), text, stage)
    process = HubProcess(root / CONFIG, port)
    async with ClientSession(timeout=ClientTimeout(total=30)) as session:
        try:
            yield Scene(root, stage, process, Load(stage, session, f"http://127.0.0.1:{port}", secrets), secrets)
        finally:
            await process.end()
            await stage.close()


def messages(hub: Hub) -> list[tuple[int, MessageAccepted]]:
    found = []
    after = 0
    while entries := hub.ledger.read(after, 1_000):
        after = entries[-1].position
        found += [(one.position, one.event) for one in entries if isinstance(one.event, MessageAccepted)]
    return found


def assert_every_answer_holds(hub: Hub, noting: Noting) -> None:
    """What was answered is on the log once, with its bytes; what was sent twice had one effect."""
    accepted = messages(hub)
    ids = Counter(event.message_id for _, event in accepted)
    assert set(ids.values()) == {1}
    assert set(noting.answered) <= set(ids)
    digests = {
        event.message_id: hashlib.sha256(hub.ledger.raw_message(position)).hexdigest() for position, event in accepted
    }
    assert all(digests[message_id] == digest for message_id, digest in noting.answered.items())
    effects = Counter(
        digests[event.message_id] for _, event in accepted if any(item.state in NEW for item in event.items)
    )
    assert {digest: count for digest, count in effects.items() if count > 1} == {}


async def assert_receipts_hold(served: Served, noting: Noting) -> None:
    """Every receipt is answered again as it was, and proves what it says with nothing but the trusted key."""
    vkeys = [one.event.vkey for one in served.hub.ledger.read(0, 16) if isinstance(one.event, KeyAdded)]
    for key, receipt in noting.receipts.items():
        body = msgspec.json.encode(packet(record(int(key.removeprefix("goi-")))))
        leaf = base64.b64decode(receipt["leaf"])
        assert verify_proof(receipt["proof"], leaf, vkeys)["ok"]
        assert verify_message(leaf, receipt["opening"], body)["ok"]
    for key in list(noting.receipts)[:: max(1, len(noting.receipts) // 20)]:
        again = await served.message(packet(record(int(key.removeprefix("goi-")))), by=COUNTER, key=key)
        assert again.json == noting.receipts[key] | {"duplicate": True}


def assert_log_verifies(root: Path) -> None:
    vkeys = [
        line.split()[1] for line in (root / "trust.txt").read_text("ascii").splitlines() if line.startswith("log ")
    ]
    verdict = verify(str(root), vkeys)
    assert verdict["ok"], [check for check in verdict["checks"] if not check["ok"]]


@pytest.mark.faults
@pytest.mark.timeout(240)
async def test_twenty_times_kill_9_under_load_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    chance = SeededEntropy(SEED, purpose="moments of dying")
    sys.stdout.write(f"FAULTS_SEED={SEED}\n")
    async with scene(tmp_path, "calm") as stage:
        stage.load.start()
        for _ in range(LIVES):
            await stage.process.start()
            if chance.random() < BORN_DEAD:
                await asyncio.sleep(chance.random() * UPSTART_S)
            else:
                await stage.process.listening()
                await asyncio.sleep(chance.random() * LONGEST_LIFE_S)
            await stage.process.kill()
        async with stage.last_life() as served:
            done = await stage.load.finish()
            assert done["reasons"] == {}
            await served.settle(timeout_s=90)
            assert len(stage.load.noting.answered) > LIVES
            assert_every_answer_holds(served.hub, stage.load.noting)
            await assert_receipts_hold(served, stage.load.noting)
            await served.settle()
            assert await served.judged() == []
            assert served.hub.ledger.parked() == []
            sys.stdout.write(f"{len(stage.load.noting.answered)} answered, {served.hub.ledger.committed} events\n")
            contents = verify_contents(served.hub.ledger)
            assert contents["ok"], contents
    assert_log_verifies(tmp_path)


@pytest.mark.faults
@pytest.mark.timeout(120)
async def test_sigterm_under_load_exits_0_and_loses_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path, "flaky") as stage:
        stage.load.start()
        for _ in range(3):
            await stage.process.start()
            await stage.process.listening()
            await asyncio.sleep(0.5)
            assert await stage.process.terminate() == 0
        async with stage.last_life() as served:
            done = await stage.load.finish()
            assert done["reasons"] == {}
            await served.settle(timeout_s=60)
            assert_every_answer_holds(served.hub, stage.load.noting)
            assert await served.judged() == []
    assert_log_verifies(tmp_path)
    assert b"Traceback" not in (tmp_path / "serve.log").read_bytes()
