"""Hubs that vouch for each other over HTTP, a real timestamping authority, and what each of them refuses."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from contracts.errors import IntegrityViolation, Misconfigured
from contracts.moment import MICROS_PER_SECOND, rfc3339
from hub.jobs.witness import FINDING_FILE
from hub.serving import Serving
from hub.settings import Settings, check, load
from hub.wiring import Hub, build, real_world
from hub.world import DiskFiles, SystemEntropy
from hub.world_seeded import SeededEntropy
from ledger.cosignature import WitnessKey, find_cosignatures, parse_witness_key, split_note
from ledger.events import CheckpointAnchored, ConfigurationChanged, IntakeOverridden
from ledger.keys import log_signer
from ledger.note import vkey_of
from ledger.policy import parse as parse_policy
from ledger.unit import NewEvent, Unit
from ledger.witnessing import witness_signer
from tests.integration.program import inside, run
from tests.integration.samples import packet, record
from tests.integration.served import CONFIG, COUNTER, configuration, furnish
from tests.ledger.openssl_authority import Authority


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Place:
    """Where one hub lives: its folder, its port, its keys made beforehand so that others can know them."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.origin = f"{name}.example/log"
        self.port = free_port()
        files = DiskFiles(folder)
        self.vkey = vkey_of(log_signer(files, SystemEntropy(), self.origin, create=True))
        signer = witness_signer(files, SystemEntropy(), f"{name}.example/witness")
        self.witness = WitnessKey(signer.name, signer.public_key())
        self.settings: dict[str, Any] = {
            "hub": {"port": self.port, "ops_port": 0, "directory": str(folder)},
            "ledger": {"origin": self.origin},
            "publish": {"interval_s": 0.02},
            "party": [{"id": "mot-cua", "adapter": "portal"}],
            "quorum": {"interval_s": 0.05, "anchor_interval_s": 0},
            "witnessing": {"name": signer.name},
        }

    def asks(self, other: "Place") -> None:
        """Have the other hub vouch for this one's log."""
        url = f"http://127.0.0.1:{other.port}/log"
        self.settings["witness"] = [{"name": other.origin, "url": url, "vkey": other.witness.text()}]
        other.settings["watched"] = [{"vkey": self.vkey}]

    def built(self) -> Hub:
        settings: Settings = check(self.settings)
        return build(settings, real_world(str(self.folder)))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Place, Place]:
    first, second = Place(tmp_path / "tinh", "tinh-mau"), Place(tmp_path / "bo", "bo-mau")
    first.asks(second)
    second.asks(first)
    return first, second


@asynccontextmanager
async def serving(place: Place) -> AsyncIterator[Hub]:
    hub = place.built()
    one = Serving(hub)
    await one.start()
    try:
        yield hub
    finally:
        one.request_stop()
        await one.run()


def grow(hub: Hub, count: int = 1) -> int:
    stream = hub.ledger.named_stream("governance", "configuration")
    event = ConfigurationChanged(config_hash="00" * 32)
    return hub.ledger.submit(Unit(events=tuple(NewEvent(stream, event) for _ in range(count)))).positions[-1]


def anchored(hub: Hub) -> list[CheckpointAnchored]:
    return [one.event for one in hub.ledger.read(0, 1_000) if isinstance(one.event, CheckpointAnchored)]


async def until_cosigned(hub: Hub, size: int) -> str:
    """The cosigned checkpoint, once it covers that many entries."""
    assert hub.outside.witnesses is not None
    for _ in range(500):
        await asyncio.sleep(0.02)
        if hub.outside.witnesses.newest_cosigned_size() >= size:
            return hub.world.files.read("log/cosigned").decode()
    raise AssertionError(f"not cosigned through {size}")


