"""A whole hub whose log and data keys lie in PostgreSQL: the same doors, the same receipts, the same commands."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from contracts.errors import Misconfigured
from hub.settings import check, load
from hub.wiring import build, real_world
from tests.integration.program import run
from tests.integration.samples import packet, record
from tests.integration.served import CONFIG, COUNTER, Served, served


@pytest.fixture
def databases(
    tmp_path: Path, postgres_dsn: str, postgres_keys_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str]:
    for name, value in (("STORE", "postgres"), ("DSN_FILE", "secrets/dsn"), ("KEYS_DSN_FILE", "secrets/keys-dsn")):
        monkeypatch.setenv(f"LIENTHONG_LEDGER__{name}", value)
    (tmp_path / "secrets").mkdir()
    for name, dsn in (("dsn", postgres_dsn), ("keys-dsn", postgres_keys_dsn)):
        (tmp_path / "secrets" / name).write_text(f"{dsn}\n")
        (tmp_path / "secrets" / name).chmod(0o600)
    return postgres_dsn, postgres_keys_dsn


@pytest.fixture
async def hub(tmp_path: Path, databases: tuple[str, str]) -> AsyncIterator[Served]:
    async with served(tmp_path, profile="calm") as made:
        yield made


async def test_parties_agree_over_a_log_in_postgresql_and_it_verifies_beside_the_hub(hub: Served) -> None:
    await hub.traffic(seed=7, dossiers=2)
    first = await hub.message(packet(record(1)), by=COUNTER, key="goi-1")
    again = await hub.message(packet(record(1)), by=COUNTER, key="goi-1")
    assert (first.status, again.json) == (202, first.json | {"duplicate": True})
    await hub.settle()
    assert await hub.judged() == []
    assert not (hub.root / "ledger.db").exists()
    assert not (hub.root / "keys.db").exists()
    verdict = await run("log", "verify", "--config", CONFIG, "--json", folder=hub.root)
    assert (verdict.code, verdict.json["ok"]) == (0, True)
    tail = await run("log", "tail", "--config", CONFIG, "--jsonl", folder=hub.root)
    assert tail.lines[-1]["position"] == hub.hub.ledger.committed
    checkpoint = await run("log", "checkpoint", "--config", CONFIG, folder=hub.root)
    assert checkpoint.out.decode() == hub.hub.ledger.checkpoint()
    found = await run("doctor", "--config", CONFIG, "--json", folder=hub.root)
    lines = {line["check"]: line["ok"] for line in found.json["checks"]}
    assert lines["database"]
    assert lines["keys database"]


async def test_a_second_hub_on_the_same_database_is_refused_while_the_first_serves(hub: Served, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copytree(hub.root / "secrets", other / "secrets")
    shutil.copy(hub.root / CONFIG, other)
    with pytest.raises(Misconfigured, match=r"ledger\.locked"):
        build(load(other / CONFIG), real_world(str(other)))


async def test_a_hub_goes_on_after_its_idle_sessions_were_cut(hub: Served, databases: tuple[str, str]) -> None:
    with psycopg.connect(databases[0], autocommit=True) as session:
        session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'lien%'")
    async with asyncio.timeout(30):
        answer = await hub.message(packet(record(2)), by=COUNTER, key="goi-2")
    assert answer.status == 202


def test_postgres_without_its_addresses_is_refused_at_the_start() -> None:
    with pytest.raises(Misconfigured, match="needs dsn_file and keys_dsn_file"):
        check({"ledger": {"store": "postgres"}})
