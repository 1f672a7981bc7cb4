"""Messages taken apart and read record by record."""

import json

import pytest

from adapters.portal.fields import EXTENDED_ONLY
from adapters.portal.read import recognise
from contracts import catalog
from contracts.errors import MessageRefused
from contracts.ports import Profile
from tests.adapters.portal.specimens import CODE, PLAIN, RECORD, packet, progress, read, read_one, record, row, warned


def refusals(body: bytes) -> list[tuple[str, str]]:
    reading = read(body)
    assert reading.records == ()
    return [(error.code, error.path) for one in reading.refused for error in one.errors]


def test_an_envelope_tells_service_agency_and_update() -> None:
    reading = read(packet(RECORD, isUpdating="True"))

    assert (reading.standard, reading.edition, reading.service) == ("qcvn120", "extended", "DongBoHoSoMC")
    assert reading.agency == "H99"
    (one,) = reading.records
    assert one.updating is True
    assert (one.dossier, one.agency, one.code_scope) == (CODE, "H99.44.21", "national")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("True", True),
        ("False", False),
        ("true", True),
        ("1", True),
        (True, True),
        (False, False),
        ("", None),
        (None, None),
    ],
)
def test_is_updating_is_read_in_every_spelling(word: object, meant: bool | None) -> None:  # noqa: FBT001  # a table
    assert read(packet(RECORD, isUpdating=word)).records[0].updating is meant


def test_a_progress_envelope_may_leave_is_updating_out() -> None:
    body = json.loads(progress(row()))
    del body["isUpdating"]

    assert read(json.dumps(body).encode()).records[0].updating is None


def test_a_bare_array_takes_service_update_and_agency_from_the_address() -> None:
    body = json.dumps([RECORD]).encode()

    reading = read(body, kind="qcvn120/DongBoHoSoMC", isUpdating="True", MaDinhDanhDV="000.00.01.H99")

    assert reading.records[0].updating is True
    assert reading.agency == "H99.01"
    assert reading.secrets == ()


def test_a_bare_array_without_an_address_is_known_by_its_records() -> None:
    assert read(json.dumps([row()]).encode()).service == "CapNhatTienDoHoSoMC"
    assert read(json.dumps([RECORD]).encode()).service == "DongBoHoSoMC"


def test_the_session_is_a_secret_range_and_records_are_exact_bytes() -> None:
    body = packet(RECORD, record(MaHoSo="000.21.44.H99-260915-0043"))

    reading = read(body)

    assert [body[start:end] for start, end in reading.secrets] == [b'"phien-mau"']
    for one in reading.records:
        assert json.loads(body[one.span[0] : one.span[1]])["MaHoSo"] == one.dossier
        assert one.material == body[one.span[0] : one.span[1]]


def test_the_time_in_file_addresses_is_kept_out_of_the_fingerprint_and_the_fact() -> None:
    def with_time(millis: int) -> bytes:
        url = f"https://mc.example.vn/f/551?t={millis}"
        return packet(record(TaiLieuNop=[{**RECORD["TaiLieuNop"][0], "DuongDanTaiTepTin": url}]))

    one, other = (read_one(with_time(millis)) for millis in (1_789_433_712_000, 1_789_433_799_000))

    assert one.material == other.material
    assert one.facts == other.facts


def test_one_bad_record_does_not_hold_up_the_others() -> None:
    reading = read(packet(RECORD, record(MaTTHC="99"), record(TrangThaiHoSo="11"), record(MaHoSo="12/2026/0001")))

    assert [one.index for one in reading.records] == [0, 3]
    assert [(one.index, one.dossier) for one in reading.refused] == [(1, CODE)]
    assert [(one.index, one.code, one.word) for one in reading.parked] == [(2, "park.status_unmapped", "11")]
    assert reading.records[1].code_scope == "party"


def test_every_fault_of_a_record_is_told_with_its_place() -> None:
    assert refusals(packet(record(MaHoSo="", ChuHoSo={"a": 1}, NgayTra="x"))) == [
        ("read.missing", "/data/0/MaHoSo"),
        ("read.type", "/data/0/ChuHoSo"),
    ]
    assert refusals(packet(record(NgayHenTra="20260230081000", NgayTiepNhan="20261301000000"))) == [
        ("read.date", "/data/0/NgayTiepNhan"),
        ("read.missing", "/data/0/NgayTiepNhan"),
    ]


@pytest.mark.parametrize("nothing", [None, "", "  "])
@pytest.mark.parametrize("name", ["MaHoSo", "MaTTHC", "TrangThaiHoSo"])
def test_a_core_field_that_says_nothing_is_missing(name: str, nothing: str | None) -> None:
    assert refusals(packet(record(**{name: nothing}))) == [("read.missing", f"/data/0/{name}")]


