"""The log in PostgreSQL under load, with the hub, the server's process for it, or the whole server killed.

The server that is killed here is the test's own. It syncs; ``immediate`` leaves it without a checkpoint, so that its
next start recovers from its write-ahead log, as after a power cut.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.world_seeded import SeededEntropy
from ledger.inspect import verify
from ledger.keystore import KeyStore
from ledger.stores.postgres import PostgresStore
from ledger.stores.postgres_keys import PostgresKeys
from ledger.verifier import verify_log, verify_proof
from tests.faults.test_hub_kill import assert_every_answer_holds, assert_receipts_hold, scene
from tests.faults.test_ledger_kill import CHILD, ROOT
from tests.ledger import made
from tests.postgres_server import PostgresServer, available

BACKEND = "SELECT pid FROM pg_stat_activity WHERE application_name = 'lienthong ledger' AND state IS NOT NULL"


class Place:
    """A server of its own with the two databases of a hub."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.dsn = server.new_database()
        self.keys_dsn = server.new_database()

    def kill_hub(self, child: "subprocess.Popen[str]") -> None:
        """``kill -9`` of the process that writes."""
        child.kill()

    def kill_backend(self, child: "subprocess.Popen[str]") -> None:
        """``kill -9`` of the server's process for it: the server ends all others too, and recovers."""
        for row in self.server.ask(BACKEND):
            os.kill(int(str(row[0])), signal.SIGKILL)

    def stop_immediately(self, child: "subprocess.Popen[str]") -> None:
        """``pg_ctl stop -m immediate``."""
        self.server.stop(signal.SIGQUIT)

    def recover(self) -> None:
        """Have the server take connections again."""
        if not self.server.running:
            self.server.start()
        self.server.wait()


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    server = PostgresServer(available())
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def place(own_server: PostgresServer) -> Place:
    if not own_server.running:
        own_server.start()
    return Place(own_server)


def _life(place: Place, folder: Path, life: int, lines: int, blow: str) -> dict[str, tuple[int, int, str]]:
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(folder), str(life), place.dsn, place.keys_dsn],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    assert child.stderr is not None
    told = [child.stdout.readline() for _ in range(lines)]
    assert told[-1], child.stderr.read()
    getattr(place, blow)(child)
    told += child.stdout.readlines()
    child.stdout.close()
    child.stderr.close()
    child.wait()
    place.recover()
    words = [line.split() for line in told if line.endswith("\n")]
    return {one[0]: (int(one[1]), int(one[2]), one[3]) for one in words if len(one) == 4}


@pytest.mark.faults
@pytest.mark.parametrize(("blow", "lives"), [("kill_hub", 8), ("kill_backend", 4), ("stop_immediately", 4)])
def test_every_answered_unit_survives_once_and_the_log_verifies(
    tmp_path: Path, place: Place, blow: str, lives: int
) -> None:
    chance = SeededEntropy("moments of dying")
    answered: dict[str, tuple[int, int, str]] = {}
    for life in range(lives):
        told = _life(place, tmp_path, life, 1 + int(chance.random() * 40), blow)
        assert told
        answered |= told
        store = PostgresStore(place.dsn, opening="read")
        leaves = [(row[0], row[4]) for row in store.leaves(0, 100_000)]
        notes = store.checkpoints(0, 100_000)
        store.close()
        vkeys = [(tmp_path / "keys" / "log.vkey").read_text("utf-8")]
        verdict = verify_log(leaves, notes[-1][1], vkeys, notes)
        assert verdict["ok"], verdict
        assert all(position <= len(leaves) for position, _, _ in answered.values())
    _assert_all_there(tmp_path, place, answered)


def _assert_all_there(folder: Path, place: Place, answered: dict[str, tuple[int, int, str]]) -> None:
    keys: KeyStore = PostgresKeys(place.keys_dsn)
    ledger = made.opened(folder, store=PostgresStore(place.dsn), keys=keys, seed="other")
    try:
        for name, (position, _, leaf_hash) in answered.items():
            found = ledger.find_message("mau", name, b"")
            assert found is not None
            assert found.position == position
            assert ledger.prove(position).leaf_hash.hex() == leaf_hash
        for position, _, _ in list(answered.values())[:: max(1, len(answered) // 20)]:
            proof = ledger.prove(position)
            assert verify_proof(proof.proof, proof.leaf, [ledger.vkey])["ok"]
            assert ledger.raw_message(position).startswith(b'{"session":"')
    finally:
        ledger.close()


@pytest.mark.faults
@pytest.mark.timeout(240)
async def test_a_serving_hub_and_its_database_are_killed_in_turn_and_nothing_answered_is_lost(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dsn").write_text(place.dsn)
    (tmp_path / "keys-dsn").write_text(place.keys_dsn)
    for name, value in (("STORE", "postgres"), ("DSN_FILE", "dsn"), ("KEYS_DSN_FILE", "keys-dsn")):
        monkeypatch.setenv(f"LIENTHONG_LEDGER__{name}", value)
    chance = SeededEntropy("moments of dying")
    async with scene(tmp_path, "calm") as stage:
        stage.load.start()
        for life in range(4):
            await stage.process.start()
            await stage.process.listening()
            await asyncio.sleep(0.2 + chance.random() * 0.4)
            if life % 2:
                place.server.stop(signal.SIGQUIT)
                async with asyncio.timeout(30):
                    assert await stage.process.ended() == 1
                place.recover()
            else:
                await stage.process.kill()
        async with stage.last_life() as served:
            done = await stage.load.finish()
            assert done["reasons"] == {}
            await served.settle(timeout_s=90)
            assert stage.load.noting.answered
            assert_every_answer_holds(served.hub, stage.load.noting)
            await assert_receipts_hold(served, stage.load.noting)
            await served.settle()
            assert await served.judged() == []
    lines = (tmp_path / "trust.txt").read_text("ascii").splitlines()
    vkeys = [line.split()[1] for line in lines if line.startswith("log ")]
    verdict = verify(str(tmp_path), vkeys, tables=PostgresStore(place.dsn, opening="read"))
    assert verdict["ok"], verdict
