"""The demo program end to end, as ``make demo`` runs it, and its judge, who must see every difference."""

import asyncio
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from hub.demo.judge import Finding
from tests.integration.program import run, start
from tests.integration.served import MINISTRY, PORTAL, PROVINCE, Served, served

PARTIES = {PROVINCE, MINISTRY, PORTAL}


@pytest.mark.demo
async def test_three_seconds_of_the_demo_end_with_every_party_holding_what_the_log_says(tmp_path: Path) -> None:
    ran = await run(
        *("demo", "--seconds", "3", "--headless", "--json", "--port", "0", "--ops-port", "0", "--dir", "demo"),
        folder=tmp_path,
    )
    assert ran.code == 0, ran.err
    told = ran.json
    assert told["ok"] is True
    assert told["dossiers"] > 0
    assert told["tree_size"] == told["events"] > told["dossiers"]
    assert set(told["parties"]) == PARTIES
    for counts in told["parties"].values():
        assert counts.keys() >= {"sent", "received", "confirmed", "parked", "refused"}
        assert counts["confirmed"] > 0
    for latency in told["latency_ms"].values():
        assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    assert f"{PROVINCE}->{PORTAL}" in told["latency_ms"]
    await _usable_afterwards(tmp_path / "demo", told)


async def _usable_afterwards(folder: Path, told: dict[str, Any]) -> None:
    """What the demo leaves is what its interface promises."""
    credentials = json.loads((folder / "credentials.json").read_bytes())
    assert stat.S_IMODE((folder / "credentials.json").stat().st_mode) == 0o600
    assert {"party", "role", "agency", "kind", "base_url", "username", "secret"} == set(credentials[0])
    assert {one["kind"] for one in credentials} == {"bearer", "mapi", "path"}
    assert {one["role"] for one in credentials} >= {"auditor", "operator"}
    verified = await run("log", "verify", "--json", folder=folder)
    assert (verified.code, verified.json["ok"]) == (0, True)
    checkpoint = (await run("log", "checkpoint", folder=folder)).out.decode().splitlines()
    assert int(checkpoint[1]) == told["tree_size"]
    assert (await run("config", "check", folder=folder)).code == 0
    listed = (await run("dossier", "list", "--limit", "500", "--json", folder=folder)).json
    assert len(listed["dossiers"]) == min(500, told["dossiers"])


@pytest.mark.demo
async def test_a_demo_that_is_kept_goes_on_and_one_that_is_not_starts_afresh(tmp_path: Path) -> None:
    args = (
        "--dossiers",
        "1",
        "--seconds",
        "30",
        "--headless",
        "--json",
        "--port",
        "0",
        "--ops-port",
        "0",
        "--dir",
        "d",
    )
    first = (await run("demo", *args, folder=tmp_path)).json
    kept = await run("demo", *args, "--keep", folder=tmp_path)
    assert kept.code == 0, kept.err
    assert kept.json["tree_size"] > first["tree_size"]
    afresh = (await run("demo", *args, folder=tmp_path)).json
    assert afresh["tree_size"] < kept.json["tree_size"]


@pytest.mark.demo
async def test_a_demo_stays_until_it_is_told_to_stop(tmp_path: Path) -> None:
    process = await start(
        *("demo", "--seconds", "1", "--dossiers", "1", "--json", "--port", "0", "--ops-port", "0", "--dir", "d"),
        folder=tmp_path,
    )
    assert process.stdout is not None
    told = json.loads(await process.stdout.readline())
    assert told["ok"] is True
    assert process.returncode is None
    process.terminate()
    assert await process.wait() == 0


# ── the judge ────────────────────────────────────────────────────────────────────────────────────


async def judged(tmp_path: Path, spoil: str) -> list[Finding]:
    """What the judge finds after one thing was changed at the portal."""
    async with served(tmp_path, profile="calm") as hub:
        await hub.traffic(seed=7, dossiers=2)
        await hub.settle()
        assert await hub.judged() == []
        _spoil(hub, spoil)
        return await hub.judged()


def _spoil(hub: Served, what: str) -> None:
    portal = hub.stage.simulators["portal"]
    code = next(code for code in portal.dossiers if portal.rows.get(code))
    if what == "record":
        portal.dossiers[code] = portal.dossiers[code] | {"TrangThaiHoSo": "3"}
    elif what == "missing":
        del portal.dossiers[code]
        del portal.rows[code]
    elif what == "rows_missing":
        portal.rows[code].pop()
    elif what == "rows_doubled":
        portal.rows[code].append(portal.rows[code][-1])
    else:
        portal.rows[code].append(portal.rows[code][-1] | {"NoiDungXuLy": "Không ai nói vậy"})


@pytest.mark.parametrize("what", ["record", "missing", "rows_missing", "rows_doubled", "rows_unknown"])
async def test_the_judge_sees_whatever_a_party_holds_wrongly(tmp_path: Path, what: str) -> None:
    findings = await judged(tmp_path, what)
    assert [finding.what for finding in findings] == [what]
    assert findings[0].party == PORTAL


async def test_the_demo_parties_end_when_their_master_does(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "adapters.sandbox"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.close()
    assert await process.wait() == 0


@pytest.mark.demo
async def test_a_demo_cut_short_ends_at_once_and_can_go_on_later(tmp_path: Path) -> None:
    args = ("--json", "--port", "0", "--ops-port", "0", "--dir", "d")
    process = await start("demo", "--seconds", "60", *args, folder=tmp_path)
    assert process.stderr is not None
    await process.stderr.readline()
    await asyncio.sleep(0.9)
    process.terminate()
    _, err = await process.communicate()
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    kept = await run("demo", "--dossiers", "1", "--seconds", "30", "--headless", "--keep", *args, folder=tmp_path)
    assert kept.code == 0, kept.err