async def test_two_hubs_vouch_for_each_other(pair: tuple[Place, Place]) -> None:
    first, second = pair
    async with serving(first) as one, serving(second) as two:
        for hub, other in ((one, second), (two, first)):
            cosigned = await until_cosigned(hub, grow(hub, 3))
            text, lines = split_note(cosigned)
            (found,) = find_cosignatures(text, lines, [other.witness])
            assert found.key == other.witness
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{first.port}/log/cosigned") as answer:
            assert answer.status == 200
            assert (await answer.text()).startswith(first.origin)
        leaf = anchored(one)[-1]
        assert (leaf.kind, leaf.origin, leaf.by) == ("witness", first.origin, second.witness.text())
        trusted = parse_policy((first.folder / "trust.txt").read_text("utf-8"))
        assert first.vkey in [log.key.text() for log in trusted.logs]
        assert trusted.keys == (second.witness,)
        assert trusted.quorum == "quorum"


async def test_a_restored_copy_of_everything_is_refused_by_the_witness(pair: tuple[Place, Place]) -> None:
    """The whole directory is put back to yesterday: nothing on this machine can know, the witness does."""
    first, second = pair
    second.settings.pop("witness")
    yesterday = first.folder.with_name("yesterday")
    async with serving(first):
        pass
    shutil.copytree(first.folder, yesterday)
    async with serving(second):
        async with serving(first) as hub:
            await until_cosigned(hub, grow(hub, 5))
        shutil.rmtree(first.folder)
        yesterday.rename(first.folder)
        hub = first.built()
        before = hub.ledger.committed
        with pytest.raises(IntegrityViolation, match="ROLLBACK") as caught:
            await Serving(hub).start()
        assert caught.value.code == "ledger.rollback"
        assert hub.ledger.committed == before
        await hub.outside.close()
        hub.ledger.close()
        hub.views.close()
    # it stays refused when the witness can not be reached any more, until a person settles it
    again = first.built()
    with pytest.raises(IntegrityViolation, match="ROLLBACK"):
        await Serving(again).start()
    again.ledger.close()
    again.views.close()
    (first.folder / FINDING_FILE).unlink()
    async with serving(first) as settled:
        assert settled.ledger.committed >= before


async def test_a_fork_of_the_log_ends_a_running_hub(pair: tuple[Place, Place]) -> None:
    """Somebody with the log's key has another history witnessed meanwhile: the honest hub learns of it and stops."""
    first, second = pair
    second.settings.pop("witness")
    async with serving(first):
        pass
    twin = Place.__new__(Place)
    twin.__dict__ = {**first.__dict__, "folder": first.folder.with_name("twin"), "port": free_port()}
    twin.settings = {**first.settings, "hub": {**first.settings["hub"], "directory": str(twin.folder), "port": 0}}
    shutil.copytree(first.folder, twin.folder)
    async with serving(second), serving(twin) as forged:
        await until_cosigned(forged, grow(forged, 7))
    one = Serving(first.built())
    await one.start()  # nobody can be asked now
    running = asyncio.get_running_loop().create_task(one.run())
    async with serving(second):
        assert await asyncio.wait_for(running, 20) == "witness: ledger.rollback"
    assert (first.folder / FINDING_FILE).is_file()


# ── timestamps ───────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def authority_at(authority: Authority) -> AsyncIterator[str]:
    """A real authority behind HTTP."""

    async def reply(request: web.Request) -> web.Response:
        assert request.content_type == "application/timestamp-query"
        return web.Response(body=authority.reply(await request.read()), content_type="application/timestamp-reply")

    app = web.Application()
    app.router.add_post("/tsa", reply)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/tsa"
    finally:
        await runner.cleanup()


