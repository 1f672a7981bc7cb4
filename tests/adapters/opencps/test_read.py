"""What a LGSP message says, what it does not say, and what is refused, parked or flagged."""

import hashlib
from base64 import b64encode
from typing import Any

import msgspec
import pytest

from adapters.opencps import ADAPTER
from adapters.opencps.invented import life_of
from contracts import catalog
from contracts.envelope import Envelope
from contracts.errors import MessageRefused
from contracts.facts import (
    DossierReceived,
    DossierRefused,
    DossierSubmitted,
    Fact,
    PaymentRequested,
    ProcessingFinished,
    ProcessingStepRecorded,
    ResultHandedOver,
    SupplementProvided,
    SupplementRequested,
    stated,
)
from contracts.moment import rfc3339
from contracts.ports import Profile
from contracts.reading import Reading, Record

NOW = 1_770_000_000_000_000
SENTINEL = "0000-00-00T00:00:00.000+0700"
RECORD: dict[str, Any] = {
    "DocTypeCode": "1.013225",
    "DocTypeName": "Cấp giấy phép xây dựng",
    "DocCode": "000.21.44.H99-260105-0001",
    "CitizenName": "Lò Thị Mẫu",
    "ApplicantsId": "099000000017",
    "ApplicantsType": 1,
    "Phone": "0900000017",
    "DateReceived": "2026-01-05T08:15:30.120+0700",
    "DateAppointed": "2026-01-26T16:30:00.000+0700",
    "IsSuccess": False,
    "SuccessDate": SENTINEL,
    "IsReturned": False,
    "ReturnedDate": "2026-01-26T16:30:00.000+0700",
    "ReturnedType": 0,
    "Status": 1,
    "ProcessingOrganName": "Uỷ ban nhân dân xã Mẫu Giang",
    "HasSupplementary": False,
    "OrganInchargeIdLevel1": "000.21.44.H99",
    "OrganInchargeName": "Uỷ ban nhân dân xã Mẫu Giang",
}
ROW: dict[str, Any] = {
    "DocumentId": 990_000_001,
    "DocCode": "000.21.44.H99-260105-0001",
    "UserName": "Vừ Mẫu Thảo",
    "UserPosition": "Chuyên viên",
    "DateCreated": "2026-01-05T08:15:31.000+0700",
    "Comment": "Tiếp nhận hồ sơ",
    "Status": 0,
    "OrganizationInchargeName": "Một cửa",
}


def read_body(body: bytes, name: str = "SyncDocument", profile: Profile | None = None) -> Reading:
    envelope = Envelope(party="tinh", adapter="opencps", body=body, received_at=NOW, type=name and f"opencps/{name}")
    return ADAPTER.read(envelope, profile or Profile())


def read_record(profile: Profile | None = None, **changed: Any) -> Record:
    reading = read_body(msgspec.json.encode({**RECORD, **changed}), profile=profile)
    assert not reading.refused
    assert not reading.parked
    return reading.records[0]


def read_row(profile: Profile | None = None, **changed: Any) -> Record:
    reading = read_body(msgspec.json.encode({**ROW, **changed}), "UpdateDocumentTraces", profile)
    assert not reading.refused
    assert not reading.parked
    return reading.records[0]


def kinds(record: Record) -> list[type[Fact]]:
    return [type(fact) for fact in record.facts]


def values(record: Record) -> dict[str, Any]:
    return {name: value for fact in record.facts for name, value in stated(fact).items()}


def codes(record: Record) -> set[tuple[str, str]]:
    return {(note.code, note.path) for note in (*record.warnings, *record.losses)}


def refusal(name: str = "SyncDocument", **changed: Any) -> list[tuple[str, str]]:
    base = RECORD if name == "SyncDocument" else ROW
    body = msgspec.json.encode({key: value for key, value in {**base, **changed}.items() if value != "DROP"})
    reading = read_body(body, name)
    assert not reading.records
    return [(error.code, error.path) for error in reading.refused[0].errors]


