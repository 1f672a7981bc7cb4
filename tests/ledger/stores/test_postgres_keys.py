"""Data keys in PostgreSQL: a destroyed one is gone from the tables and from the write-ahead log."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from contracts.errors import IntegrityViolation, Misconfigured
from hub.world_seeded import SeededEntropy
from ledger.keystore import MemoryKeys
from ledger.stores.memory import MemoryStore
from ledger.stores.postgres_keys import PostgresKeys
from ledger.writer import Writer
from tests.ledger import made
from tests.postgres_server import PostgresServer


@pytest.fixture
def keys(postgres_keys_dsn: str) -> Iterator[PostgresKeys]:
    made = PostgresKeys(postgres_keys_dsn)
    yield made
    made.close()


def _files_with(server: PostgresServer, secret: bytes) -> list[Path]:
    files = [path for folder in ("base", "pg_wal") for path in (server.data / folder).rglob("*") if path.is_file()]
    return [path for path in files if secret[500:600] in path.read_bytes()]


def test_a_destroyed_key_is_nowhere_in_the_servers_files(keys: PostgresKeys, postgres_server: PostgresServer) -> None:
    secret = SeededEntropy("mau").bytes(2_000)
    keys.add([(block, bytes([block]) * 2_000) for block in range(1, 20)])
    keys.add([(20, secret)])
    postgres_server.ask("CHECKPOINT")
    assert _files_with(postgres_server, secret)
    keys.replace(20, b"x" * 2_000)
    assert _files_with(postgres_server, secret) == []
    assert keys.get(20) == b"x" * 2_000
    assert keys.ids(0) == list(range(1, 21))


def test_who_may_not_destroy_keys_is_told_what_to_grant(
    postgres_keys_dsn: str, postgres_server: PostgresServer
) -> None:
    postgres_server.ask("DROP ROLE IF EXISTS small")
    postgres_server.ask("CREATE ROLE small LOGIN")
    postgres_server.ask("GRANT CREATE ON DATABASE " + postgres_keys_dsn.rpartition("=")[2] + " TO small")
    small = postgres_keys_dsn.replace("user=postgres", "user=small")
    with pytest.raises(Misconfigured, match="GRANT pg_checkpoint"):
        PostgresKeys(small)
    postgres_server.ask("GRANT EXECUTE ON FUNCTION pg_switch_wal() TO small", postgres_keys_dsn)
    postgres_server.ask("GRANT pg_checkpoint TO small")
    keys = PostgresKeys(small)
    keys.add([(1, b"one")])
    keys.replace(1, b"two")
    assert keys.get(1) == b"two"
    keys.close()
    postgres_server.ask("DROP SCHEMA keys CASCADE", postgres_keys_dsn)


def test_a_lost_session_is_opened_again_and_nothing_is_written_twice(
    keys: PostgresKeys, postgres_server: PostgresServer
) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '% keys'"
    keys.add([(1, b"one")])
    keys.put_secret("name", b"wrapped")
    for _ in range(2):
        postgres_server.ask(cut)
        keys.add([(1, b"one"), (2, b"two")])
        postgres_server.ask(cut)
        keys.put_secret("name", b"wrapped")
        postgres_server.ask(cut)
        assert (keys.get(1), keys.newest(), keys.secret("name")) == (b"one", 2, b"wrapped")
    with pytest.raises(psycopg.errors.UniqueViolation):
        keys.add([(2, b"another")])
    with pytest.raises(psycopg.errors.UniqueViolation):
        keys.put_secret("name", b"another")


def _use_keys(ledger: Writer) -> None:
    for number in range(10_000):
        ledger.submit(made.packet(ledger, [number]))
        ledger.flush()


def test_when_no_keys_can_be_made_ahead_the_ledger_stops_and_says_why(tmp_path: Path) -> None:
    class Failing(MemoryKeys):
        healthy = True

        def add(self, rows: Sequence[tuple[int, bytes]]) -> None:
            if not self.healthy:
                raise IntegrityViolation("ledger.unavailable", "no database")
            super().add(rows)

    keys = Failing()
    ledger = made.opened(tmp_path, store=MemoryStore(), keys=keys)
    keys.healthy = False
    with pytest.raises(IntegrityViolation, match="no database"):
        _use_keys(ledger)
    assert ledger.ailment() == "ledger.unavailable"
    ledger.close()
