"""Senders in use, unchanged but for the address: an OpenCPS client, and one that can show no credential at all."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.ports import Clock
from ledger.events import FactRecorded, MessageAccepted
from tests.integration.samples import code, packet, record, row, xml
from tests.integration.served import COUNTER, THRIFTY, Served, served

PROCEDURE = "1.004873"
DAY_US = 86_400_000_000


@pytest.fixture
async def stocked(tmp_path: Path) -> AsyncIterator[Served]:
    """A hub whose operator has filled the catalogues."""
    folder = tmp_path / "catalogues"
    folder.mkdir()
    (folder / "procedures.json").write_bytes(
        msgspec.json.encode(
            [
                {
                    "MATTHC": f"{PROCEDURE}.000.00.00.H98",
                    "TENTTHC": "Cấp giấy xác nhận tình trạng hôn nhân",
                    "LINHVUCTHUCHIEN": [{"MALINHVUC": "G15-LV01", "TENLINHVUC": "Hộ tịch"}],
                }
            ]
        )
    )
    (folder / "fields.json").write_bytes(msgspec.json.encode([{"MALINHVUC": "G15-LV01", "TENLINHVUC": "Hộ tịch"}]))
    async with served(tmp_path) as hub:
        yield hub


def facts(hub: Served) -> list[FactRecorded]:
    return [one.event for one in hub.hub.ledger.read(0, 10_000) if isinstance(one.event, FactRecorded)]


def states(hub: Served) -> list[list[str]]:
    """What became of the records of every accepted message."""
    accepted = [one.event for one in hub.hub.ledger.read(0, 10_000) if isinstance(one.event, MessageAccepted)]
    return [[item.state for item in event.items] for event in accepted]


class OpenCpsClient:
    """The client inside OpenCPS: a session kept for ten minutes, one dossier at a time, ``error_code`` as a number."""

    def __init__(self, hub: Served) -> None:
        self._hub = hub
        self._session = ""

    async def login(self) -> None:
        credentials = self._hub.secrets.login(COUNTER)
        body = {"username": credentials["username"], "password": credentials["secret"]}
        headers = {"Content-Type": "application/json", "Charset": "utf-8", "dstcode": "VN:GOV:000.00.00.G22:dvcqg"}
        answer = await self._hub.post("/mapi/login", body, headers=headers)
        assert (answer.status, int(answer.json["error_code"])) == (200, 0)
        self._session = answer.json["session"]

    async def ask(self, service: str, path: str = "integration", **members: Any) -> dict[str, Any]:
        body = {"session": self._session, "madonvi": "000.00.00.H98", "service": service, **members}
        answer = await self._hub.post(f"/mapi/{path}", body, headers={"Content-Type": "application/json"})
        assert answer.status == 200
        told: dict[str, Any] = answer.json
        assert isinstance(told["message"], str)
        assert told["message"]
        return told

    async def push(self, dossier: dict[str, Any], progress: dict[str, Any]) -> list[int]:
        """The whole sequence of one push; the codes of its two packets."""
        procedure = (await self.ask("LayThuTuc", maTTHC=dossier["MaTTHC"]))["result"]
        if procedure:
            field = procedure[0]["LINHVUCTHUCHIEN"][0]
            dossier = dossier | {
                "TenTTHC": procedure[0]["TENTTHC"],
                "MaLinhVuc": field["MALINHVUC"],
                "TenLinhVuc": field["TENLINHVUC"],
            }
        found = (await self.ask("TraCuuHoSo", mahoso=dossier["MaHoSo"]))["result"]
        updating = "True" if found else "False"
        told = int((await self.ask("DongBoHoSoMC", isUpdating=updating, data=[dossier]))["error_code"])
        if told != 0:
            return [told]
        rows = await self.ask("CapNhatTienDoHoSoMC", isUpdating=updating, data=[progress])
        return [told, int(rows["error_code"])]


async def test_an_opencps_client_pushes_looks_up_and_updates(stocked: Served) -> None:
    client = OpenCpsClient(stocked)
    await client.login()
    assert await client.push(record(1), row(1)) == [0, 0]
    later = record(1, state="4", GhiChu="Đã phân công")
    assert await client.push(later, row(1, at="20260106090000", state="4")) == [0, 0]
    (found,) = (await client.ask("TraCuuHoSo", mahoso=code(1)))["result"]
    assert (found["MaHoSo"], found["TrangThaiHoSo"]) == (code(1), "4")
    assert found["ChuHoSo"] == record(1)["ChuHoSo"]
    assert [one["TrangThai"] for one in found["DanhSachTienDo"]] == ["2", "4"]
    assert states(stocked) == [["applied"], ["applied"], ["applied"], ["applied"]]


async def test_the_same_packet_after_a_new_login_is_one_effect(stocked: Served) -> None:
    client = OpenCpsClient(stocked)
    await client.login()
    first = await client.ask("DongBoHoSoMC", isUpdating="False", data=[record(1)])
    await client.ask("CapNhatTienDoHoSoMC", isUpdating="False", data=[row(1)])
    known = facts(stocked)
    await client.login()
    again = await client.ask("DongBoHoSoMC", isUpdating="False", data=[record(1)])
    rows = await client.ask("CapNhatTienDoHoSoMC", isUpdating="False", data=[row(1)])
    assert [told["error_code"] for told in (first, again, rows)] == ["0", "0", "0"]
    assert again["accepted"] == 1
    assert facts(stocked) == known
    assert states(stocked)[2:] == [["duplicate"], ["duplicate"]]


async def test_a_dossier_sent_as_new_with_other_content_exists_already(stocked: Served) -> None:
    client = OpenCpsClient(stocked)
    await client.login()
    await client.ask("DongBoHoSoMC", isUpdating="False", data=[record(1)])
    changed = record(1, state="4")
    told = await client.ask("DongBoHoSoMC", isUpdating="False", data=[changed])
    assert told["error_code"] == "-3"
    assert "tồn tại" in told["message"]
    assert "thành công" not in told["message"]
    assert (await client.ask("DongBoHoSoMC", isUpdating="True", data=[changed]))["error_code"] == "0"
    assert (await client.ask("TraCuuHoSo", mahoso=code(1)))["result"][0]["TrangThaiHoSo"] == "4"


async def test_a_row_alone_does_not_make_a_dossier_exist(stocked: Served) -> None:
    client = OpenCpsClient(stocked)
    await client.login()
    assert (await client.ask("CapNhatTienDoHoSoMC", isUpdating="False", data=[row(1)]))["error_code"] == "0"
    assert (await client.ask("DongBoHoSoMC", isUpdating="False", data=[record(1)]))["error_code"] == "0"


async def test_an_update_of_a_dossier_never_seen_is_taken_with_a_warning(stocked: Served) -> None:
    client = OpenCpsClient(stocked)
    await client.login()
    assert (await client.ask("DongBoHoSoMC", isUpdating="True", data=[record(1)]))["error_code"] == "0"
    assert "intake.unknown_dossier" in {note.code for event in facts(stocked) for note in event.warnings}


async def test_four_five_four_are_three_events(stocked: Served) -> None:
    client = OpenCpsClient(stocked)
    await client.login()
    await client.ask("DongBoHoSoMC", isUpdating="False", data=[record(1)])
    for state in ("4", "5", "4"):
        told = await client.ask("DongBoHoSoMC", isUpdating="True", data=[record(1, state=state)])
        assert told["error_code"] == "0"
    (found,) = (await client.ask("TraCuuHoSo", mahoso=code(1)))["result"]
    assert found["TrangThaiHoSo"] == "4"


async def test_the_catalogues_answer_completely(stocked: Served) -> None:
    client = OpenCpsClient(stocked)
    await client.login()
    for spelling in (PROCEDURE, f"{PROCEDURE}.000.00.00.H98"):
        (procedure,) = (await client.ask("LayThuTuc", maTTHC=spelling))["result"]
        assert procedure["LINHVUCTHUCHIEN"][0]["MALINHVUC"] == "G15-LV01"
        assert all(value is not None for value in procedure.values())
    assert (await client.ask("LayThuTuc", maTTHC="9.999999"))["result"] == []
    names = {one["TENDONVI"] for one in (await client.ask("LayDanhMucCoQuan", "share"))["result"]}
    assert "Tỉnh Mẫu Hai" in names
    assert (await client.ask("LayDanhMucLinhVuc", "share"))["result"][0]["TENLINHVUC"] == "Hộ tịch"
    assert len((await client.ask("LayDanhSachTTHC", "g"))["result"]) == 1


async def test_a_session_outlives_a_restart_of_the_hub(tmp_path: Path) -> None:
    async with served(tmp_path) as first:
        session = await first.login(COUNTER)
        await first.mapi("DongBoHoSoMC", [record(1)], session=session, isUpdating="False")
    async with served(tmp_path) as second:
        told = await second.mapi("DongBoHoSoMC", [record(1)], session=session, isUpdating="False")
        assert (told["error_code"], told["accepted"]) == ("0", 1)
        assert states(second) == [["applied"], ["duplicate"]]


class Later:
    """A clock one day ahead of another."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> int:
        return self._clock.now() + DAY_US