# ── the snapshot ───────────────────────────────────────────────────────────────────────────────────


def test_a_received_dossier_states_submission_and_reception_at_its_date() -> None:
    record = read_record()

    assert kinds(record) == [DossierSubmitted, DossierReceived]
    known = values(record)
    assert known["procedure_code"] == "1.013225"
    assert known["applicant_name"] == "Lò Thị Mẫu"
    assert known["applicant_type"] == "citizen"
    assert known["processing_agency_code"] == "000.21.44.H99"
    assert known["return_method"] == "0"
    assert rfc3339(known["received_at"].us) == "2026-01-05T01:15:30.120000Z"
    assert known["received_at"].text == RECORD["DateReceived"]
    assert record.facts[1].at == known["received_at"]
    assert (record.agency, record.code_scope, record.row, record.updating) == ("H99.44.21", "national", False, None)
    assert ("loss.state_folded", "/Status") in codes(record)


def test_before_reception_a_dossier_is_only_submitted() -> None:
    record = read_record(DateReceived=None, DateAppointed="", ReturnedDate="1970-01-01T07:00:00.000+0700")

    assert kinds(record) == [DossierSubmitted]
    assert "received_at" not in values(record)


def test_status_2_is_finished_at_the_success_date() -> None:
    record = read_record(Status=2, IsSuccess=True, SuccessDate="2026-01-20T10:05:00.000+0700")

    assert kinds(record) == [DossierSubmitted, DossierReceived, ProcessingFinished]
    assert rfc3339(values(record)["finished_at"].us) == "2026-01-20T03:05:00.000000Z"
    assert not record.losses


def test_a_returned_result_was_finished_before() -> None:
    record = read_record(
        IsReturned=True, SuccessDate="2026-01-20T10:05:00.000+0700", ReturnedDate="2026-01-21T08:40:00.000+0700"
    )

    assert kinds(record)[2:] == [ProcessingFinished, ResultHandedOver]
    assert rfc3339(values(record)["returned_at"].us) == "2026-01-21T01:40:00.000000Z"


def test_the_due_date_in_returned_date_is_no_hand_over() -> None:
    assert "returned_at" not in values(read_record())


@pytest.mark.parametrize(
    "sentinel", [SENTINEL, "1970-01-01T07:00:00.000+0700", "0002-11-30T00:00:00.000+0700", "", None]
)
def test_sentinel_dates_state_nothing(sentinel: str | None) -> None:
    record = read_record(Status=2, SuccessDate=sentinel, DateAppointed=sentinel)

    assert ProcessingFinished in kinds(record)
    assert {"finished_at", "due_at"}.isdisjoint(values(record))


def supplementary(*, received: bool) -> dict[str, Any]:
    return {
        "SupplementaryId": 7,
        "SendUser": "Vừ Mẫu Thảo",
        "SendComment": "Bổ sung bản vẽ",
        "SendDate": "2026-01-07T09:00:00.000+0700",
        "ReceivedDate": "2026-01-09T09:00:00.000+0700" if received else SENTINEL,
        "IsReceived": received,
        "Papers": [{"PaperName": "Bản vẽ", "Amount": 2, "PaperType": 1}],
        "Fees": [{"FeeName": "Phí", "FeeType": 2, "Price": 12_500.5}],
        "OldDateAppointed": "2026-01-26T16:30:00.000+0700",
    }


def test_an_open_round_of_supplementing_is_a_request() -> None:
    record = read_record(HasSupplementary=True, Supplementaries=[supplementary(received=False)])

    assert kinds(record)[-1] is SupplementRequested
    round_ = values(record)["supplements"][0]
    assert (round_.id, round_.request, round_.done, round_.received_at) == ("7", "Bổ sung bản vẽ", False, None)
    assert round_.papers[0].copies == 2
    assert round_.fees[0].amount == "12500.5"
    assert record.facts[-1].at == round_.requested_at


def test_an_answered_round_means_that_work_goes_on() -> None:
    record = read_record(Supplementaries=[supplementary(received=True)])

    assert kinds(record)[-1] is SupplementProvided
    assert record.facts[-1].at is not None
    assert not record.losses


