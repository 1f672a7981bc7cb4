"""Data keys in PostgreSQL: a destroyed one is gone from the tables and from the write-ahead log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import IntegrityViolation, Misconfigured
from hub.world_seeded import SeededEntropy
from ledger.stores.postgres_keys import PostgresKeys
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


def test_a_lost_session_is_opened_again_for_what_only_reads(
    keys: PostgresKeys, postgres_server: PostgresServer
) -> None:
    keys.add([(1, b"one")])
    keys.put_secret("name", b"wrapped")
    postgres_server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '% keys'")
    assert keys.get(1) == b"one"
    postgres_server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '% keys'")
    with pytest.raises(IntegrityViolation, match=r"ledger\.unavailable"):
        keys.add([(2, b"two")])
    assert keys.newest() == 1