async def test_a_session_that_ran_out_is_code_two_and_a_new_login_helps(alone: Served) -> None:
    session = await alone.login(COUNTER)
    alone.hub.access._clock = Later(alone.hub.world.clock)
    told = await alone.mapi("DongBoHoSoMC", [record(1)], session=session, isUpdating="False")
    assert told["error_code"] == "2"
    assert "thành công" not in told["message"]
    again = await alone.mapi("DongBoHoSoMC", [record(1)], session=await alone.login(COUNTER), isUpdating="False")
    assert again["error_code"] == "0"


@pytest.mark.parametrize(
    "credentials",
    [{}, {"username": COUNTER}, {"username": COUNTER, "password": "sai"}, {"username": 7, "password": []}],
)
async def test_a_wrong_login_says_so_in_mapi_words(alone: Served, credentials: dict[str, Any]) -> None:
    answer = await alone.post("/mapi/login", credentials)
    assert answer.status == 200
    assert answer.json["error_code"] != "0"
    assert "session" not in answer.json
    assert "thành công" not in answer.json["message"].casefold()


async def test_who_sends_too_much_is_busy_and_told_when_to_come_back(alone: Served) -> None:
    session = await alone.login(THRIFTY)
    codes = []
    for number in range(1, 4):
        packet_of_one = packet(record(number)) | {"session": session}
        answer = await alone.post("/mapi/g", packet_of_one)
        codes.append((answer.status, answer.json["error_code"], "Retry-After" in answer.headers))
    assert codes == [(200, "0", False), (200, "0", False), (200, "6", True)]