async def test_a_real_token_becomes_a_leaf_and_evidence_that_openssl_verifies(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa")
    place = Place(tmp_path / "hub", "tinh-mau")
    (place.folder / "tsa.pem").write_bytes(authority.ca_file.read_bytes())
    async with authority_at(authority) as url:
        place.settings["timestamp"] = {"url": url, "ca_file": "tsa.pem"}
        async with serving(place) as hub:
            for _ in range(500):
                await asyncio.sleep(0.02)
                if anchored(hub):
                    break
            (leaf,) = anchored(hub)
            assert leaf.kind == "timestamp"
            response = hub.world.files.read(f"anchors/{leaf.evidence}.tsr")
            note = hub.world.files.read(f"anchors/{leaf.evidence}.checkpoint")
            assert authority.accepts(response, note)
            shown = await hub.outside.testify()
            assert shown["timestamp"]["authority"] == leaf.by
            assert shown["trouble"] == []
            assert len(anchored(hub)) == 2


def test_an_authority_without_a_certificate_keeps_the_hub_from_starting(tmp_path: Path) -> None:
    place = Place(tmp_path / "hub", "tinh-mau")
    place.settings["timestamp"] = {"url": "http://127.0.0.1:1/tsa", "ca_file": "tsa.pem"}
    with pytest.raises(Misconfigured, match="certificate"):
        place.built()
    (place.folder / "tsa.pem").write_bytes(b"no certificate")
    with pytest.raises(Misconfigured, match="certificate"):
        place.built()


# ── the switch and the commands ──────────────────────────────────────────────────────────────────


async def test_intake_shuts_without_testimony_and_an_override_opens_it(tmp_path: Path) -> None:
    witness = WitnessKey("chung-kien.example/w1", b"\x01" * 32)
    folder = tmp_path
    secrets = furnish(folder, SeededEntropy(7), configuration(None, {}), None)
    with (folder / CONFIG).open("a") as config:
        config.write("\n[testimony]\nmax_age_s = 60\n\n[quorum]\ntimeout_s = 0.1\ninterval_s = 0.2\n")
        config.write(f'\n[[witness]]\nname = "w1"\nurl = "http://127.0.0.1:1"\nvkey = "{witness.text()}"\n')
    one = Serving(build(load(folder / CONFIG), real_world(str(folder))))
    await one.start()
    headers = secrets.bearer(COUNTER) | {"Idempotency-Key": "goi-1"}
    async with ClientSession(headers=headers) as session:
        async with session.post(f"{one.base_url}/v1/messages", json=packet(record(1))) as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert (await answer.json())["code"] == "testimony.stale"
        async with session.get(f"{one.ops_url}/readyz") as answer:
            assert answer.status == 503
            assert "testimony" in await answer.text()
        async with session.get(f"{one.ops_url}/metrics") as answer:
            assert "lienthong_testimony_stale 1.0" in await answer.text()
        listed = await run("witness", "list", "--json", folder=folder)
        assert listed.json["is_stale"]
        assert listed.json["witnesses"][0]["trouble"]
        refused = await run("witness", "override", "--until", "2020-01-01T00:00:00Z", "--reason", "x", folder=folder)
        assert refused.code == 5
        until = rfc3339(one.hub.world.clock.now() + 3_600 * MICROS_PER_SECOND)
        opened = await run("witness", "override", "--until", until, "--reason", "mất mạng ra ngoài", folder=folder)
        assert opened.code == 0, opened.err
        async with session.post(f"{one.base_url}/v1/messages", json=packet(record(1))) as answer:
            assert answer.status == 202
        told = [entry.event for entry in one.hub.ledger.read(0, 200) if isinstance(entry.event, IntakeOverridden)]
        assert [(event.by, event.reason) for event in told] == [("local", "mất mạng ra ngoài")]
        missing = await run("anchor", "now", "--json", folder=folder)
        assert missing.code == 6
        assert missing.json["quorum"] is False
    one.request_stop()
    await one.run()


def test_a_witness_is_added_to_the_configuration_or_nothing_changes(tmp_path: Path) -> None:
    furnish(tmp_path, SeededEntropy(7), configuration(None, {}), None)
    key = WitnessKey("chung-kien.example/w1", b"\x01" * 32)
    before = (tmp_path / CONFIG).read_bytes()
    for name, url, vkey in (
        ("w1", "ftp://chung-kien.example", key.text()),
        ("w1", "http://chung-kien.example", key.text().replace("+BA", "+BB", 1)),
        ('w"1', "http://chung-kien.example", key.text()),
    ):
        refused = inside("witness", "add", name, url, vkey, folder=tmp_path)
        assert refused.code == 5
        assert (tmp_path / CONFIG).read_bytes() == before
    added = inside("witness", "add", "w1", "http://chung-kien.example", key.text(), folder=tmp_path)
    assert added.code == 0, added.err
    assert parse_witness_key(load(tmp_path / CONFIG).witness[0].vkey) == key
    twice = inside("witness", "add", "w2", "http://chung-kien.example", key.text(), folder=tmp_path)
    assert twice.code == 5
    assert "twice" in twice.err
