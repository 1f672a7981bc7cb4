"""Whatever bytes come, reading ends in a Reading or in MessageRefused; what is written is read back as it was meant."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters.civil_status import ADAPTER
from adapters.civil_status.invented import births, deaths
from contracts import catalog
from contracts.dates import read_moment
from contracts.delivery import Unrenderable
from contracts.envelope import Envelope
from contracts.errors import CODES, MessageRefused
from contracts.facts import State, Step
from contracts.moment import Moment
from contracts.picture import Due, Picture, StepTaken
from contracts.ports import Profile
from contracts.reading import ParkedRecord, Reading, Record, RefusedRecord

KINDS = st.sampled_from(("civil_status/HoSoLienThong", "civil_status/TrangThai", ""))
PLAIN = json.loads(next(births(1, 1, nested=False)))
SEEDS = [next(births(2, 1)), next(deaths(2, 1)), next(births(3, 1, nested=False))]
STATUS = {
    "maTTHC": "2.002621",
    "maHoSo": "H99.07.11-20260105-0000042",
    "trangThai": 3,
    "thoiGianThucHien": "06/01/2026 08:15:00",
}
CONTRACT = catalog.get("civil_status", "TrangThai", "dvclt-2023")
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def read(body: bytes, kind: str) -> Reading | None:
    """Read, or None when the message was refused; anything else fails the test."""
    envelope = Envelope(party="btp", adapter="civil_status", body=body, received_at=0, type=kind)
    reading: Reading | None = None
    try:
        reading = ADAPTER.read(envelope, Profile())
    except MessageRefused as refusal:
        codes = {refusal.code, *(error.code for error in refusal.errors)}
    else:
        codes = {error.code for part in reading.refused for error in part.errors}
        check(reading, body)
    assert codes <= CODES.keys()
    return reading


def check(reading: Reading, body: bytes) -> None:
    """What every reading promises of its parts."""
    parts: list[Record | RefusedRecord | ParkedRecord] = [*reading.records, *reading.refused, *reading.parked]
    assert sorted(part.index for part in parts) == list(range(len(parts)))
    for part in parts:
        start, end = part.span
        assert 0 <= start < end <= len(body)
    before = 0
    for start, end in reading.attachments:
        assert before <= start < end <= len(body)
        before = end
    notes = [note for record in reading.records for note in (*record.warnings, *record.losses)]
    assert {note.code for note in notes} <= CODES.keys()
    assert all(refused.errors for refused in reading.refused)


@given(body=st.binary(max_size=400), kind=KINDS)
def test_arbitrary_bytes_end_in_a_reading_or_a_refusal(body: bytes, kind: str) -> None:
    read(body, kind)


@given(
    seed=st.sampled_from(SEEDS),
    at=st.integers(0, 3_000),
    cut=st.integers(0, 12),
    put=st.binary(max_size=12),
    kind=KINDS,
)
def test_a_real_message_damaged_anywhere_ends_in_a_reading_or_a_refusal(
    seed: bytes, at: int, cut: int, put: bytes, kind: str
) -> None:
    at %= len(seed)
    read(seed[:at] + put + seed[at + cut :], kind)


@given(name=st.sampled_from(sorted({*PLAIN, *STATUS, "ketQuaXuLy", "soHoSoLT"})), value=VALUES)
def test_any_value_in_any_member_ends_in_a_reading_or_a_refusal(name: str, value: Any) -> None:
    for plain, kind in ((PLAIN, "civil_status/HoSoLienThong"), (STATUS, "civil_status/TrangThai")):
        read(json.dumps({**plain, name: value}).encode(), kind)


@given(form=st.text(max_size=200) | st.text("<>/ahoTichnksHTen&;!-[]", max_size=120).map("<hoTich>{}".format))
def test_any_text_as_the_form_ends_in_a_reading_or_a_refusal(form: str) -> None:
    read(json.dumps({**PLAIN, "data": form}).encode(), "civil_status/HoSoLienThong")


@given(body=st.sampled_from(SEEDS), layers=st.integers(0, 2))
def test_wrapping_a_message_does_not_change_what_it_says(body: bytes, layers: int) -> None:
    wrapped = body
    for _ in range(layers):
        wrapped = json.dumps({"data": wrapped.decode()}).encode()
    plain, nested = read(body, ""), read(wrapped, "civil_status/HoSoLienThong")
    assert plain is not None
    assert nested is not None
    assert plain.records[0].facts == nested.records[0].facts
    assert plain.records[0].material == nested.records[0].material


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60).map(str.strip)
SECONDS = st.integers(946_684_800, 4_102_444_800)
STATES: st.SearchStrategy[State] = st.sampled_from(
    ("received", "processing", "supplement_requested", "finished", "handed_over", "refused")
)


@st.composite
def taken(draw: st.DrawFn) -> StepTaken:
    step = Step(
        officer=draw(TEXTS),
        title=draw(TEXTS),
        department=draw(TEXTS),
        content=draw(TEXTS),
        started_at=draw(st.none() | SECONDS.map(lambda second: Moment(second * 1_000_000))),
        due_at=draw(st.none() | SECONDS.map(lambda second: Moment(second * 1_000_000))),
    )
    at = Moment(draw(SECONDS) * 1_000_000 + draw(st.integers(0, 999_999)))
    return StepTaken(position=draw(st.integers(1, 10**9)), at=at, state=draw(STATES), step=step, party="p", digest=b"")


@given(step=taken(), carried=st.booleans(), known=st.booleans())
def test_what_is_written_keeps_the_contract_and_is_read_back(step: StepTaken, carried: bool, known: bool) -> None:  # noqa: FBT001  # drawn
    code = "H99.07.11-20260105-0000042"
    pic = Picture(code=code, fields={"procedure_code": "2.002621"}, state=step.state, state_at=step.at, steps=(step,))
    profile = Profile(options={"carrier": "data"} if carried else {})
    written = ADAPTER.write(Due(picture=pic, code=code, record=known, steps=(step,), known=known), profile)
    assert not isinstance(written, Unrenderable)
    (rendering,) = written
    assert CONTRACT.is_valid_json(json.loads(rendering.body))
    reading = read(rendering.body, "")
    assert reading is not None
    (record,) = reading.records
    fact = record.facts[0]
    assert record.dossier == code
    assert step.state == fact.STATE
    assert fact.at is not None
    assert fact.at.us == step.at.us // 1_000_000 * 1_000_000
    assert fact.step is not None
    told = (fact.step.officer, fact.step.title, fact.step.department, fact.step.content)
    assert told == (step.step.officer, step.step.title, step.step.department, step.step.content)
    assert (fact.step.started_at is None) == (step.step.started_at is None)
    assert fact.step.due_at == (read_moment(fact.step.due_at.text) if fact.step.due_at else None)
    assert (fact.step.due_at.us if fact.step.due_at else None) == (step.step.due_at.us if step.step.due_at else None)


@given(step=taken(), profile=st.sampled_from((Profile(), Profile(options={"carrier": "data"}))))
def test_writing_is_a_function_of_its_input(step: StepTaken, profile: Profile) -> None:
    pic = Picture(code="x", fields={"procedure_code": "1"}, state=step.state, state_at=step.at, steps=(step,))
    due = Due(picture=pic, code="x", record=True, steps=(step,), known=False)
    assert ADAPTER.write(due, profile) == ADAPTER.write(due, profile)
    assert ADAPTER.project(pic, profile) == ADAPTER.project(pic, profile)