def test_a_closing_date_alone_is_cancelled_or_denied_and_nobody_knows_which() -> None:
    closed: Any = {"FinishedDate": "2026-01-08T09:00:00.000+0700"}

    folded = read_record(**closed)
    said = read_record(Profile(options={"closed_means": "refused"}), **closed)

    assert kinds(folded) == [DossierSubmitted, DossierReceived]
    assert ("loss.state_folded", "/FinishedDate") in codes(folded)
    assert values(folded)["extra"]["FinishedDate"] == closed["FinishedDate"]
    assert kinds(said)[-1] is DossierRefused


@pytest.mark.parametrize(
    ("word", "last"),
    [
        ("new", DossierReceived),
        ("processing", ProcessingStepRecorded),
        ("handover", ProcessingStepRecorded),
        ("interoperating", ProcessingStepRecorded),
        ("waiting", SupplementRequested),
        ("paying", PaymentRequested),
        ("releasing", ProcessingFinished),
        ("done", ResultHandedOver),
        ("denied", DossierRefused),
    ],
)
def test_the_sender_s_own_word_decides_where_it_is_given(word: str, last: type[Fact]) -> None:
    record = read_record(DossierStatus=word)

    assert kinds(record)[-1] is last
    assert not record.losses


def test_a_reception_date_beside_a_state_before_reception_is_kept_and_is_no_reception() -> None:
    record = read_record(DossierStatus="receiving")

    assert kinds(record) == [DossierSubmitted]
    assert values(record)["extra"]["DateReceived"] == RECORD["DateReceived"]


def test_a_party_may_map_its_own_words_sub_status_first() -> None:
    profile = Profile(
        statuses={"processing/300": "payment_requested", "đang-trình": "processing", "Status=5": "stopped"}
    )

    assert kinds(read_record(profile, DossierStatus="processing", DossierSubStatus="300"))[-1] is PaymentRequested
    assert kinds(read_record(profile, DossierStatus="processing", DossierSubStatus=200))[-1] is ProcessingStepRecorded
    assert kinds(read_record(profile, DossierStatus="đang-trình"))[-1] is ProcessingStepRecorded
    assert read_record(profile, Status=5).facts[-1].TOPIC == "dossier.processing-stopped"


@pytest.mark.parametrize(
    ("changed", "code", "path", "word"),
    [
        ({"DossierStatus": "lạ-lẫm"}, "park.status_unmapped", "/DossierStatus", "lạ-lẫm"),
        ({"DossierStatus": "lạ", "DossierSubStatus": 9}, "park.status_unmapped", "/DossierStatus", "lạ/9"),
        ({"Status": 3}, "park.status_unmapped", "/Status", "3"),
        ({"ApplicantsType": 9}, "park.code_unmapped", "/ApplicantsType", "9"),
        ({"DocCode": "000.21.44.H00-260105-0001"}, "park.agency_unmapped", "/DocCode", "H00"),
    ],
)
def test_an_unknown_code_is_parked_with_its_word(changed: dict[str, Any], code: str, path: str, word: str) -> None:
    reading = read_body(msgspec.json.encode({**RECORD, **changed}))

    assert not reading.records
    assert not reading.refused
    parked = reading.parked[0]
    assert (parked.code, parked.path, parked.word) == (code, path, word)


def test_files_travel_as_hashes_and_their_bytes_are_kept_apart() -> None:
    content, small = b"%PDF-1.4 " + b"x" * 300, b"nho"
    files = [
        {
            "AttachmentId": 990_001,
            "AttachmentName": "Đơn.pdf",
            "IsDeleted": False,
            "Base64": b64encode(content).decode(),
        },
        {"AttachmentName": "nhỏ.txt", "IsDeleted": True, "Base64": b64encode(small).decode(), "IsVerified": False},
        {"AttachmentName": "không có tệp"},
        {"AttachmentName": "cùng tệp", "Base64": b64encode(content).decode()},
    ]
    body = msgspec.json.encode({**RECORD, "Attachments": files})

    reading = read_body(body)
    documents = values(reading.records[0])["documents"]

    assert [body[start:end] for start, end in reading.attachments] == [b64encode(content)] * 2
    assert [document.id for document in documents] == ["990001", "", "", ""]
    assert documents[0].content_sha256 == hashlib.sha256(content).hexdigest()
    assert documents[1].content_sha256 == hashlib.sha256(small).hexdigest()
    assert documents[2].content_sha256 == ""
    assert documents[1].deleted
    assert ("loss.not_carried", "/Attachments/IsVerified") in codes(reading.records[0])


