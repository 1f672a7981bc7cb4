"""Whatever a province sends ends in facts or a refusal, and what the hub writes keeps what it says it carries."""

import copy
import string
from typing import Any

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from adapters.kit.specimen import full_fields, picture_of
from adapters.opencps import ADAPTER
from adapters.opencps.invented import life_of
from contracts.delivery import Unrenderable
from contracts.envelope import Envelope
from contracts.errors import CODES, MessageRefused
from contracts.facts import Document, Fee, Paper, State, Supplement
from contracts.moment import Moment
from contracts.picture import Due, Picture
from contracts.ports import Profile
from contracts.reading import ParkedRecord, Reading, Record, RefusedRecord

NOW = 1_770_000_000_000_000
PROFILES = (
    Profile(),
    Profile(options={"fine_states": "true"}),
    Profile(options={"fine_states": "true", "date_tail": "Z"}),
    Profile(date_zone="+09:00", options={"fine_states": "true"}),
)
MESSAGES = [message for life in life_of(13, 12) for message in life.messages]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        "",
        " ",
        "null",
        -1,
        2**62,
        1.5,
        True,
        "0000-00-00T00:00:00.000+0700",
        "2026-02-30T00:00:00.000+0700",
        "20260105081530",
        "05/01/2026 08:15:30",
        "2026-01-05T08:15:30.000Z",
        "\x7f",
        "e\u0323",
        "QUJD",
        [],
        [{}],
        {},
    ]
)


def read(body: bytes, service: str, profile: Profile | None = None) -> Reading:
    envelope = Envelope(party="p", adapter="opencps", body=body, received_at=NOW, type=f"opencps/{service}")
    return ADAPTER.read(envelope, profile or Profile())


def judge(body: bytes, service: str) -> None:
    """Facts, or a refusal with its reasons; anything else fails by itself."""
    refusal: MessageRefused | None = None
    try:
        check(read(body, service), body)
    except MessageRefused as refused:
        refusal = refused
    assert refusal is None or refusal.errors


def check(reading: Reading, body: bytes) -> None:
    """What the hub relies on of every reading."""
    marks: list[Record | RefusedRecord | ParkedRecord] = [*reading.records, *reading.refused, *reading.parked]
    assert sorted(mark.index for mark in marks) == list(range(len(marks)))
    for record in reading.records:
        assert record.facts
        assert record.dossier
        assert {note.code for note in (*record.warnings, *record.losses)} <= set(CODES)
        start, end = record.span
        assert all(fact.dossier == record.dossier for fact in record.facts)
        assert len(record.material) <= end - start
    for refused in reading.refused:
        assert refused.errors
    for start, end in reading.attachments:
        assert any(mark.span[0] < start < end < mark.span[1] for mark in marks)
        assert body[start - 1 : start] == body[end : end + 1] == b'"'


@given(body=st.one_of(st.binary(max_size=200), JSON.map(msgspec.json.encode)), data=st.data())
def test_any_bytes_end_in_a_reading_or_a_refusal(body: bytes, data: st.DataObject) -> None:
    service = data.draw(st.sampled_from(["SyncDocument", "UpdateDocumentTraces"]))
    judge(body, service)


@given(data=st.data())
@settings(max_examples=300)
def test_spoiled_messages_end_in_a_reading_or_a_refusal(data: st.DataObject) -> None:
    path, sample = data.draw(st.sampled_from(MESSAGES))
    record = msgspec.json.decode(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from(sorted(record)))
        value = data.draw(st.one_of(ODD, JSON))
        first = record[name][0] if isinstance(record[name], list) and record[name] else None
        if isinstance(first, dict) and first:
            inner = copy.deepcopy(first)
            inner[data.draw(st.sampled_from(sorted(inner)))] = value
            record[name] = [inner, *record[name]]
        elif data.draw(st.booleans()):
            record[name] = value
        else:
            record[data.draw(st.text(max_size=5))] = value
    body = msgspec.json.encode(record)

    judge(body, path.rpartition("/")[2])


@given(data=st.data())
@settings(max_examples=60)
def test_a_record_is_understood_the_same_alone_and_among_others(data: st.DataObject) -> None:
    service = data.draw(st.sampled_from(["SyncDocument", "UpdateDocumentTraces"]))
    mine = [body for path, body in MESSAGES if path.endswith("/" + service)]
    chosen = data.draw(st.lists(st.sampled_from(mine), min_size=1, max_size=6))
    space = data.draw(st.sampled_from([b"", b" ", b"\n\t"]))
    body = b"[" + (space + b"," + space).join(chosen) + space + b"]"

    together = read(body, service)
    check(together, body)

    for record, alone in zip(together.records, chosen, strict=True):
        only = read(alone, service).records[0]
        assert (record.facts, record.material, record.warnings) == (only.facts, only.material, only.warnings)
        assert body[slice(*record.span)] == alone


# ── read after write ───────────────────────────────────────────────────────────────────────────────

