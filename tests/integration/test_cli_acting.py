"""Commands that act, or ask a running hub: over its owner-only socket while it serves, else under the ledger's lock."""

import asyncio
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession

from adapters.portal.simulator import Weather
from ledger.events import EvidenceAccessed, SyncRequeued
from tests.integration.program import inside, run, start
from tests.integration.samples import code, packet, record, row
from tests.integration.served import BARE, CONFIG, COUNTER, PORTAL, Served, served

# ── beside a running hub ─────────────────────────────────────────────────────────────────────────


async def test_commands_beside_a_serving_hub_go_to_it(tmp_path: Path) -> None:
    async with served(tmp_path) as hub:
        await hub.message(packet(record(1)), by=COUNTER, key="goi-1")
        shown, listed, tail, verified = await asyncio.gather(
            run("dossier", "show", code(1), "--json", folder=tmp_path),
            run("dossier", "list", "--json", folder=tmp_path),
            run("log", "tail", "--after", "0", "--jsonl", folder=tmp_path),
            run("log", "verify", "--json", folder=tmp_path),
        )
        assert shown.json["code"] == code(1), shown.err
        assert [one["code"] for one in listed.json["dossiers"]] == [code(1)]
        assert len(tail.lines) >= 12
        assert verified.json["ok"]
        opened = [one.event for one in hub.hub.ledger.read(0, 100) if isinstance(one.event, EvidenceAccessed)]
        assert [(one.by, one.role, one.what) for one in opened] == [("local", "admin", "dossier")]
        missing = await run("dossier", "show", "khong-co", folder=tmp_path)
        assert missing.code == 4


async def test_the_socket_is_for_its_owner_only_and_gone_after_a_stop(tmp_path: Path) -> None:
    async with served(tmp_path):
        mode = (tmp_path / "admin.sock").stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert not mode & 0o077
    assert not (tmp_path / "admin.sock").exists()


async def test_a_socket_left_by_a_killed_hub_does_not_mislead(own: Path) -> None:
    server = await asyncio.start_unix_server(lambda _reader, _writer: None, str(own / "admin.sock"))
    server.close()
    await server.wait_closed()
    assert (own / "admin.sock").exists()
    ran = await run("dossier", "show", code(1), "--json", folder=own)
    assert ran.json["code"] == code(1), ran.err


def test_a_hub_whose_folder_has_a_very_long_name_serves_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / ("thu-muc-dai-" * 8) / ("thu-muc-dai-" * 8)

    async def serve() -> None:
        async with served(folder) as hub:
            await hub.message(packet(record(1)), by=COUNTER, key="goi-1")
            ran = await run("dossier", "list", "--json", folder=folder)
            assert [one["code"] for one in ran.json["dossiers"]] == [code(1)], ran.err

    asyncio.run(serve())


# ── parked ───────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_parked_is_put_back_once_the_target_takes_it(tmp_path: Path) -> None:
    async with served(tmp_path, profile="calm") as hub:
        await hub.message(packet(row(1), service="CapNhatTienDoHoSoMC"), by=COUNTER, key="goi-1")
        await hub.settle()
        parked = (await run("parked", "list", "--json", folder=tmp_path)).json["parked"]
        assert [(one["code"], one["target"]) for one in parked] == [(code(1), PORTAL)]
        hub.stage.simulators["portal"].weather = Weather()
        ran = await run("parked", "requeue", code(1), PORTAL, "--note", "thử lại", folder=tmp_path)
        assert ran.code == 0, ran.err
        await hub.settle()
        (requeued,) = [one.event for one in hub.hub.ledger.read(0, 1_000) if isinstance(one.event, SyncRequeued)]
        assert (requeued.target, requeued.by, requeued.note) == (PORTAL, "local", "thử lại")


def test_a_parked_delivery_can_be_put_back_while_no_hub_runs(own: Path) -> None:
    ran = inside("parked", "requeue", code(2), PORTAL, "--note", "đã bổ sung", folder=own)
    assert ran.code == 0, ran.err
    assert inside("parked", "list", "--json", folder=own).json["parked"] == []
    last = inside("log", "tail", "--jsonl", folder=own).lines[-1]
    assert last["type"] == "sync.requeued"
    assert inside("log", "verify", folder=own).code == 0