def test_an_escaped_slash_in_a_file_does_not_hide_it() -> None:
    content = bytes(range(256)) * 2
    written = b64encode(content).replace(b"/", b"\\/")
    body = msgspec.json.encode({**RECORD, "Attachments": [{"AttachmentName": "t", "Base64": "TEP"}]}).replace(
        b"TEP", written
    )

    reading = read_body(body)

    ((start, end),) = reading.attachments
    assert body[start:end] == written
    assert values(reading.records[0])["documents"][0].content_sha256 == hashlib.sha256(content).hexdigest()


def test_base64_in_lines_is_read_and_anything_else_refused() -> None:
    lines = "\r\n".join(["QUJD" * 19, "QUJD"])
    files = [{"AttachmentName": "t", "Base64": lines}]
    assert values(read_record(Attachments=files))["documents"][0].content_sha256

    assert refusal(Attachments=[{"AttachmentName": "t", "Base64": "không"}]) == [
        ("read.pattern", "/Attachments/0/Base64")
    ]


def test_the_files_of_a_refused_record_are_kept_apart_too() -> None:
    files = [{"AttachmentName": "t", "Base64": "QUJD" * 100}]
    reading = read_body(msgspec.json.encode({**RECORD, "Status": None, "Attachments": files}))

    assert reading.refused
    assert len(reading.attachments) == 1


def test_members_outside_the_format_are_kept_and_reported() -> None:
    record = read_record(maNoiBo="A-1", soTrang=3, Attachments=[{"AttachmentName": "t", "kích/cỡ": 1}])

    assert values(record)["extra"] == {"maNoiBo": "A-1", "soTrang": "3"}
    assert {("warn.unknown_field", "/maNoiBo"), ("warn.unknown_field", "/Attachments/kích~1cỡ")} <= codes(record)


def test_a_record_with_very_many_unknown_members_is_reported_in_short() -> None:
    record = read_record(**dict[str, Any]({f"la{number}": "x" for number in range(5_000)}))

    assert len(record.warnings) == 50


def test_numbers_as_strings_and_the_reverse_are_taken_and_flagged() -> None:
    record = read_record(
        ApplicantsType="2", Status="1", Phone=900_000_017, IsReturned=0, DocFees=[{"FeeName": "Phí", "Price": "30000"}]
    )

    known = values(record)
    assert (known["applicant_type"], known["phone"], known["fees"][0].amount) == ("business", "900000017", "30000")
    found = codes(record)
    assert {("warn.string_for_number", "/ApplicantsType"), ("warn.number_for_string", "/Phone")} <= found
    assert {("warn.string_for_number", "/DocFees/Price"), ("warn.number_for_string", "/IsReturned")} <= found


@pytest.mark.parametrize(
    ("changed", "warning"),
    [
        ({"ApplicantsId": "000000001"}, ("warn.fake_citizen_number", "/ApplicantsId")),
        ({"DocTypeCode": "1.013225.000.00.00.H99"}, ("warn.procedure_suffix", "/DocTypeCode")),
        ({"DocCode": "000.21.44.H99-260105-57312"}, ("warn.random_dossier_code", "/DocCode")),
        ({"CitizenName": "Lo\u0300 Thi\u0323 Ma\u0302\u0303u"}, ("warn.not_nfc", "/CitizenName")),
        ({"Compendium": "Test"}, ("warn.placeholder_text", "/Compendium")),
        ({"DateReceived": "20260105081530"}, ("warn.date_form", "/DateReceived")),
        ({"DateReceived": "2026-01-05T08:15:30.120Z"}, ("warn.literal_z", "/DateReceived")),
    ],
)
def test_habits_of_real_senders_are_flagged_and_change_nothing(
    changed: dict[str, Any], warning: tuple[str, str]
) -> None:
    assert warning in codes(read_record(**changed))