# ── a client that can show no credential and reads answers as plain text ─────────────────────────


class BareClient:
    """Three addresses, bare arrays, no session; an answer counts as done when it contains the phrase."""

    def __init__(self, hub: Served) -> None:
        self._hub = hub
        base = hub.path(COUNTER, "/api/SynsTTHCC/")
        agency = "MaDinhDanhDV=000.00.00.H98"
        self.create = f"{base}DongBoHoSoMC?{agency}&isUpdating=False"
        self.update = f"{base}DongBoHoSoMC?{agency}&isUpdating=True"
        self.progress = f"{base}CapNhatTienDoHoSoMC?{agency}"

    async def send(self, address: str, *records: dict[str, Any]) -> tuple[bool, int]:
        answer = await self._hub.post(address, list(records), headers={"Content-Type": "application/json"})
        assert answer.status == 200
        assert answer.json["message"] is not None
        return "thành công" in answer.body.decode(), int(answer.json["error_code"])

    async def push(self, dossier: dict[str, Any], *rows: dict[str, Any]) -> bool:
        """Every push starts at the create address, whatever was pushed before."""
        done, told = await self.send(self.create, dossier)
        if told in {3, -3}:
            done, _ = await self.send(self.update, dossier)
        return done and (await self.send(self.progress, *rows))[0]


async def test_a_client_without_credentials_pushes_again_and_again(alone: Served) -> None:
    client = BareClient(alone)
    assert await client.push(record(1), row(1))
    assert await client.push(record(1, state="4"), row(1), row(1, at="20260106090000", state="4"))
    assert await client.push(record(1, state="4"), row(1), row(1, at="20260106090000", state="4"))
    shown = (await alone.get(f"/v1/dossiers/{code(1)}", by=COUNTER)).json
    assert shown["status"]["portal"] == "4"
    assert len(shown["steps"]) == 2
    assert states(alone) == [
        ["applied"],
        ["applied"],
        ["applied"],
        ["duplicate", "applied"],
        ["duplicate"],
        ["duplicate", "duplicate"],
    ]


async def test_what_was_not_taken_never_reads_as_done(alone: Served) -> None:
    client = BareClient(alone)
    odd = record(3, MaHoSo="thành công")  # a code of the party's own, of whatever form
    assert (await client.send(client.create, odd))[0] is True
    for bad in (record(1, MaTTHC="sai"), record(1, TrichYeuHoSo="thành công " * 1_000), odd | {"GhiChu": "khác"}):
        assert (await client.send(client.create, bad))[0] is False
        assert (await client.send(client.create, bad, record(2)))[0] is False
    assert (await client.send(client.progress, row(3, ThoiDiemXuLy="hôm qua")))[0] is False
    wrong = await alone.post(client.create.replace(alone.secrets.of(COUNTER, "path"), "sai"), [record(5)])
    assert wrong.status == 200
    assert wrong.json["error_code"] == "2"
    assert "thành công" not in wrong.body.decode()


async def test_the_agency_in_the_address_is_held_to_the_credential(alone: Served) -> None:
    client = BareClient(alone)
    foreign = client.create.replace("H98", "H99")
    assert await client.send(foreign, record(1)) == (False, 4)


# ── XML ──────────────────────────────────────────────────────────────────────────────────────────


async def test_whoever_speaks_xml_is_answered_in_xml(alone: Served) -> None:
    credentials = alone.secrets.login(COUNTER)
    login = f"<login><username>{COUNTER}</username><password>{credentials['secret']}</password></login>"
    answer = await alone.post("/mapi/login", login.encode())
    assert answer.headers["Content-Type"].startswith("application/xml")
    session = answer.body.decode().partition("<session>")[2].partition("</session>")[0]
    body = xml(1).replace(b"<madonvi>", f"<session>{session}</session><madonvi>".encode())
    taken = await alone.post("/mapi/g", body)
    assert b"<error_code>0</error_code>" in taken.body
    assert (await alone.get(f"/v1/dossiers/{code(1)}", by=COUNTER)).status == 200
    assert b"<error_code>0</error_code>" in (await alone.post("/mapi/g", body)).body
    assert states(alone) == [["applied"], ["duplicate"]]
