"""The heads log of a running hub: announced once, trusted, published, close behind, and never ahead."""

import asyncio
from base64 import b64decode
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from prometheus_client import generate_latest

from hub.serving import Serving
from hub.settings import check
from hub.wiring import Hub, build, real_world
from ledger.events import KeyAdded
from ledger.note import parse_vkey
from tests.ledger import made
from tests.ledger.heads_check import judge


async def started(directory: Path, **heads: Any) -> Serving:
    settings = {"hub": {"directory": str(directory), "port": 0, "ops_port": 0}, "heads": heads}
    serving = Serving(build(check(settings), real_world(str(directory))))
    await serving.start()
    return serving


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event: the test looks from outside
            await asyncio.sleep(0.005)


def append(hub: Hub, count: int) -> bytes:
    """Some invented dossiers; the stream of the party that sent them."""
    for number in range(count):
        hub.ledger.submit(made.packet(hub.ledger, [number]))
    hub.ledger.flush()
    return hub.ledger.named_stream("party", "mau")


def announced(hub: Hub) -> list[KeyAdded]:
    events = [entry.event for entry in hub.ledger.read(0, 100)]
    return [event for event in events if isinstance(event, KeyAdded) and event.purpose == "heads"]


async def test_its_key_is_announced_once_and_signed_for_by_the_key_of_the_log(tmp_path: Path) -> None:
    found: list[KeyAdded] = []
    trust: list[str] = []
    for _ in range(2):
        serving = await started(tmp_path)
        found = announced(serving.hub)
        trust = (tmp_path / "trust.txt").read_text().splitlines()
        await serving.stop()
    assert len(found) == 1
    said = found[0]
    assert [f"log {said.by}", f"log {said.vkey}"] == [line for line in trust if line.startswith("log ")]
    statement = f"hub/key/v1\nadd\nlienthong.example/log\nheads\n{said.vkey}\n{said.added_at}\n"
    key = Ed25519PublicKey.from_public_bytes(parse_vkey(said.by).public_key)
    key.verify(b64decode(said.signature), statement.encode())


async def test_after_so_many_events_the_heads_log_follows_and_is_published(tmp_path: Path) -> None:
    serving = await started(tmp_path, events=5, interval_s=3_600)
    hub, job = serving.hub, serving.hub.heads
    assert job is not None
    await until(lambda: job.heads.size == 1)
    stream = append(hub, 20)
    await until(lambda: job.lag() < 5)
    said = judge(stream, job.heads.prove(stream), job.heads.vkey)
    assert said is not None
    assert said["input_size"] <= hub.ledger.committed
    await hub.publisher.publish()
    assert (tmp_path / "log/heads/checkpoint").read_text() == job.heads.checkpoint()
    assert f"lienthong_heads_size_entries {float(job.heads.size)}" in generate_latest(hub.metrics.registry).decode()
    await serving.stop()


async def test_few_events_wait_for_the_interval_but_not_for_whoever_forces_a_round(tmp_path: Path) -> None:
    serving = await started(tmp_path, interval_s=3_600)
    hub, job = serving.hub, serving.hub.heads
    assert job is not None
    await until(lambda: job.lag() == 0)
    size = job.heads.size
    append(hub, 3)
    assert (job.heads.size, job.lag() > 0) == (size, True)
    notes = await asyncio.gather(job.force(), job.force())
    assert list(notes) == [job.heads.checkpoint()] * 2
    assert (job.heads.size, job.lag()) == (size + 1, 0)
    assert await job.force() == notes[0]
    await serving.stop()


async def test_after_a_short_interval_even_one_event_is_covered(tmp_path: Path) -> None:
    serving = await started(tmp_path, interval_s=0.02)
    job = serving.hub.heads
    assert job is not None
    append(serving.hub, 1)
    await until(lambda: job.lag() == 0)
    await serving.stop()


async def test_turned_off_there_is_no_key_no_file_and_no_leaf(tmp_path: Path) -> None:
    serving = await started(tmp_path, enabled=False)
    assert serving.hub.heads is None
    assert announced(serving.hub) == []
    assert not (tmp_path / "heads.db").exists()
    assert "heads" not in (tmp_path / "trust.txt").read_text()
    await serving.stop()
