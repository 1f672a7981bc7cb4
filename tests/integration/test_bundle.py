"""Evidence out of a running hub: made over HTTP or by the command line, judged with a trust file and nothing else."""

import base64
import subprocess
import zipfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import msgspec
import pytest

from contracts.ports import Principal
from ledger.events import EvidenceAccessed
from ledger.verifier import verify_bundle
from tests.integration.samples import code, packet, record
from tests.integration.served import AUDITOR, COUNTER, Served, served

LOCAL = Principal(party="local", role="admin")


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as hub:
        body = msgspec.json.encode(packet(*(record(number) for number in range(5))))
        assert (await hub.message(body, by=COUNTER, key="nam")).status == 202
        yield hub


def trust_of(hub: Served) -> str:
    heads = hub.hub.heads
    assert heads is not None
    return f"log {hub.hub.ledger.vkey}\nlog {heads.heads.vkey}\nquorum none\n"


async def made(hub: Served, number: int = 1) -> bytes:
    answer = await hub.hub.admin.run(LOCAL, "bundle.create", {"code": code(number)})
    return base64.b64decode(answer["bundle"])


async def test_an_auditor_gets_evidence_that_a_stranger_believes(told: Served) -> None:
    result = verify_bundle(await made(told), trust_of(told))
    assert result["ok"], [check for check in result["checks"] if not check["ok"]]
    assert {item["verdict"] for item in result["items"]} == {"verified"}
    accessed = [one.event for one in told.hub.ledger.read(0, 100) if isinstance(one.event, EvidenceAccessed)]
    assert [event.what for event in accessed] == ["bundle"]


async def test_it_comes_over_http_too(told: Served) -> None:
    answer = await told.get(f"/v1/dossiers/{code(1)}/bundle", by=AUDITOR)
    assert answer.status == 200
    assert verify_bundle(answer.body, trust_of(told))["ok"]


def by_hand(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "HOWTO.txt"], cwd=folder, capture_output=True, text=True, check=False)


async def test_the_page_that_says_how_to_check_by_hand_does_it(told: Served, tmp_path: Path) -> None:
    folder = tmp_path / "opened"
    with zipfile.ZipFile(BytesIO(await made(told))) as archive:
        archive.extractall(folder)
    done = by_hand(folder)
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    assert done.stdout.count("OK ") > 8
    leaf = next(folder.glob("events/*.leaf"))
    leaf.write_bytes(leaf.read_bytes() + b" ")
    assert by_hand(folder).returncode != 0