def served_once(folder: Path) -> None:
    """A hub that took in two records whose status nobody knows, and stopped."""

    async def serve() -> None:
        async with served(folder) as hub:
            await hub.message(packet(record(1, state="11"), record(2, state="11")), by=COUNTER, key="goi-1")

    asyncio.run(serve())


def test_a_parked_record_is_read_again_after_the_mapping_was_added_or_dismissed(tmp_path: Path) -> None:
    served_once(tmp_path)
    one, two = inside("parked", "list", "--json", folder=tmp_path).json["parked"]
    assert [(each["kind"], each["target"], each["reason"]) for each in (one, two)] == [
        ("record", COUNTER, "park.status_unmapped")
    ] * 2
    shown = inside("parked", "show", "--position", str(one["position"]), "--json", folder=tmp_path).json
    assert (shown["code"], shown["word"]) == (one["code"], "11")

    unmapped = inside("parked", "requeue", "--position", str(one["position"]), folder=tmp_path)
    assert (unmapped.code, "park.status_unmapped" in unmapped.err) == (5, True)
    config = tmp_path / CONFIG
    known = f'id = "{COUNTER}"\nadapter = "portal"\n'
    text = config.read_text("utf-8")
    assert known in text
    config.write_text(text.replace(known, known + 'profile.statuses = { "11" = "processing" }\n'), "utf-8")
    requeued = inside("parked", "requeue", "--position", str(one["position"]), folder=tmp_path)
    assert requeued.code == 0, requeued.err
    state = inside("dossier", "show", code(1), "--json", folder=tmp_path).json["status"]["business"]
    assert state == "processing"

    refused = inside("parked", "dismiss", "--position", str(two["position"]), "--note", " ", folder=tmp_path)
    assert refused.code == 5
    done = inside("parked", "dismiss", "--position", str(two["position"]), "--note", "gửi thử", folder=tmp_path)
    assert done.code == 0, done.err
    assert inside("parked", "list", "--json", folder=tmp_path).json == {"parked": [], "total": 0}
    again = inside("parked", "requeue", "--position", str(one["position"]), folder=tmp_path)
    assert again.code == 4
    assert inside("log", "verify", folder=tmp_path).code == 0


def test_a_parked_delivery_is_dismissed_with_a_reason(own: Path) -> None:
    ran = inside("parked", "dismiss", code(2), PORTAL, "--note", "nơi nhận không cần", folder=own)
    assert ran.code == 0, ran.err
    assert inside("parked", "list", "--json", folder=own).json["parked"] == []
    last = inside("log", "tail", "--jsonl", folder=own).lines[-1]
    assert last["type"] == "sync.dismissed"


@pytest.mark.parametrize(
    "words",
    [
        ("requeue", "--note", "x"),
        ("requeue", "A", PORTAL, "--position", "3", "--note", "x"),
        ("requeue", "A", PORTAL),
        ("show", "A"),
        ("dismiss", "--note", "x"),
    ],
)
def test_what_is_meant_must_be_named_whole(own: Path, words: tuple[str, ...]) -> None:
    assert inside("parked", *words, folder=own).code == 5


# ── parties ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_credential_is_issued_shown_once_and_taken_back(own: Path) -> None:
    issued = inside("party", "add", BARE, "--kind", "bearer", "--json", folder=own).json
    stored = (own / "access.json").read_bytes()
    assert issued["secret"].encode() not in stored
    assert not (own / "access.json").stat().st_mode & 0o077
    kinds = [one["kind"] for one in inside("party", "show", BARE, "--json", folder=own).json["credentials"]]
    assert kinds.count("bearer") == 2
    asked = inside("party", "disable", BARE, folder=own)
    assert asked.code == 7
    assert (own / "access.json").read_bytes() == stored
    assert inside("party", "disable", BARE, "--yes", folder=own).code == 0
    assert inside("party", "show", BARE, "--json", folder=own).json["credentials"] == []
    assert inside("party", "disable", BARE, "--yes", folder=own).code == 4


@pytest.mark.parametrize("role", ["auditor", "operator"])
def test_staff_needs_no_party_of_its_own(own: Path, role: str) -> None:
    issued = inside("party", "add", "mot-nguoi", "--role", role, "--json", folder=own).json
    assert (issued["party"], issued["role"]) == ("mot-nguoi", role)
    assert inside("party", "add", "mot-nguoi", folder=own).code == 4