@pytest.mark.parametrize(
    "name", ["TenTTHC", "MaLinhVuc", "HinhThuc", "DonViXuLy", "ChuHoSo", "NgayHenTra", "TaiLieuNop"]
)
def test_null_elsewhere_states_nothing(name: str) -> None:
    assert read_one(packet(record(**{name: None}))).warnings == ()


def test_a_received_dossier_needs_its_reception_date() -> None:
    assert refusals(packet(record(NgayTiepNhan=""))) == [("read.missing", "/data/0/NgayTiepNhan")]
    assert read(packet(record(NgayTiepNhan="", TrangThaiHoSo="1"))).refused == ()


def test_a_record_that_is_no_object_is_refused_alone() -> None:
    reading = read(packet(RECORD, 5))

    assert len(reading.records) == 1
    assert [error.code for error in reading.refused[0].errors] == ["read.type"]


def test_faults_of_a_records_json_stay_with_the_record() -> None:
    twice = packet(RECORD, record(ChuHoSo="@")).replace(b'"@"', b'"A", "ChuHoSo": "B"')

    reading = read(twice)

    assert [one.index for one in reading.records] == [0]
    assert [error.code for error in reading.refused[0].errors] == ["read.duplicate_key"]


def test_unknown_fields_are_kept_and_reported() -> None:
    body = packet(
        record(MaCSDLDaKetNoi="7", Phu={"a": [1]}, TaiLieuNop=[{**RECORD["TaiLieuNop"][0], "KichThuoc": "12"}]),
        kenh="x",
    )

    reading = read(body)

    (one,) = reading.records
    assert {(note.code, note.path) for note in one.warnings} == {
        ("warn.unknown_field", "/MaCSDLDaKetNoi"),
        ("warn.unknown_field", "/Phu"),
        ("warn.unknown_field", "/TaiLieuNop/KichThuoc"),
    }
    assert [note.path for note in reading.warnings] == ["/kenh"]
    extra = one.facts[0].extra  # type: ignore[union-attr]  # the first fact of a record is the submission
    assert extra == {"MaCSDLDaKetNoi": "7", "Phu": '{"a":[1]}'}


def test_numbers_for_strings_are_taken_and_noted() -> None:
    body = packet(record(LoaiDoiTuong=1, TrangThaiHoSo=4, NgayTiepNhan=20260915081000, DuocThanhToanTrucTuyen=0))

    (one,) = read(body).records

    assert {note.path for note in one.warnings if note.code == "warn.number_for_string"} == {
        "/LoaiDoiTuong",
        "/TrangThaiHoSo",
        "/NgayTiepNhan",
        "/DuocThanhToanTrucTuyen",
    }
    plain = read_one(packet(record(DuocThanhToanTrucTuyen="0")))
    assert one.facts == plain.facts


def test_a_procedure_code_as_a_number_lost_its_zeros_and_is_refused() -> None:
    assert refusals(packet(record(MaTTHC=1.09901))) == [("read.type", "/data/0/MaTTHC")]


def test_strings_for_numbers_are_taken_and_noted() -> None:
    assert warned(
        packet(record(DanhSachTepDinhKemKhac=[{"TenGiayTo": "Bản vẽ", "SoLuong": "1", "LoaiGiayTo": 1}]))
    ) == {("warn.string_for_number", "/DanhSachTepDinhKemKhac/SoLuong")}


@pytest.mark.parametrize(
    ("name", "word", "code"),
    [
        ("TrangThaiHoSo", "11", "park.status_unmapped"),
        ("TrangThaiHoSo", "processing", "park.status_unmapped"),
        ("KenhThucHien", "9", "park.code_unmapped"),
        ("LoaiDoiTuong", "7", "park.code_unmapped"),
        ("NoiNopHoSo", "3", "park.code_unmapped"),
    ],
)
def test_a_code_no_table_knows_parks_the_record_with_the_word(name: str, word: str, code: str) -> None:
    (parked,) = read(packet(record(**{name: word}))).parked

    assert (parked.code, parked.path, parked.word, parked.dossier) == (code, f"/{name}", word, CODE)


@pytest.mark.parametrize(("code", "dossier"), [(12, "12"), (12.0, "12"), (" 12/2026 ", "12/2026")])
def test_a_parked_record_is_found_under_its_code(code: object, dossier: str) -> None:
    (parked,) = read(packet(record(MaHoSo=code, TrangThaiHoSo="11"))).parked

    assert (parked.dossier, parked.code_scope) == (dossier, "party")