def test_a_procedure_code_is_compared_without_its_suffix_and_a_local_one_stays() -> None:
    assert values(read_record(DocTypeCode="1.013225.H99"))["procedure_code"] == "1.013225"
    assert values(read_record(DocTypeCode="TT-MAU-01"))["procedure_code"] == "TT-MAU-01"


def test_a_code_that_is_no_national_form_belongs_to_its_party() -> None:
    record = read_record(DocCode=" 12/2026/0001 ")

    assert (record.dossier, record.code_scope, record.agency) == ("12/2026/0001", "party", "")


def test_the_fingerprint_leaves_out_what_changes_by_itself() -> None:
    one, other = (
        read_record(Note="https://tep.example.vn/a.pdf?t=" + time).material
        for time in ("1767000000000", "1767000000999")
    )
    assert one == other


# ── rows ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_is_a_silent_step_with_its_own_time() -> None:
    record = read_row()

    fact = record.facts[0]
    assert isinstance(fact, ProcessingStepRecorded)
    assert fact.silent
    assert fact.at is not None
    assert rfc3339(fact.at.us) == "2026-01-05T01:15:31.000000Z"
    assert fact.step is not None
    assert (fact.step.officer, fact.step.title) == ("Vừ Mẫu Thảo", "Chuyên viên")
    assert (fact.step.department, fact.step.content) == ("Một cửa", "Tiếp nhận hồ sơ")
    assert record.row


def test_a_literal_z_is_local_time_unless_the_profile_says_otherwise() -> None:
    text = "2026-01-05T08:15:31.000Z"
    local, utc = read_row(DateCreated=text), read_row(Profile(options={"literal_z": "utc"}), DateCreated=text)

    assert [rfc3339(record.facts[0].at.us)[11:13] for record in (local, utc) if record.facts[0].at] == ["01", "08"]
    assert ("warn.literal_z", "/DateCreated") in codes(local)
    assert not utc.warnings


def test_a_row_with_the_sender_s_word_moves_the_state() -> None:
    record = read_row(DossierStatus="waiting")

    fact = record.facts[0]
    assert isinstance(fact, SupplementRequested)
    assert fact.step is not None
    assert fact.step.word == "waiting"


def test_a_row_without_an_action_is_refused_by_name() -> None:
    body = msgspec.json.encode({"DocumentId": 1, "DocCode": ROW["DocCode"]})
    reading = read_body(body, "UpdateDocumentTraces")

    assert [(error.code, error.path) for error in reading.refused[0].errors] == [("read.missing", "/DateCreated")]
    assert reading.refused[0].dossier == ROW["DocCode"]


def test_a_row_at_a_sentinel_time_is_refused() -> None:
    assert refusal("UpdateDocumentTraces", DateCreated=SENTINEL) == [("read.missing", "/DateCreated")]


def test_an_unknown_number_in_a_row_is_parked() -> None:
    reading = read_body(msgspec.json.encode({**ROW, "Status": 4}), "UpdateDocumentTraces")

    assert (reading.parked[0].word, reading.parked[0].row) == ("4", True)
    mapped = read_row(Profile(statuses={"Status=4": "processing"}), Status=4)
    assert mapped.facts[0].step is not None
    assert mapped.facts[0].step.word == "Status=4"


# ── messages of many, and none ─────────────────────────────────────────────────────────────────────


