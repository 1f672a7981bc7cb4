"""The short way of reading an ordinary record, held to the long way."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.portal import ADAPTER, ordinary
from contracts import catalog
from contracts.ports import Profile
from contracts.reading import Reading
from tests.adapters.portal.specimens import RECORD, RESULT, ROW, envelope, packet, progress, record, row

RECORDS = [RECORD, record(DanhSachGiayToKetQua=[RESULT]), record(DanhSachLePhi=None, ChuHoSo=None)]
WORDS: list[Any] = [
    None,
    True,
    0,
    1,
    -1,
    1.5,
    "",
    " ",
    "1",
    "True",
    "x",
    "1.099001.H99",
    "99",
    "15.000",
    "x" * 51,
    "x" * 1_001,
    [],
    {},
]
JSON = st.one_of(st.sampled_from(WORDS), st.text(max_size=5), st.just([{"A": "1"}]), st.just([None]))


def long_way(monkeypatch: pytest.MonkeyPatch, body: bytes) -> Reading:
    with monkeypatch.context() as patched:
        patched.setattr(ordinary, "decode", lambda _service, _raw: None)
        return ADAPTER.read(envelope(body), Profile())


def test_ordinary_records_and_rows_are_taken() -> None:
    for one in RECORDS:
        assert ordinary.decode("DongBoHoSoMC", json.dumps(one, ensure_ascii=False).encode()) == one
    assert ordinary.decode("CapNhatTienDoHoSoMC", json.dumps(ROW, ensure_ascii=False).encode()) == ROW


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps(record(La="1"), ensure_ascii=False),
        json.dumps(record(TaiLieuNop=[{**RECORD["TaiLieuNop"][0], "La": None}]), ensure_ascii=False),
        json.dumps(RECORD, ensure_ascii=False)[:-1] + ', "MaHoSo" : "x"}',
        json.dumps(RECORD, ensure_ascii=False)[:-1] + ', "ChuHoSo": null}',
        json.dumps(RECORD),
        json.dumps(record(ChuHoSo='a"b'), ensure_ascii=False),
        json.dumps(record(LoaiDoiTuong=1), ensure_ascii=False),
        json.dumps(record(MaHoSo=" "), ensure_ascii=False),
        json.dumps({name: value for name, value in RECORD.items() if name != "HinhThuc"}, ensure_ascii=False),
        "[]",
        "5",
        "",
    ],
)
def test_whatever_wants_a_closer_look_is_left_to_the_long_way(raw: str) -> None:
    assert ordinary.decode("DongBoHoSoMC", raw.encode()) is None


@given(base=st.sampled_from(RECORDS), name=st.sampled_from([*RECORD, "La", "SoBienNhan"]), value=JSON, data=st.data())
@settings(max_examples=300, deadline=None)
def test_both_ways_read_a_spoiled_record_alike(
    base: dict[str, Any], name: str, value: Any, data: st.DataObject
) -> None:
    spoiled = {**base, name: value}
    nested = data.draw(st.sampled_from(["", "TaiLieuNop", "DanhSachLePhi", "DinhDanhCHS", "DanhSachTepDinhKemKhac"]))
    if nested and isinstance(spoiled.get(nested), list) and spoiled[nested] and isinstance(spoiled[nested][0], dict):
        member = data.draw(st.sampled_from([*spoiled[nested][0], "La"]))
        spoiled[nested] = [{**spoiled[nested][0], member: data.draw(JSON)}]
    body = packet(spoiled)

    with pytest.MonkeyPatch.context() as patch:
        assert ADAPTER.read(envelope(body), Profile()) == long_way(patch, body)


@given(name=st.sampled_from([*ROW, "La"]), value=JSON)
@settings(max_examples=150, deadline=None)
def test_both_ways_read_a_spoiled_row_alike(name: str, value: Any) -> None:
    body = progress(row(**{name: value}))

    with pytest.MonkeyPatch.context() as patch:
        assert ADAPTER.read(envelope(body), Profile()) == long_way(patch, body)


def test_what_the_short_way_takes_keeps_the_contract() -> None:
    contract = catalog.get("qcvn120", "DongBoHoSoMC", "extended")
    for one in RECORDS:
        assert contract.json_errors(one) == ()