def test_an_agency_no_table_knows_parks_the_record() -> None:
    (parked,) = read(packet(record(MaHoSo="000.21.44.H77-260915-0042"))).parked

    assert (parked.code, parked.word) == ("park.agency_unmapped", "H77")


def test_a_profile_may_know_more_words_and_another_dialect() -> None:
    profile = Profile(statuses={"posting": "processing"}, options={"applicant_types": "portal_2026"})

    one = read_one(packet(record(TrangThaiHoSo="posting", LoaiDoiTuong="0")), profile)

    assert one.facts[-1].STATE == "processing"
    assert one.facts[0].applicant_type == "citizen"  # type: ignore[union-attr]  # as above


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "read.not_json"),
        (b"\xff\xfe", "read.encoding"),
        (b"\xef\xbb\xbf" + packet(RECORD), "read.bom"),
        (packet(RECORD)[:-40], "read.not_json"),
        (b'"text"', "read.envelope"),
        (b"[]", "read.record_count"),
        (packet(), "read.record_count"),
        (packet(*[1] * 1_001), "read.record_count"),
        (b"[" * 10_000 + b"]" * 10_000, "read.too_deep"),
        (packet(RECORD, isUpdating="co"), "read.envelope"),
        (packet(RECORD, service="KhongCo"), "read.envelope"),
        (b"<DongBoHoSoMC", "read.not_xml"),
        (b"<KhongCo/>", "read.envelope"),
        (b"<DongBoHoSoMC><data/></DongBoHoSoMC>", "read.record_count"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><DongBoHoSoMC>&b;</DongBoHoSoMC>', "read.dtd"),
    ],
)
def test_a_message_nobody_can_take_apart_is_refused_whole(body: bytes, code: str) -> None:
    with pytest.raises(MessageRefused) as caught:
        read(body)
    assert caught.value.code == code


def test_the_address_and_the_envelope_must_name_one_service() -> None:
    with pytest.raises(MessageRefused) as caught:
        read(progress(row()), kind="qcvn120/DongBoHoSoMC")
    assert caught.value.code == "read.envelope"


def test_depth_is_bounded_within_a_record() -> None:
    deep = json.loads("[" * 10 + "]" * 10)
    too_deep = json.loads("[" * 40 + "]" * 40)

    reading = read(packet(record(Phu=deep), record(Phu=too_deep)))

    assert len(reading.records) == 1
    assert [error.code for error in reading.refused[0].errors] == ["read.too_deep"]


def test_an_array_of_a_thousand_is_read() -> None:
    assert len(read(packet(*[row()] * 1_000, service="CapNhatTienDoHoSoMC")).records) == 1_000


def test_the_edition_is_that_of_the_richest_record() -> None:
    old = {name: value for name, value in RECORD.items() if name not in EXTENDED_ONLY}

    assert read(packet(old)).edition == "2019"
    assert read(packet(old, RECORD)).edition == "extended"


def test_a_retired_agency_that_still_numbers_dossiers_is_noted() -> None:
    assert ("warn.agency_retired", "/MaHoSo") in warned(packet(record(MaHoSo="000.00.01.H22-260915-0042")))
    assert warned(packet(record(MaHoSo="000.00.01.H22-250601-0042"))) == set()


def test_a_receipt_number_must_be_a_text() -> None:
    assert refusals(packet(record(SoBienNhan=[]))) == [("read.type", "/data/0/SoBienNhan")]


def test_a_receipt_number_in_national_form_is_an_alias_and_any_other_is_not() -> None:
    assert read_one(packet(record(SoBienNhan="000.21.44.H99-260915-0001"))).aliases == ("000.21.44.H99-260915-0001",)
    assert read_one(packet(record(SoBienNhan="BN-12"))).aliases == ()


def test_messages_are_recognised_by_their_first_bytes() -> None:
    for edition in ("2019", "extended"):
        for name in ("DongBoHoSoMC", "CapNhatTienDoHoSoMC"):
            for path, body in catalog.get("qcvn120", name, edition).samples("valid"):
                assert recognise(body, "") == f"qcvn120/{name}", path
    assert recognise(b'{"a": 1}', "application/json") == ""


def test_the_two_forms_of_a_message_say_the_same() -> None:
    samples = dict(catalog.get("qcvn120", "CapNhatTienDoHoSoMC", "extended").samples("valid"))
    as_json, as_xml = (read(samples[f"CapNhatTienDoHoSoMC--{name}"], PLAIN) for name in ("bare-array.json", "xml.xml"))

    assert as_xml.records[0].facts == as_json.records[0].facts
