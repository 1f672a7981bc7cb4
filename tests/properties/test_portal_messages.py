"""Whatever arrives ends in facts, parked records or reasons; what is written is read back; the spoiled stay apart."""

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.kit import full_picture
from adapters.portal import ADAPTER
from contracts import catalog
from contracts.delivery import Unrenderable
from contracts.envelope import Envelope
from contracts.errors import CODES, MessageRefused
from contracts.facts import stated
from contracts.picture import Due, Picture
from contracts.ports import Profile
from contracts.reading import ParkedRecord, Reading, Record, RefusedRecord
from contracts.status import STATE_ORDER

PLAIN = Profile()
SAMPLES = [
    body
    for name in ("DongBoHoSoMC", "CapNhatTienDoHoSoMC")
    for edition in ("2019", "extended")
    for _, body in catalog.get("qcvn120", name, edition).samples("valid")
]
PACKETS = [json.loads(body) for body in SAMPLES if body.lstrip().startswith(b"{")]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.sampled_from(["20260230081000", "15/09/2026 08:10:00", "0", "11", " ", "H99", "...", "1.099001.000.00.00.H99"]),
    st.lists(st.one_of(st.none(), st.text(max_size=3), st.dictionaries(st.text(max_size=3), st.none(), max_size=2))),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)


def understand(body: bytes, kind: str = "") -> Reading | None:
    try:
        reading = ADAPTER.read(Envelope(party="p", adapter="portal", body=body, received_at=0, type=kind), PLAIN)
    except MessageRefused as refusal:
        _check(refusal)
        return None
    marks: list[Record | RefusedRecord | ParkedRecord] = [*reading.records, *reading.refused, *reading.parked]
    assert sorted(mark.index for mark in marks) == list(range(len(marks)))
    assert all(0 <= start < end <= len(body) for start, end in (mark.span for mark in marks))
    assert all(one.errors for one in reading.refused)
    assert all(note.code in CODES for one in reading.records for note in one.warnings)
    return reading


def _check(refusal: MessageRefused) -> None:
    assert refusal.errors
    assert all(error.code in CODES for error in refusal.errors)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_end_in_a_reading_or_a_refusal(body: bytes) -> None:
    understand(body)
    understand(body, "qcvn120/DongBoHoSoMC")


@given(body=st.sampled_from(SAMPLES), data=st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_bytes_end_in_a_reading_or_a_refusal(body: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(body)))
    cut = data.draw(st.integers(0, 60))
    put = data.draw(
        st.one_of(st.binary(max_size=6), st.sampled_from([b'"', b"{", b"]", b"<", b"&#0;", b"\\ud800", b"1"]))
    )

    understand(body[:at] + put + body[at + cut :])


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[tuple[Any, ...]] = []
    for name, member in items:
        found += [(*place, name), *_places(member, (*place, name))]
    return found


@given(packet=st.sampled_from(PACKETS), data=st.data())
@settings(max_examples=400, deadline=None)
def test_any_value_in_any_place_is_taken_parked_or_refused_and_nothing_else(packet: Any, data: st.DataObject) -> None:
    packet = copy.deepcopy(packet)
    for _ in range(data.draw(st.integers(1, 4))):
        *outer, last = data.draw(st.sampled_from(_places(packet)))
        holder = packet
        for part in outer:
            holder = holder[part]
        if data.draw(st.booleans()):
            holder[last] = data.draw(VALUES)
        elif isinstance(holder, dict):
            del holder[last]

    understand(json.dumps(packet, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@given(packet=st.sampled_from(PACKETS), value=VALUES, data=st.data())
@settings(deadline=None)
def test_a_spoiled_record_never_changes_how_its_neighbours_are_read(
    packet: Any, value: Any, data: st.DataObject
) -> None:
    good = packet["data"][0]
    bad = {**good, data.draw(st.sampled_from(sorted(good))): value}
    alone = understand(json.dumps({**packet, "data": [good]}).encode())
    together = understand(json.dumps({**packet, "data": [bad, good]}).encode("utf-8", "surrogatepass"))

    assert alone is not None
    assert together is not None
    (one,) = alone.records
    other = together.records[-1]
    assert (other.index, other.facts, other.dossier) == (1, one.facts, one.dossier)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40).filter(
    lambda text: bool(text.strip())
)
NAMES = (
    *("procedure_name", "field_code", "field_name", "applicant_name", "applicant_paper_number", "applicant_account"),
    *("other_info", "email", "fax", "phone", "subject", "remark", "paid_online", "processing_agency", "return_method"),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(NAMES, TEXT)
    | {
        "channel": st.sampled_from(["direct", "online", "postal"]),
        "applicant_type": st.sampled_from(["citizen", "business", "state_body", "organisation"]),
        "submitted_through": st.sampled_from(["portal", "local"]),
        "has_digitised_documents": st.sampled_from(["0", "1"]),
    },
)


@given(changed=FIELDS, state=st.sampled_from(STATE_ORDER), form=st.sampled_from(["json", "xml"]))
@settings(max_examples=200, deadline=None)
def test_what_is_written_reads_back_as_the_same_record(changed: dict[str, Any], state: Any, form: str) -> None:
    profile = Profile(options={"format": form})
    whole = full_picture(state=state)
    picture = Picture(code=whole.code, fields={**whole.fields, **changed}, state=state, steps=whole.steps)
    due = Due(picture=picture, code=picture.code, record=True, steps=picture.steps, known=False)

    written = ADAPTER.write(due, profile)

    assert not isinstance(written, Unrenderable)
    reading = understand(_message(written[0].body, form))
    assert reading is not None
    (one,) = reading.records
    fields: dict[str, Any] = {}
    for fact in one.facts:
        fields |= stated(fact)
    again = Picture(code=one.dossier, fields=fields, state=one.facts[-1].STATE or one.facts[-2].STATE)
    assert ADAPTER.project(again, profile) == ADAPTER.project(picture, profile)


def _message(body: bytes, form: str) -> bytes:
    if form == "json":
        return b'{"service": "DongBoHoSoMC", "data": [' + body + b"]}"
    return b"<DongBoHoSoMC><data>" + body + b"</data></DongBoHoSoMC>"