def test_one_bad_record_does_not_hold_up_the_good_ones() -> None:
    body = msgspec.json.encode([ROW, {**ROW, "DateCreated": "2026-13-01T00:00:00.000+0700"}, {**ROW, "Status": 8}, 5])
    reading = read_body(body, "UpdateDocumentTraces")

    assert [record.index for record in reading.records] == [0]
    assert [(one.index, one.errors[0].code, one.errors[0].path) for one in reading.refused] == [
        (1, "read.date", "/1/DateCreated"),
        (3, "read.type", "/3"),
    ]
    assert [(one.index, one.path) for one in reading.parked] == [(2, "/2/Status")]
    assert msgspec.json.decode(body[slice(*reading.records[0].span)]) == ROW


def test_documents_come_as_an_array_too() -> None:
    bodies = [body for life in life_of(3, 4) for path, body in life.messages if path.endswith("SyncDocument")]
    reading = read_body(b"[" + b" ,\n".join(bodies) + b"]")

    assert len(reading.records) == len(bodies)
    assert [record.facts for record in reading.records] == [read_body(body).records[0].facts for body in bodies]
    for record, body in zip(reading.records, bodies, strict=True):
        assert record.material == body


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "read.not_json"),
        (b"[]", "read.record_count"),
        (b"[" + b"1," * 1_000 + b"1]", "read.record_count"),
        (b'"DocCode"', "read.envelope"),
        (b"\xef\xbb\xbf{}", "read.bom"),
        (b"{\xff}", "read.encoding"),
        (b"<MSyncDocument/>", "read.not_json"),
    ],
)
def test_a_message_nobody_can_take_apart_is_refused_whole(body: bytes, code: str) -> None:
    with pytest.raises(MessageRefused) as caught:
        read_body(body)
    assert caught.value.code == code


def test_nesting_of_ten_is_fine_and_of_ten_thousand_refused() -> None:
    fine = read_record(sau=msgspec.json.decode(b"[" * 10 + b"]" * 10))
    assert fine.facts

    body = msgspec.json.encode(RECORD)[:-1] + b',"sau":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    with pytest.raises(MessageRefused) as caught:
        read_body(body)
    assert caught.value.code == "read.too_deep"


def test_the_type_is_recognised_where_the_transport_does_not_name_it() -> None:
    for name, value in (("SyncDocument", RECORD), ("UpdateDocumentTraces", ROW)):
        body = msgspec.json.encode(value)
        assert ADAPTER.recognise(body, "application/json") == f"opencps/{name}"
        assert read_body(body, "").service == name
    for other in (b"", b"<a/>", b"{}", b'{"DocCode": 1}', b'{"MaHoSo": 1}'):
        assert ADAPTER.recognise(other, "") == ""
    with pytest.raises(MessageRefused) as caught:
        read_body(b"{}", "")
    assert caught.value.code == "intake.type_unknown"


def test_a_type_of_another_format_is_refused() -> None:
    envelope = Envelope(party="p", adapter="opencps", body=b"{}", received_at=0, type="qcvn120/DongBoHoSoMC")
    with pytest.raises(MessageRefused) as caught:
        ADAPTER.read(envelope, Profile())
    assert caught.value.code == "read.envelope"


# ── samples and invented lives ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["SyncDocument", "UpdateDocumentTraces"])
def test_every_sample_of_the_contract_is_read_as_its_name_says(name: str) -> None:
    contract = catalog.get("opencps", name, "lgsp-2020")
    for path, body in contract.samples("valid"):
        assert read_body(body, name).records, path
    for path, body in contract.samples("invalid"):
        try:
            found = {error.code for one in read_body(body, name).refused for error in one.errors}
        except MessageRefused as refused:
            found = {refused.code}
        assert found == {path.partition("--")[0]}, path


@pytest.mark.parametrize("fine", [True, False])
def test_every_message_of_an_invented_life_is_read_without_a_doubt(fine: bool) -> None:  # noqa: FBT001  # a case
    for life in life_of(11, 40, fine=fine):
        for path, body in life.messages:
            reading = read_body(body, path.rpartition("/")[2])
            assert not reading.refused
            assert not reading.parked
            assert not reading.records[0].warnings
            assert reading.records[0].dossier == life.code
