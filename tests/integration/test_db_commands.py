"""Copies beside a running hub, what may be gone on from, and the move to PostgreSQL with the same root."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hub.commands.db import MIGRATED
from ledger.inspect import LogFile, verify
from ledger.milestone import MILESTONE_FILE
from ledger.stores.postgres import PostgresStore
from ledger.stores.sqlite import SqliteStore
from tests.integration.program import inside
from tests.integration.samples import packet, record
from tests.integration.served import CONFIG, COUNTER, Served, served
from tests.postgres_server import PostgresServer


def _leaves(store: SqliteStore | PostgresStore) -> list[tuple[int, bytes, int, str, bytes]]:
    try:
        return store.leaves(0, 100_000)
    finally:
        store.close()


# ── copies ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_copy_taken_beside_a_running_hub_verifies_and_is_put_back_while_it_is_the_newest(
    tmp_path: Path,
) -> None:
    root, log, keys = tmp_path / "hub", tmp_path / "log", tmp_path / "keys"
    async with served(root) as hub:
        await hub.message(packet(record(1)), by=COUNTER, key="goi-1")
        assert hub.hub.heads is not None
        await hub.hub.heads.force()
        for target, flag in ((log, ()), (keys, ("--keys",))):
            done = inside("db", "backup", str(target), *flag, "--config", CONFIG, "--json", folder=root)
            assert done.code == 0, done.err
        again = inside("db", "backup", str(log), "--config", CONFIG, folder=root)
        assert again.code == 5
        refused = inside("db", "restore", str(log), "--config", CONFIG, folder=root)
        assert "ledger.locked" in refused.err
        size = hub.hub.ledger.committed
    for name in ("ledger.db", "keys.db", "heads.db"):
        (root / name).rename(tmp_path / name)
        for rest in ("-wal", "-shm"):
            (root / f"{name}{rest}").unlink(missing_ok=True)
    judged = inside("db", "restore", str(log), "--verify", "--config", CONFIG, "--json", folder=root)
    assert (judged.code, judged.json["size"], judged.json["restored"]) == (0, size, False)
    assert not (root / "ledger.db").exists()
    done = inside("db", "restore", str(log), "--keys", str(keys), "--config", CONFIG, folder=root)
    assert done.code == 0, done.err
    async with served_again(root) as hub:
        same = await hub.message(packet(record(1)), by=COUNTER, key="goi-1")
        assert same.json["duplicate"]
        assert hub.hub.heads is not None
        assert hub.hub.heads.lag() == 0 or await hub.hub.heads.force()
        assert hub.hub.heads.heads.size >= 1


def served_again(root: Path) -> "_Again":
    return _Again(root)


class _Again:
    """The same directory served once more, with the credentials it has."""

    def __init__(self, root: Path) -> None:
        self._made = served(root)

    async def __aenter__(self) -> Served:
        return await self._made.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        await self._made.__aexit__(None, None, None)


def test_a_copy_older_than_what_was_signed_is_never_gone_on_from(own: Path, tmp_path: Path) -> None:
    assert inside("db", "backup", str(tmp_path / "log"), "--config", CONFIG, folder=own).code == 0
    newest = (own / MILESTONE_FILE).read_text("utf-8")
    lines = newest.split("\n")
    later = "\n".join([lines[0], str(int(lines[1]) + 5), *lines[2:]])
    for file in own.glob("ledger.db*"):
        file.unlink()
    for where in (MILESTONE_FILE, "log/checkpoint"):
        (own / where).parent.mkdir(exist_ok=True)
        before = (own / where).read_text("utf-8") if (own / where).exists() else None
        (own / where).write_text(later, "utf-8")
        refused = inside("db", "restore", str(tmp_path / "log"), "--config", CONFIG, folder=own)
        assert refused.code == 3
        assert "ledger.rollback" in refused.err
        assert "begin a new log with another ledger.origin" in refused.err
        assert where in refused.err
        if before is None:
            (own / where).unlink()
        else:
            (own / where).write_text(before, "utf-8")
    assert not (own / "ledger.db").exists()
    outside = tmp_path / "held-by-a-witness"
    outside.write_text(later, "utf-8")
    refused = inside(
        "db", "restore", str(tmp_path / "log"), "--checkpoint", str(outside), "--config", CONFIG, folder=own
    )
    assert "ledger.rollback" in refused.err


def test_without_anything_that_shows_how_far_the_log_had_come_nothing_is_put_back(own: Path, tmp_path: Path) -> None:
    with LogFile(str(own)) as log:
        (tmp_path / "newest").write_text(log.checkpoint(), "utf-8")
    assert inside("db", "backup", str(tmp_path / "log"), "--config", CONFIG, folder=own).code == 0
    for name in ("ledger.db", MILESTONE_FILE, "log/checkpoint", "log/cosigned"):
        (own / name).unlink(missing_ok=True)
    refused = inside("db", "restore", str(tmp_path / "log"), "--config", CONFIG, folder=own)
    assert "--checkpoint" in refused.err
    given = ("--checkpoint", str(tmp_path / "newest"))
    done = inside("db", "restore", str(tmp_path / "log"), *given, "--config", CONFIG, folder=own)
    assert done.code == 0, done.err


@pytest.mark.parametrize("place", [0, -20_000])
def test_a_damaged_copy_is_found(own: Path, tmp_path: Path, place: int) -> None:
    folder = tmp_path / "log"
    assert inside("db", "backup", str(folder), "--config", CONFIG, folder=own).code == 0
    content = bytearray((folder / "ledger.db").read_bytes())
    content[place] ^= 1
    (folder / "ledger.db").write_bytes(content)
    refused = inside("db", "restore", str(folder), "--verify", "--config", CONFIG, folder=own)
    assert (refused.code, "ledger.corrupt" in refused.err) == (3, True)


# ── moving ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def moving(own: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str, str]:
    """A stopped hub whose configuration already names two empty databases."""
    dsns = postgres_server.new_database(), postgres_server.new_database()
    for name, value in (("STORE", "postgres"), ("DSN_FILE", "secrets/dsn"), ("KEYS_DSN_FILE", "secrets/keys-dsn")):
        monkeypatch.setenv(f"LIENTHONG_LEDGER__{name}", value)
    for name, dsn in zip(("dsn", "keys-dsn"), dsns, strict=True):
        (own / "secrets" / name).write_text(dsn)
        (own / "secrets" / name).chmod(0o600)
    return own, *dsns


def test_a_moved_log_has_the_same_leaves_and_root_and_serves_on(moving: tuple[Path, str, str]) -> None:
    root, dsn, _ = moving
    vkeys = [(root / "keys/log.vkey").read_text("utf-8")]
    before = _leaves(SqliteStore(str(root / "ledger.db"), read_only=True))
    note = LogFile(str(root)).checkpoint()
    done = inside("db", "migrate", "--config", CONFIG, "--json", folder=root)
    assert done.code == 0, done.err
    assert done.json["checkpoint"] == note
    assert _leaves(PostgresStore(dsn, opening="read")) == before
    assert verify(str(root), vkeys, tables=PostgresStore(dsn, opening="read"))["ok"]
    assert not (root / "ledger.db").exists()
    assert (root / f"keys.db{MIGRATED}").exists()
    again = inside("db", "migrate", "--config", CONFIG, folder=root)
    assert "was it moved before?" in again.err


async def test_a_hub_goes_on_with_the_moved_log_and_knows_its_messages(moving: tuple[Path, str, str]) -> None:
    root, _, _ = moving
    assert inside("db", "migrate", "--config", CONFIG, folder=root).code == 0
    async with served_again(root) as hub:
        again = await hub.message(packet(record(1)), by=COUNTER, key="goi-1")
        assert again.json["duplicate"]
        new = await hub.message(packet(record(77)), by=COUNTER, key="goi-77")
        assert new.status == 202
    verdict = inside("log", "verify", "--config", CONFIG, "--json", folder=root)
    assert verdict.json["ok"]


def test_a_move_that_was_killed_goes_on_where_it_stopped(moving: tuple[Path, str, str]) -> None:
    root, dsn, _ = moving
    killed = (
        "import os, signal, sys\n"
        "from ledger import migrate\n"
        "copy = migrate.Move._copy\n"
        "def once(self, table):\n"
        "    if table.name == sys.argv[1]: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return copy(self, table)\n"
        "migrate.Move._copy = once\n"
        "from hub.commands.db import migrate as move\n"
        "move('lienthong.toml', as_json=False)\n"
    )
    for table in ("messages", "seen"):
        done = subprocess.run(
            [sys.executable, "-c", killed, table],
            cwd=root,
            env={"PYTHONPATH": str(Path(__file__).parents[2]), **_environment()},
            capture_output=True,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert (root / "ledger.db").exists()
    before = _leaves(SqliteStore(str(root / "ledger.db"), read_only=True))
    done_at_last = inside("db", "migrate", "--config", CONFIG, folder=root)
    assert done_at_last.code == 0, done_at_last.err
    assert _leaves(PostgresStore(dsn, opening="read")) == before


def _environment() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if name.startswith("LIENTHONG_LEDGER__")}


def test_a_target_that_holds_another_log_is_refused_and_left_alone(
    moving: tuple[Path, str, str], tmp_path: Path, postgres_server: PostgresServer
) -> None:
    root, dsn, keys_dsn = moving
    other = tmp_path / "other"
    shutil.copytree(root, other, symlinks=True)
    assert inside("db", "migrate", "--config", CONFIG, folder=other).code == 0
    postgres_server.ask("DROP SCHEMA keys CASCADE", keys_dsn)
    postgres_server.ask("ALTER TABLE ledger.checkpoints DISABLE TRIGGER USER", dsn)
    postgres_server.ask("UPDATE ledger.checkpoints SET note = 'khac'", dsn)
    refused = inside("db", "migrate", "--config", CONFIG, folder=root)
    assert "holds another log" in refused.err
    assert (root / "ledger.db").exists()
    assert postgres_server.ask("SELECT DISTINCT note FROM ledger.checkpoints", dsn) == [("khac",)]