WORDS = st.text(alphabet=string.ascii_letters + "ăâđêôơưẫệỗự 0123456789-/", min_size=1, max_size=30).filter(
    lambda text: bool(text.strip()) and text == text.strip()
)
MOMENTS = st.integers(1_000_000_000_000, 1_900_000_000_000).map(lambda millis: Moment(millis * 1_000))
NUMBERS = st.integers(0, 10**15).map(str)
FEES = st.builds(Fee, name=WORDS, kind=NUMBERS, amount=NUMBERS)
PAPERS = st.builds(Paper, name=WORDS, copies=st.integers(0, 99), kind=st.integers(0, 9))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "procedure_code": st.sampled_from(["1.013225", "2.000635", "TT-ĐP-01"]),
    "procedure_name": WORDS,
    "applicant_name": WORDS,
    "applicant_type": st.sampled_from(["citizen", "business", "organisation", "other"]),
    "applicant_paper_number": WORDS,
    "address": WORDS,
    "email": WORDS,
    "phone": WORDS,
    "subject": WORDS,
    "other_info": WORDS,
    "remark": WORDS,
    "received_at": MOMENTS,
    "due_at": MOMENTS,
    "finished_at": MOMENTS,
    "returned_at": MOMENTS,
    "refused_at": MOMENTS,
    "return_info": WORDS,
    "return_method": st.sampled_from(["0", "1", "2"]),
    "processing_agency": WORDS,
    "processing_agency_code": st.just("000.21.44.H99"),
    "fees": st.lists(FEES, min_size=1, max_size=3).map(tuple),
    "other_papers": st.lists(PAPERS, min_size=1, max_size=3).map(tuple),
    "documents": st.lists(
        st.builds(Document, name=WORDS, id=NUMBERS, deleted=st.booleans()), min_size=1, max_size=3
    ).map(tuple),
    "extra": st.dictionaries(st.sampled_from(["ApproverName", "SuccessNote", "fromViaPostal"]), WORDS, min_size=1),
}
NEEDED = ("procedure_code", "applicant_name", "applicant_type", "received_at")
STATES: tuple[State, ...] = (
    "submitted",
    "received",
    "refused",
    "processing",
    "supplement_requested",
    "payment_requested",
    "withdrawn",
    "stopped",
    "finished",
    "handed_over",
)


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    """A dossier of which the needed values are known, and any of the others."""
    chosen = [*NEEDED, *draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True))]
    fields = {name: draw(VALUES[name]) for name in dict.fromkeys(chosen)}
    state = draw(st.sampled_from(STATES))
    if state == "supplement_requested" and draw(st.booleans()):
        rounds = st.builds(
            Supplement,
            id=NUMBERS,
            requested_by=WORDS,
            request=WORDS,
            requested_at=MOMENTS,
            papers=st.lists(PAPERS, max_size=2).map(tuple),
            fees=st.lists(FEES, max_size=2).map(tuple),
            due_before=MOMENTS,
        )
        fields["supplements"] = (draw(rounds),)
    return Picture(code="000.21.44.H99-260105-0001", fields=fields, state=state, state_at=draw(MOMENTS), position=1)


@given(picture=pictures(), profile=st.sampled_from(PROFILES))
@settings(max_examples=300, deadline=None)
def test_read_after_write_keeps_what_the_format_carries(picture: Picture, profile: Profile) -> None:
    due = Due(picture=picture, code=picture.code, record=True, steps=(), known=False)
    written = ADAPTER.write(due, profile)
    assert not isinstance(written, Unrenderable)

    reading = read(written[0].body, "SyncDocument", profile)

    assert not reading.refused
    assert not reading.parked
    again = dict(ADAPTER.project(picture_of(reading), profile))
    wanted = dict(ADAPTER.project(picture, profile))
    if ("loss.state_folded", "state") in {(note.code, note.path) for note in written[0].losses}:
        for name in ("state", "closed_at", "received_at", "due_at"):
            again.pop(name, None)
            wanted.pop(name, None)
    if picture.state == "submitted":
        # Before reception its members are only kept, not applied.
        for name in ("due_at", "processing_agency", "processing_agency_code", "return_method", "extra"):
            again.pop(name, None)
            wanted.pop(name, None)
    assert again == wanted


@given(picture=pictures())
@settings(deadline=None)
def test_what_is_known_and_not_written_is_declared(picture: Picture) -> None:
    assume(picture.fields)
    every = {**full_fields(), **picture.fields}
    whole = Picture(code=picture.code, fields=every, state=picture.state, state_at=picture.state_at, position=1)
    written = ADAPTER.write(Due(picture=whole, code="c", record=True, steps=(), known=True), Profile())
    assert not isinstance(written, Unrenderable)

    carried = ADAPTER.project(whole, Profile())
    lost = {note.path for note in written[0].losses}
    told_otherwise = {"refused_at"} if picture.state == "refused" else set()
    assert set(every) - set(carried) - lost - told_otherwise == set()