async def test_an_issued_credential_opens_the_door_after_the_next_start(tmp_path: Path) -> None:
    config = tmp_path / CONFIG
    port_free = 'hub = {directory = ".", port = 0, ops_port = 0}\n'
    party = '[[party]]\nid = "mot-cua"\nadapter = "portal"\nagencies = ["H98"]\n'
    config.write_text(port_free + party, "utf-8")
    kinds = {
        kind: inside("party", "add", "mot-cua", "--kind", kind, "--json", folder=tmp_path).json
        for kind in ("bearer", "mapi", "path")
    }
    process = await start("serve", folder=tmp_path)
    url = await address(tmp_path)
    body = msgspec.json.encode(packet(record(1)))
    try:
        async with ClientSession() as session:
            headers = {"Authorization": f"Bearer {kinds['bearer']['secret']}", "Idempotency-Key": "x"}
            async with session.post(f"{url}/v1/messages", data=body, headers=headers) as answer:
                assert answer.status == 202
            async with session.post(f"{url}/p/{kinds['path']['secret']}/mapi/g", data=body) as answer:
                assert (await answer.json())["error_code"] == "0"
            login = {"username": kinds["mapi"]["username"], "password": kinds["mapi"]["secret"]}
            async with session.post(f"{url}/mapi/login", json=login) as answer:
                assert (await answer.json())["session"]
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
    assert process.returncode == 0, err
    for one in kinds.values():
        assert one["secret"].encode() not in err


async def address(folder: Path) -> str:
    """Where the hub of a folder listens, once it does."""
    for _ in range(3_000):
        if (folder / "endpoints.json").exists():
            url: str = msgspec.json.decode((folder / "endpoints.json").read_bytes())["base_url"]
            return url
        await asyncio.sleep(0.01)
    raise TimeoutError("the hub never told its address")


async def test_a_party_is_reached_without_sending_it_anything(tmp_path: Path) -> None:
    async with served(tmp_path, profile="calm") as hub:
        pings = (run("party", "ping", party, "--json", folder=tmp_path) for party in (PORTAL, "tinh-mau"))
        for ran in await asyncio.gather(*pings):
            assert (ran.code, ran.json["reached"]) == (0, True), ran.err
        assert all(held == {} for held in hub.stage.holdings().values())


# ── serve ────────────────────────────────────────────────────────────────────────────────────────


async def test_two_hubs_never_write_one_log(alone_hub: Served) -> None:
    ran = await run("serve", "--port", "0", "--ops-port", "0", folder=alone_hub.root)
    assert ran.code == 5
    assert "ledger.locked" in ran.err
    assert "Traceback" not in ran.err


async def test_a_taken_port_is_told_by_its_number(alone_hub: Served, tmp_path_factory: pytest.TempPathFactory) -> None:
    port = alone_hub.url.rpartition(":")[2]
    other = tmp_path_factory.mktemp("khac")
    (other / CONFIG).write_text("[hub]\nops_port = 0\n", "utf-8")
    ran = await run("serve", "--port", port, folder=other)
    assert ran.code == 5
    assert port in ran.err
    assert "Traceback" not in ran.err


@pytest.fixture
async def alone_hub(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as hub:
        yield hub


async def test_ctrl_c_stops_a_hub_gracefully(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text('[hub]\ndirectory = "."\nport = 0\nops_port = 0\n', "utf-8")
    process = await start("serve", folder=tmp_path)
    await address(tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert process.returncode == 0, err
    assert out == b""
    first = msgspec.json.decode(err.splitlines()[0])
    assert first["event"] == "settings"
    assert inside("log", "verify", folder=tmp_path).code == 0


async def test_simulated_parties_are_served_until_ctrl_c(tmp_path: Path) -> None:
    process = await start("sim", "up", "portal", "opencps", folder=tmp_path)
    assert process.stdout is not None
    told = msgspec.json.decode(await process.stdout.readline())
    async with ClientSession() as session:
        login = {"username": told["portal"]["username"], "password": told["portal"]["secret"]}
        async with session.post(told["portal"]["base_url"] + "/mapi/login", json=login) as answer:
            assert (await answer.json())["error_code"] == 0
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 0
    assert set(told) == {"portal", "opencps"}
